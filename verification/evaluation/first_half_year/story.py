"""What becomes of a pair: what makes it impossible, and how far it gets in half a year.

Not a sum of points. First one asks whether anything keeps them apart for good. Then come four doors in a row (does the
person apply, is asked to come, takes it, is still there in six months), each with its own reasons, and the first door
by its weakest link: liking the work does not help somebody who dares not stand at a till.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from verification.evaluation.first_half_year.adverts import Opening, Workplace
from verification.evaluation.first_half_year.people import Life, Newcomer
from verification.evaluation.first_half_year.setting import GYEONGGI, bounded

MONTHS = 6
# beyond this many times what somebody bears, there is no way
BEYOND, FIRST_TRAIN_KM = 1.35, 5.0
LATE_HOURS = 40
STAY, TIME = 0.75, 0.25
# all risks of leaving, set once so that about four in ten who start leave in half a year
PACE = 0.7


@dataclass(frozen=True)
class Course:
    """How a pair would go: the doors before the start, and by what it ends in each month (the chance of each)."""

    applies: float
    invited: float
    accepts: float
    risks: tuple[Mapping[str, float], ...]
    worth: float = 1.0

    @property
    def starts(self) -> float:
        """Through three doors."""
        return self.applies * self.invited * self.accepts

    def there(self) -> list[float]:
        """The chance of being still there after each month."""
        found, left = [], 1.0
        for month in self.risks:
            left *= math.prod(1 - risk for risk in month.values())
            found.append(left)
        return found

    def value(self) -> float:
        """Mostly whether somebody is there at the end (the day when the first incentive falls due), partly the time."""
        there = self.there()
        return self.starts * self.worth * (STAY * there[-1] + TIME * sum(there) / len(there))


def _speaks_chinese(life: Life, work: Workplace) -> bool:
    return work.trade.name != "chinese" or life.chinese


def _too_far(life: Life, work: Workplace) -> bool:
    if work.dormitory and life.away:
        return False
    minutes = life.minutes(work.point, work.bus)
    if work.early and not life.car and minutes > 17 + 2.1 * FIRST_TRAIN_KM:
        return True
    return minutes > life.tolerance * BEYOND


def _no_care(life: Life, work: Workplace) -> bool:
    """Alone with a child: the nursery is open on weekdays by day."""
    return life.alone and (work.shift in ("evening", "night", "rotating") or work.hours > LATE_HOURS or work.early)


# in the order in which they are told; what neither side said is among them
HINDRANCES: tuple[tuple[str, Callable[[Life, Workplace], bool]], ...] = (
    ("not-wanted", lambda life, work: work.kind not in life.kinds),
    ("ruled-out", lambda life, work: life.avoids == work.employer[1]),
    ("certificate", lambda life, work: not work.needs <= life.certificates),
    ("language", lambda life, work: not _speaks_chinese(life, work)),
    ("licence", lambda life, work: work.needs_licence and not life.licence),
    ("car", lambda life, work: work.needs_car and not life.car),
    ("education", lambda life, work: life.school < work.education_min),
    ("experience", lambda life, work: life.months.get(work.trade.name, 0) < work.experience_months),
    ("age", lambda life, work: not work.age[0] <= life.age <= work.age[1]),
    ("sex", lambda life, work: work.sex is not None and (work.sex == "female") != life.woman),
    ("residence", lambda life, work: work.residence is not None and work.residence != life.home.province),
    ("jobless", lambda life, work: work.jobless and not life.jobless),
    ("income", lambda life, work: life.income > work.income_max),
    ("childcare", _no_care),
    ("shift", lambda life, work: work.shift in ("night", "rotating") and not life.nights),
    ("lodging", lambda life, work: work.must_lodge and not life.away),
    ("way", _too_far),
)


def hindrance(person: Newcomer, opening: Opening) -> str | None:
    """The first thing that keeps them apart for good, had every question been asked and answered truly."""
    life, work = person.life, opening.workplace
    return next((name for name, keeps_apart in HINDRANCES if keeps_apart(life, work)), None)


def course(person: Newcomer, opening: Opening) -> Course:
    """How it would go with a pair that nothing keeps apart."""
    life, work = person.life, opening.workplace
    luck = _luck(person.whim, opening.group)
    if work.kind in ("job", "internship"):
        return _work(life, work, luck)
    if work.kind == "training":
        return _training(life, work, luck)
    return _own_business(life, work, luck)


def value(person: Newcomer, opening: Opening) -> float:
    """0 to 1: what a suggestion of this opening to this person would be worth."""
    return 0.0 if hindrance(person, opening) is not None else course(person, opening).value()


def lived(person: Newcomer, opening: Opening, random: Random) -> tuple[str, str | None, int]:
    """One half-year drawn: how it ended, why, and after how many months."""
    if hindrance(person, opening) is not None:
        return "impossible", hindrance(person, opening), 0
    way = course(person, opening)
    for door, chance in (("not-applied", way.applies), ("not-invited", way.invited), ("declined", way.accepts)):
        if random.random() >= chance:
            return door, None, 0
    for month, risks in enumerate(way.risks, start=1):
        for reason, risk in random.sample(sorted(risks.items()), len(risks)):
            if random.random() < risk:
                return "left", reason, month
    return "stayed", None, len(way.risks)


def _work(life: Life, work: Workplace, luck: float) -> Course:
    away = work.dormitory and life.away and life.minutes(work.point, work.bus) > life.tolerance
    minutes = 10.0 if away else life.minutes(work.point, work.bus)
    limit = life.tolerance * (1.15 if work.bus else 1)
    skill = life.skill.get(work.trade.name, 0.08)
    return Course(
        applies=_applies(life, work, minutes / limit, skill, luck),
        invited=_invited(life, work, skill),
        accepts=_accepts(life, work, 0 if away else minutes),
        risks=_risks(life, work, minutes / limit, skill, away),
        worth=1.0 if work.kind == "job" else 0.55 + 0.45 * work.turns_regular,
    )


def _applies(life: Life, work: Workplace, way: float, skill: float, luck: float) -> float:
    trade = work.trade
    speech = 0.0 if trade.name == "chinese" else trade.talk * life.distance
    links = (
        1 - trade.watched * life.fear * 0.9,
        1 - speech * 0.8,
        bounded(1 - 1.8 * max(0.0, work.load - life.stamina), 0.05),
        0.12 + 0.88 * life.liking[trade.style],
        0.35 + 0.65 * bounded(skill + (0.4 if trade.helps and set(trade.helps) & life.certificates else 0)),
        _slope((_a_month(work) - life.floor) / 28 + 1.2),
        bounded(1 - 0.85 * (way / BEYOND) ** 1.5, 0.05),
        0.4 + 0.6 * life.trusts_agencies if work.agency else 1.0,
        1.0 if work.contract is None or work.contract in life.takes else 0.3,
        1.0 if work.hours <= life.most_hours else 0.25,
    )
    return bounded(min(links) * (0.55 + 0.45 * life.persistence) * (0.75 + 0.5 * luck))


def _invited(life: Life, work: Workplace, skill: float) -> float:
    """On the telephone the way of speaking is heard; many ask no more than how old somebody is."""
    strict = work.strict * (0.45 if work.kind == "internship" else 1)
    helped = 0.35 if set(work.trade.helps) & life.certificates else 0.0
    able = 1 - strict * bounded(1 - skill - helped)
    heard = 1 - 0.55 * work.trade.talk * life.distance * (1 - 0.5 * bounded(work.welcoming))
    old = 1.0
    if (
        life.age >= 55
        and work.trade.style not in ("care",)
        and work.trade.name not in ("cleaning", "guard", "kitchenaid")
    ):
        old = 0.45
    if life.age < 35 and work.trade.name == "guard":
        old = 0.6
    woman = work.trade.women if life.woman else 1 - work.trade.women
    usual = 0.35 + 0.65 * bounded(woman * 2.2)
    return bounded(able * heard * old * usual / (1 + 0.6 * work.rush))


def _accepts(life: Life, work: Workplace, minutes: float) -> float:
    """Savings that run out make small wages acceptable; a long way and a paid carer eat them up."""
    left = _a_month(work) - 0.12 * minutes - (22 if life.alone and work.hours > 30 else 0)
    least = life.floor * (0.82 + 0.035 * min(life.savings, 6))
    return _slope((left - least) / 14)


def _risks(life: Life, work: Workplace, way: float, skill: float, away: bool) -> tuple[Mapping[str, float], ...]:
    """Month by month: tiredness adds up, savings run down, a place gets used to or not."""
    found, tired, savings = [], 0.0, life.savings
    night = {"night": 0.14, "rotating": 0.09}.get(work.shift, 0.0)
    strain = work.load * min(1.15, work.hours / 42) + 0.16 * work.overtime + night - life.stamina
    keep = _a_month(work) - life.floor * 0.85 - (10 if work.pays_late else 0)
    for month in range(1, MONTHS + 1):
        tired = bounded(tired * 0.7 + max(0.0, strain + 0.1) * 0.55)
        savings += keep / 80
        fresh = 1.6 if month == 1 else 1.0 / math.sqrt(month)
        speech = work.trade.talk * life.distance * (0.5 if work.mentor else 1)
        risks = {
            "health": 0.01 + 0.22 * tired**1.5 + (0.018 if life.ill else 0),
            "childcare": (0.21 if life.alone else 0.165) * (1 + 1.2 * work.overtime + 0.6 * way) if life.carer else 0.0,
            "recognised": 0.07 * fresh * work.trade.watched * life.fear * (1 - 0.6 * bounded(work.welcoming)),
            "slighted": 0.06 * fresh * (1 - work.boss) ** 1.5 * (0.4 + speech),
            "not-able": 0.06 * fresh * bounded(work.strict - skill - (0.2 if work.mentor else 0)),
            "aptitude": 0.022 * (1 - life.liking[work.trade.style]) ** 2,
            "way": 0.03 * (way / BEYOND) ** 3,
            "pay": (0.14 if work.pays_late else 0.0) + (0.07 if savings <= 0 else 0.0),
            "study": 0.042 if life.age < 38 and life.persistence > 0.45 else 0.004,
            "lonely": 0.05 * fresh * (1 - bounded(work.welcoming)) if away else 0.0,
        }
        found.append({reason: bounded(risk * PACE, 0, 0.9) for reason, risk in risks.items()})
    return tuple(found)


def _training(life: Life, work: Workplace, luck: float) -> Course:
    """Bearing months without pay, for a trade that one likes and does not know, and that somebody then asks for."""
    trade, minutes = work.trade, life.minutes(work.point, False)
    new = 1 - life.skill.get(trade.name, 0.0)
    paper = 1.0 if (trade.needs or trade.helps) and not ({trade.needs, *trade.helps} & life.certificates) else 0.45
    links = (
        0.1 + 0.9 * life.liking[trade.style],
        bounded(1 - 0.75 * (minutes / life.tolerance / BEYOND) ** 2, 0.05),
        0.25 + 0.75 * new,
        1 - 0.8 * trade.watched * life.fear,
        _slope((life.savings - work.months * (1 - work.allowance / 60)) / 1.5 + 0.8),
    )
    drain = (1.0 - work.allowance / 60) * (0.5 if not life.jobless else 1)
    risks = tuple(
        {
            "study": 0.0,
            "money": 0.16 if life.savings < month * drain else 0.01,
            "childcare": 0.04 if life.alone and work.hours > 20 else 0.012 if life.carer else 0.0,
            "health": 0.03 if life.ill else 0.008,
            "speech": 0.07 * life.distance * trade.talk,
            "aptitude": 0.08 * (1 - life.liking[trade.style]) ** 2,
        }
        for month in range(1, work.months + 1)
    )
    ahead = (0.35 + 0.65 * work.leads_on) * paper * bounded(1.3 - max(0.0, trade.load - life.stamina) * 1.6)
    return Course(
        applies=bounded(min(links) * (0.55 + 0.45 * life.persistence) * (0.75 + 0.5 * luck)),
        invited=1 / (1 + 0.5 * work.rush),
        accepts=0.9,
        risks=risks,
        worth=bounded(ahead),
    )


def _own_business(life: Life, work: Workplace, luck: float) -> Course:
    """For those who want to be their own master: money of one's own, a trade one knows, and no fear of being seen."""
    knows = max(life.skill.values(), default=0.0)
    links = (
        life.own_business,
        0.3 + 0.7 * bounded(life.savings / 6),
        0.25 + 0.75 * knows,
        1 - 0.6 * life.fear,
        bounded(1 - life.minutes(work.point, False) / 260, 0.1),
    )
    together = 0.85 if work.kind == "startup-support" else 0.3 + 0.6 * work.leads_on
    risks = tuple(
        {"money": 0.05 if life.savings < month else 0.01, "childcare": 0.02 if life.alone else 0.0}
        for month in range(1, MONTHS + 1)
    )
    home = 1.0 if life.home.province == work.place.province or work.place.province == GYEONGGI else 0.7
    return Course(
        applies=bounded(min(links) * (0.75 + 0.5 * luck)),
        invited=(0.4 + 0.6 * life.persistence) / (1 + 0.4 * work.rush) * home,
        accepts=0.92,
        risks=risks,
        worth=together,
    )


def _a_month(work: Workplace) -> float:
    """What comes in, as somebody with a floor for full time sees it: hours not worked are worth a little."""
    return work.pay + max(0, 40 - work.hours) * 2.2 + (18 if work.dormitory else 0)


def _slope(value: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))


def _luck(whim: int, group: int) -> float:
    """0 to 1, of the pair, the same for each copy of an advert."""
    mixed = (whim * 2654435761 + group * 40503 + 12345) & 0xFFFFFFFF
    mixed ^= mixed >> 15
    mixed = (mixed * 2246822519) & 0xFFFFFFFF
    mixed ^= mixed >> 13
    return mixed / 0xFFFFFFFF
