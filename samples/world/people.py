"""People: graduates and walk-in clients in the proportions of the settlement survey, with wishes, courses, consents.

A person depends on the seed and their number alone, so ten times the people are the same people and nine times more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from samples.world import names
from samples.world.chance import maybe, pick, some
from samples.world.envelope import Json
from samples.world.setting import Setting, Trade
from shared.reference import Pack

GROUPS_OF_AGES = 5  # years in one group of the survey's age table


@dataclass(frozen=True)
class Newcomer:
    """Somebody as their agency describes them; ``data`` is the door's ``trainee-graduated`` or ``person-enrolled``."""

    number: int
    agency: str
    graduate: bool
    reference: str
    data: Json

    def consents_to(self, purpose: str, recipient: str | None = None) -> bool:
        """Whether one of the first consents is for this."""
        return any(c["purpose"] == purpose and c.get("recipient") == recipient for c in self.data["consents"])

    def profile(self, **changes: Any) -> Json:
        """The data of a ``person-updated``: the whole profile as it is now, without identity and consents."""
        kept = {name: value for name, value in self.data.items() if name not in ("identity", "consents")}
        return kept | changes


def make_person(setting: Setting, pack: Pack, seed: int, number: int, graduates: int, today: date) -> Newcomer:
    """Person ``number`` (from 0) of the world; the first ``graduates`` are the graduating class."""
    random = Random(f"{seed}/person/{number}")
    survey, graduate = setting.survey, number < graduates
    agency = setting.having("training-centre")[0] if graduate else random.choice(setting.having("counsellor"))
    woman = maybe(random, survey.women)
    age = pick(random, survey.ages) + random.randrange(GROUPS_OF_AGES)
    trade = pick(random, [(trade, trade.women if woman else trade.men) for trade in setting.trades])
    second = random.choice(setting.trades)
    childcare = (
        woman and survey.childcare_ages[0] <= age <= survey.childcare_ages[1] and maybe(random, survey.childcare)
    )
    reference = names.reference(random, agency.prefix)
    data: Json = {
        "reference": reference,
        "identity": _identity(random, setting, woman, age, today),
        "courses": _courses(random, trade, second, graduate, today),
        "counselling": _counselling(random, setting, trade, second, childcare),
        "certificates": _certificates(random, setting, trade, graduate),
        "occupations": _occupations(random, trade, second, graduate),
        "wants": _wants(random, setting, pack, trade, woman, childcare, graduate, today),
        "has": _has(random, setting, graduate),
        "situation": _situation(random, setting, graduate),
        "consents": _consents(random, setting, pack, today),
    }
    if not maybe(random, survey.unknown):
        data["residence"] = pick(random, tuple(pack.residence_weights.items()))
    if not maybe(random, survey.unknown):
        data["education"] = pick(random, survey.education)
    return Newcomer(number, agency.agency, graduate, reference, data)


def _identity(random: Random, setting: Setting, woman: bool, age: int, today: date) -> Json:
    return {
        "name": names.name(random),
        "birth_date": names.birth_date(random, age, today).isoformat(),
        "sex": "female" if woman else "male",
        "phone": names.phone(random, setting.phone),
    }


def _courses(random: Random, trade: Trade, second: Trade, graduate: bool, today: date) -> list[Json]:
    """Taster classes of the training centre end this month; others ended some months ago."""
    titles = dict.fromkeys([*some(random, trade.courses, 1), *(second.courses[:1] if maybe(random, 0.35) else ())])
    if not graduate and maybe(random, 0.45):
        return []
    ended = today if graduate else today - timedelta(days=random.randrange(30, 900))
    hours = (40, 80, 120) if graduate else (60, 120, 240, 320)
    return [{"title": title, "hours": random.choice(hours), "completed": f"{ended:%Y-%m}"} for title in titles]


def _counselling(random: Random, setting: Setting, trade: Trade, second: Trade, childcare: bool) -> Json:
    needs = [*([setting.codes.childcare] if childcare else []), *some(random, setting.codes.needs, random.randrange(2))]
    return {
        "interests": list(dict.fromkeys([trade.interest, *([second.interest] if maybe(random, 0.5) else [])])),
        "strengths": list(trade.strengths[: random.randint(1, 2)]),
        "needs": needs,
    }


def _certificates(random: Random, setting: Setting, trade: Trade, graduate: bool) -> list[str]:
    chance = setting.survey.certificate * (0.7 if graduate else 1.2)
    return [random.choice(trade.certificates)] if trade.certificates and maybe(random, chance) else []


def _occupations(random: Random, trade: Trade, second: Trade, graduate: bool) -> list[Json]:
    """Work done here in the South only: what somebody did in the North is never asked."""
    wanted = {"code": trade.occupation, "months": 0, "interest": round(random.uniform(0.6, 1.0), 2)}
    if graduate:
        return [wanted]
    wanted["months"] = random.choice((0, 6, 14, 26, 40, 60))
    if second.occupation == trade.occupation or maybe(random, 0.4):
        return [wanted]
    return [wanted, {"code": second.occupation, "months": random.randrange(3, 50), "interest": 0.3}]


def _wants(
    random: Random,
    setting: Setting,
    pack: Pack,
    trade: Trade,
    woman: bool,
    childcare: bool,
    graduate: bool,
    today: date,
) -> Json:
    codes, survey = setting.codes, setting.survey
    kinds = ["job", *some(random, [kind for kind in pack.kinds if kind != "job"], random.choice((0, 1, 2, 2)))]
    wants: Json = {
        "kinds": kinds,
        "growth": maybe(random, survey.growth),
        "commute_minutes": pick(random, ((40, 0.2), (60, 0.5), (90, 0.3))),
    }
    average = survey.wage_women if woman else survey.wage_men
    if not childcare and maybe(random, 0.75):
        amount = average * random.uniform(0.78, 1.02)
        wants["wage_min"] = {"per": "month", "amount": _rounded(amount, setting), "currency": setting.currency}
    if childcare:
        wants |= {"shifts": [codes.day], "hours_per_week": {"max": random.choice((20, 30, 40))}}
    elif maybe(random, 0.5):
        wants |= {"shifts": list(dict.fromkeys([codes.day, *trade.shifts])), "hours_per_week": {"max": 52}}
    if maybe(random, 0.3):
        wants["employment"] = [codes.permanent, codes.permanent_part, codes.term, codes.term_part]
    if graduate or maybe(random, 0.2):
        wants["from"] = f"{today + timedelta(days=random.choice((0, 20, 40))):%Y-%m}"
    if maybe(random, survey.avoids):
        wants["not_to"] = [f"employer:000-00-{random.randrange(1, 40):05d}"]
    return wants


def _rounded(amount: float, setting: Setting) -> int:
    return int(amount) // setting.round_month * setting.round_month


def _has(random: Random, setting: Setting, graduate: bool) -> Json:
    """Nobody who has just graduated has a car; of the others not everybody was asked."""
    if graduate:
        return {"driving_licence": maybe(random, 0.1), "car": False}
    licence = maybe(random, setting.survey.licence)
    return (
        {"driving_licence": licence, "car": licence and maybe(random, setting.survey.car)}
        if maybe(random, 0.85)
        else {}
    )


def _situation(random: Random, setting: Setting, graduate: bool) -> Json:
    found: Json = {}
    if graduate or maybe(random, 0.85):
        found["jobless"] = graduate or maybe(random, setting.survey.jobless)
    if maybe(random, 0.7):
        found["income_percent_of_median"] = random.choice((30, 45, 60, 80, 100, 130, 160))
    return found


def _consents(random: Random, setting: Setting, pack: Pack, today: date) -> list[Json]:
    survey = setting.survey
    if not maybe(random, survey.matching):
        return []
    found = [_consent(pack, "matching", today, random)]
    for recipient, share in survey.notice.items():
        if maybe(random, share):
            found.append(_consent(pack, "notice", today, random) | {"recipient": recipient})
            if maybe(random, 0.3):
                found.append(_consent(pack, "profile", today, random) | {"recipient": recipient})
    if maybe(random, 0.3):
        found.append(_consent(pack, "statistics", today, random))
    return found


def _consent(pack: Pack, purpose: str, today: date, random: Random) -> Json:
    known = pack.purpose(purpose)
    longest = known.longest_days if known else 30
    return {"purpose": purpose, "until": (today + timedelta(days=longest - random.randrange(2, 20))).isoformat()}
