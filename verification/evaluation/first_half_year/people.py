"""People of the family ``first-half-year``: what they tell, and what nobody asked them.

Where each figure comes from stands in the docstring of the package.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from shared.events.topics.people import Person
from verification.evaluation.first_half_year import setting
from verification.evaluation.first_half_year.setting import STYLES, Place, Trade, bounded, pick, said
from verification.evaluation.truth import TODAY, Seeker

WOMEN_OF_GRADUATES, WOMEN_OF_OTHERS, GRADUATES = 198 / 224, 0.75, 0.25
LIVE_IN_GYEONGGI = 1 / 3
SPEECH_IS_HARD, WANT_OWN_BUSINESS, BAD_HEALTH = 0.70, 0.321, 0.35
CARES_HERSELF, CARES_HIMSELF = 0.914, 0.167
AGES = (((20, 29), 0.14), ((30, 39), 0.28), ((40, 49), 0.29), ((50, 59), 0.20), ((60, 67), 0.09))
# levels of Work24's list: primary, middle, high school, college, university
SCHOOLS = ((1, 0.05), (2, 0.08), (3, 0.70), (4, 0.10), (5, 0.07))
CHILD_BY_AGE = ((29, 0.34), (39, 0.58), (49, 0.36), (99, 0.02))
WAGES = {True: 224.2, False: 361.3}
COURSES = ("12", "07", "06", "13", "21", "19", "15", "18", "20")
EMPLOYERS = 260
# kinds of contract that somebody gladly takes (Work24's codes)
ALL_CONTRACTS = frozenset(("10", "11", "20", "21", "4"))
TAKES = ((ALL_CONTRACTS, 0.5), (ALL_CONTRACTS - {"4"}, 0.3), (frozenset(("10", "11")), 0.2))


@dataclass(frozen=True, kw_only=True)
class Life:
    """All of a person; no event carries more of it than ``_shown`` picks. ``floor``: 10,000 won a month."""

    graduate: bool
    woman: bool
    age: int
    home: Place
    point: tuple[float, float]
    school: int
    carer: bool
    relative: bool
    ill: bool
    stamina: float
    fear: float
    distance: float
    savings: float
    tolerance: float
    nights: bool
    away: bool
    licence: bool
    car: bool
    floor: float
    persistence: float
    trusts_agencies: float
    own_business: float
    chinese: bool
    jobless: bool
    income: int
    most_hours: int
    takes: frozenset[str]
    certificates: frozenset[str]
    liking: Mapping[str, float]
    skill: Mapping[str, float]
    months: Mapping[str, int]
    kinds: tuple[str, ...]
    avoids: str | None

    @property
    def alone(self) -> bool:
        """With a child, and nobody else for it."""
        return self.carer and not self.relative

    def minutes(self, point: tuple[float, float], bus: bool) -> float:
        """From door to door: by car, by the firm's bus, or as one gets there without."""
        away = setting.kilometres(self.point, point)
        if self.car:
            return 10 + 1.3 * away
        if bus and away < 45:
            return 14 + 1.6 * away
        return 17 + (2.1 if self.home.province in setting.CAPITAL else 2.9) * away


@dataclass(frozen=True, kw_only=True)
class Newcomer(Seeker):
    """A person as the evaluation knows people, and their life."""

    life: Life


def newcomer(seed: int, number: int) -> Newcomer:
    """Person ``number`` of a seed."""
    random = Random(f"first-half-year/{seed}/person/{number}")
    life = _life(random)
    return Newcomer(
        shown=_shown(random, life),
        region=life.home.code,
        woman=life.woman,
        age=life.age,
        childcare=life.carer,
        education=life.school,
        whim=random.getrandbits(32),
        kinds=frozenset(life.kinds),
        life=life,
    )


def _life(random: Random) -> Life:
    graduate = random.random() < GRADUATES
    woman = random.random() < (WOMEN_OF_GRADUATES if graduate else WOMEN_OF_OTHERS)
    age = random.randint(*pick(random, AGES))
    home = _home(random)
    school = pick(random, SCHOOLS)
    child = random.random() < next(share for upto, share in CHILD_BY_AGE if age <= upto)
    carer = child and random.random() < (CARES_HERSELF if woman else CARES_HIMSELF)
    relative = random.random() < (0.15 if graduate else 0.33)
    ill = random.random() < BAD_HEALTH + (0.12 if age >= 50 else -0.05)
    licence = random.random() < (0.12 if graduate else 0.35 if woman else 0.62)
    years = 0.0 if graduate else random.uniform(0.5, 12)
    distance = (
        bounded(random.uniform(0.42, 1) - years * 0.015, 0.4)
        if random.random() < SPEECH_IS_HARD
        else random.uniform(0, 0.25)
    )
    own = random.uniform(0.6, 1) if random.random() < WANT_OWN_BUSINESS else random.uniform(0, 0.5)
    skill, months = _worked(random, woman, years)
    return Life(
        graduate=graduate,
        woman=woman,
        age=age,
        home=home,
        point=setting.near(home, random),
        school=school,
        carer=carer,
        relative=relative,
        ill=ill,
        stamina=bounded(random.gauss(0.44 if ill else 0.70, 0.14) - max(0, age - 45) * 0.006, 0.1),
        fear=bounded(random.betavariate(1.6, 2.4) + (0.15 if graduate else 0)),
        distance=distance,
        savings=max(0.0, random.gauss(5 if graduate else 3, 2.5)),
        tolerance=bounded(random.gauss(51, 15) - (10 if carer else 0), 22, 110),
        nights=random.random() < (0.06 if carer and not relative else 0.22 if carer else 0.3 if ill else 0.5),
        away=not child and random.random() < (0.45 if age < 40 else 0.3),
        licence=licence,
        car=licence and random.random() < bounded(0.06 + years * 0.07, 0, 0.65),
        floor=bounded(WAGES[woman] * random.gauss(0.86, 0.12) - (25 if graduate else 0), 150, 420),
        persistence=random.betavariate(3, 2),
        trusts_agencies=random.random(),
        own_business=own,
        chinese=random.random() < (0.6 if woman else 0.2),
        most_hours=random.choice((30, 40))
        if carer and not relative
        else 40
        if carer
        else random.choice((40, 48, 52, 60)),
        takes=pick(random, TAKES),
        jobless=random.random() < (0.97 if graduate else 0.55),
        income=int(bounded(random.gauss(55, 28), 0, 220)),
        certificates=_certificates(random, woman, licence, skill, years, school),
        liking=_liking(random, woman),
        skill=skill,
        months=months,
        kinds=_kinds(random, own, graduate),
        avoids=f"000-00-{random.randrange(1, EMPLOYERS):05d}" if random.random() < 0.12 else None,
    )


def _home(random: Random) -> Place:
    here = random.random() < LIVE_IN_GYEONGGI
    fit = [place for place in setting.places() if (place.province == setting.GYEONGGI) == here]
    return pick(random, [(place, place.homes) for place in fit])


def _worked(random: Random, woman: bool, years: float) -> tuple[dict[str, float], dict[str, int]]:
    """What somebody can do, some of it from before, which no event may carry; and months of work since."""
    found = [(one, one.weight * (one.women if woman else 1.02 - one.women) * (1.1 - one.bar)) for one in _open()]
    skill, months = {}, dict[str, int]()
    for one in {pick(random, found) for _ in range(random.choice((1, 1, 2)))}:
        skill[one.name] = random.uniform(0.3, 0.95)
    left = years * 12 * random.uniform(0.3, 0.9)
    while left >= 2:
        one = pick(random, found)
        took = min(left, random.expovariate(1 / 14) + 1)
        months[one.name] = min(240, months.get(one.name, 0) + int(took) + 1)
        skill[one.name] = bounded(skill.get(one.name, 0.2) + took / 45)
        left -= took + 2
    return skill, months


def _open() -> tuple[Trade, ...]:
    return tuple(one for one in setting.trades() if one.name not in ("nurse", "developer"))


def _certificates(
    random: Random, woman: bool, licence: bool, skill: Mapping[str, float], years: float, school: int
) -> frozenset[str]:
    found = set[str]()
    for one in setting.trades():
        if one.name in skill:
            found |= {one.needs} if one.needs and random.random() < 0.85 else set()
            found |= {name for name in one.helps if random.random() < 0.3}
    often: tuple[tuple[str, float], ...] = (
        (("care-worker", 0.30), ("itq", 0.24), ("computer-accounting-2", 0.09), ("9612", 0.07), ("barista", 0.08),
         ("7910", 0.08), ("nursing-assistant", 0.06), ("7937", 0.04), ("7957", 0.04))
        if woman
        else (("7875", 0.24), ("itq", 0.12), ("6223", 0.08), ("7862", 0.08), ("7780", 0.06))
    )  # fmt: skip
    found |= {name for name, share in often if random.random() < share * (0.5 if years < 1 else 1)}
    found -= set() if school >= 4 else {"social-worker-2", "childcare-teacher-2"}
    found -= {"driving-1-large"} if not licence else set()
    if licence and random.random() < 0.7:
        found.add(random.choice(("driving-1-ordinary", "driving-2-ordinary")))
    return frozenset(found)


def _liking(random: Random, woman: bool) -> dict[str, float]:
    found = {style: random.betavariate(1.7, 1.7) for style in STYLES}
    less = ("machine", "outdoors") if woman else ("care", "food")
    return {style: value * (0.62 if style in less else 1) for style, value in found.items()}


def _kinds(random: Random, own: float, graduate: bool) -> tuple[str, ...]:
    chances = (
        ("internship", 0.5 if graduate else 0.2),
        ("training", 0.6 if graduate else 0.36),
        ("startup-support", 0.5 if own >= 0.6 else 0.05),
        ("consulting", 0.3 if own >= 0.6 else 0.03),
    )
    found = tuple(kind for kind, share in chances if random.random() < share)
    return ("job", *found) if not found or random.random() < 0.95 else found


def _shown(random: Random, life: Life) -> Person:
    """What the bus carries: codes, months, bands; much of it missing, as counsellors leave it."""
    state: dict[str, Any] = {
        "person": f"{random.getrandbits(128):032x}",
        "status": "active",
        "owner": "hanawon" if life.graduate else "gjf",
        "year_of_birth": said(random, TODAY.year - life.age, 0.97),
        "sex": said(random, "female" if life.woman else "male", 0.98),
        "residence": said(random, setting.REGION + life.home.code, 0.95),
        "education": said(random, f"{setting.EDUCATION}0{life.school}", 0.82),
        "courses": _courses(random, life),
        "counselling": _counselling(random, life),
        "certificates": sorted(setting.CERTIFICATE + one for one in life.certificates if random.random() < 0.88),
        "occupations": _occupations(random, life),
        "wants": _wants(random, life),
        "has": {"driving_licence": said(random, life.licence, 0.6), "car": said(random, life.car, 0.45)},
        "situation": {
            "jobless": said(random, life.jobless, 0.5),
            "income_percent_of_median": said(random, life.income, 0.2),
        },
        "consents": [{"purpose": "matching", "until": "2027-11-21"}],
    }
    return Person.model_validate_json(json.dumps(state))


def _wants(random: Random, life: Life) -> dict[str, Any]:
    """Wishes as told to a counsellor. Who cannot work at night may not have said so, and a limit is a round number."""
    wants: dict[str, Any] = {"kinds": list(life.kinds), "growth": random.random() < 0.7}
    if random.random() < 0.4:
        shifts = ["day", *(["evening"] if not life.alone else []), *(["night", "rotating"] if life.nights else [])]
        wants["shifts"] = [setting.PLAIN + one for one in shifts]
    if random.random() < 0.55:
        wants["commute_minutes"] = max(20, 10 * round((life.tolerance + random.gauss(4, 12)) / 10))
    if random.random() < 0.5:
        asked = life.floor * random.uniform(0.96, 1.18)
        wants["wage_min"] = {"per": "month", "amount": 100_000 * round(asked / 10), "currency": "KRW"}
    if random.random() < (0.45 if life.carer else 0.2):
        wants["hours_per_week"] = {"max": life.most_hours}
    if life.takes != ALL_CONTRACTS and random.random() < 0.5:
        wants["employment"] = [setting.EMPLOYMENT + one for one in sorted(life.takes)]
    if life.avoids is not None:
        wants["not_to"] = [f"employer:{life.avoids}"]
    if random.random() < 0.3:
        wants["from"] = random.choice(("2026-12", "2027-01", "2027-02"))
    return wants


def _courses(random: Random, life: Life) -> list[dict[str, Any]]:
    often = [(code, 1.0 if life.woman or code not in ("12", "07", "06", "18") else 0.15) for code in COURSES]
    codes = {pick(random, often) for _ in range(random.choice((0, 1, 1, 2)) if not life.graduate else 2)}
    codes |= {"07"} if "care-worker" in life.certificates else set()
    return [
        {"code": setting.COURSE + code, "hours": said(random, random.choice((40, 80, 120, 240, 320)), 0.7)}
        for code in sorted(codes)
    ]


def _counselling(random: Random, life: Life) -> dict[str, Any]:
    needs = [
        name
        for name, share in (
            ("childcare-hours", 0.55 if life.carer else 0.0),
            ("near-home", 0.4 if life.carer else 0.15),
            ("public-transport", 0.0 if life.licence else 0.3),
            ("plain-instructions", 0.3 * life.distance),
            ("lighter-work", 0.3 if life.ill else 0.03),
            ("interview-practice", 0.25),
            ("mentor", 0.2),
        )
        if random.random() < share
    ]
    strengths = random.sample(("precision", "diligence", "endurance", "teamwork", "service", "handiness"), 2)
    return {
        "needs": [setting.PLAIN + name for name in needs],
        "strengths": [setting.PLAIN + name for name in strengths] if random.random() < 0.5 else [],
    }


def _occupations(random: Random, life: Life) -> list[dict[str, Any]]:
    """Work since arrival, mostly told; and what somebody says to want, which is half liking and half hearsay."""
    found: dict[str, dict[str, Any]] = {}
    by_name = {one.name: one for one in setting.trades()}
    for name, months in life.months.items():
        code = by_name[name].codes[0] if random.random() < 0.8 else random.choice(by_name[name].codes)
        if random.random() < 0.8:
            again = bounded(life.liking[by_name[name].style] * 0.7 + random.uniform(-0.2, 0.4))
            found[code] = {"code": setting.OCCUPATION + code, "months": months, "interest": round(again, 1)}
    for _ in range(random.choice((1, 1, 2, 3))):
        heard = random.random() < 0.5
        liked = {style: 1 if heard else value**2 for style, value in life.liking.items()}
        one = pick(
            random, [(t, t.weight * (t.women if life.woman else 1.02 - t.women) * liked[t.style]) for t in _open()]
        )
        code = one.codes[0]
        found.setdefault(
            code,
            {"code": setting.OCCUPATION + code, "months": 0, "interest": random.choice((0.6, 0.7, 0.8, 0.9, 1.0))},
        )
    return list(found.values())
