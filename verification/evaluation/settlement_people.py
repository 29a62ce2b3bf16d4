"""The people of the fourth family of worlds: households, and what the bus shows of each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from shared.events.topics.people import Person
from shared.reference import Pack
from verification.evaluation.settlement_setting import LEGAL_HOUR, ROLES, STRENGTHS, TRAITS, Places, Point
from verification.evaluation.truth import TODAY, Seeker

TOLD = {"hand-over": 0.2, "short": 0.35, "full": 0.45}
SIDES = {"liking": 3.0, "pay": 2.5, "way": 2.0, "ease": 1.0, "steady": 1.5}


@dataclass(frozen=True, kw_only=True)
class Household(Seeker):
    """``likes``: by role, 0 to 1 by how many are liked less; ``window``: hours between which somebody can be at work
    and on the way; ``limit``: minutes one way; ``need``: won a month; ``sides``: the two that decide."""

    place: Point
    likes: Mapping[str, float]
    window: Point
    at_night: bool
    most_hours: int
    limit: float
    need: float
    strength: float
    car: bool
    drives: bool
    alone: bool
    certificates: frozenset[str]
    known: frozenset[str]
    months: Mapping[str, int]
    sides: tuple[str, str]


def household(seed: str, number: int, pack: Pack, places: Places, codes: Mapping[str, str]) -> Household:
    """The household of this number. ``codes``: of each role its occupation."""
    random = Random(f"{seed}/person/{number}")
    woman = random.random() < 0.75
    age = min(67, max(19, round(random.gauss(40 if woman else 37, 11))))
    years = min(age - 18, round(random.expovariate(1 / 7)))
    children = random.random() < (0.5 if 26 <= age <= 46 else 0.05)
    carer = children and random.random() < (0.914 if woman else 0.167)
    alone = random.random() < (0.3 if children else 0.6)
    taste = [random.gauss(0, 1) for _ in TRAITS]
    taste[0] += 0.4 * woman
    taste[3] += 0.9 * (not woman)
    ease = random.gauss(0, 0.25)
    liked = {
        name: sum(t * x for t, x in zip(taste, role.traits, strict=True))
        + 0.9 * (role.women if woman else 1 - role.women) - (0.35 + ease) * (role.load - 2) + random.gauss(0, 0.35)
        for name, role in ROLES.items()
    }  # fmt: skip
    order = sorted(liked, key=liked.__getitem__)
    likes = {name: place / (len(order) - 1) for place, name in enumerate(order)}
    months: dict[str, int] = {}
    for _ in range(min(3, years // 2)):
        weights = [(role.women if woman else 1 - role.women) * (0.3 + likes[n]) for n, role in ROLES.items()]
        [name] = random.choices(list(ROLES), weights)
        if ROLES[name].schooling <= 3:
            months[name] = months.get(name, 0) + min(240, round(random.lognormvariate(math.log(20), 0.9)))
    courses = {random.choice(order[-8:]) for _ in range(random.choice([0, 1, 1, 2]))}
    held = [n for n in {*months, *courses} if ROLES[n].certificate]
    certificates = {
        code
        for n in sorted(held)
        if random.random() < 0.35 + 0.5 * ROLES[n].strict and (code := certificate_of(n, pack))
    }
    drives = random.random() < min(0.8, 0.15 + 0.05 * years) * (0.75 if woman else 1.2)
    bad_health = random.random() < 0.35
    need = (190 if woman else 245) * random.lognormvariate(0, 0.2) * (1.1 if alone else 0.92)
    home, place = places.drawn(random, 0.1)
    limit = random.lognormvariate(math.log(52), 0.35) * (0.65 if carer else 1.0)
    sides = ["way"] if carer else []
    while len(sides) < 2:
        [side] = random.choices(list(SIDES), list(SIDES.values()))
        sides += [side] if side not in sides else []
    one = Household(
        shown=Person(person="0" * 32, status="active", owner="hanawon"), region=home, place=place, woman=woman,
        age=age, childcare=carer, education=random.choices([2, 3, 4, 5], [15, 65, 12, 8])[0],
        whim=random.getrandbits(32), kinds=_kinds(random), likes=likes,
        window=(random.choice([8.0, 8.5, 9.0]), random.choice([15.0, 16.5, 18.5, 19.5])) if carer else (5.5, 23.5),
        at_night=not carer and random.random() < (0.3 if woman else 0.5),
        most_hours=random.choice([20, 30, 40, 45]) if carer else random.choice([40, 48, 52, 60]), limit=limit,
        need=need * (0.6 if carer and not alone else 1.0) * 10_000,
        strength=random.choice([2.5, 2.9, 3.2]) if bad_health else 5.0,
        car=drives and random.random() < min(0.8, 0.1 + 0.06 * years), drives=drives, alone=alone,
        certificates=frozenset(certificates),
        known=frozenset(ROLES[n].course for n in courses), months=months, sides=(sides[0], sides[1]),
    )  # fmt: skip
    shown = _profile(one, bad_health, codes, random)
    return Household(**{**one.__dict__, "shown": shown})


def certificate_of(role: str, pack: Pack) -> str | None:
    """The certificate that goes with a role."""
    title = ROLES[role].certificate
    return None if title is None else pack.find("certificate", title)


def _kinds(random: Random) -> frozenset[str]:
    shares = {"training": 0.35, "internship": 0.3, "startup-support": 0.12, "consulting": 0.05}
    return frozenset({"job", *(kind for kind, share in shares.items() if random.random() < share)})


def _profile(one: Household, bad_health: bool, codes: Mapping[str, str], random: Random) -> Person:
    [told] = random.choices(list(TOLD), list(TOLD.values()))
    full, short = told == "full", told == "short"

    def said(value: Any, in_full: float, in_short: float) -> Any:
        return value if random.random() < (in_full if full else in_short if short else 0.0) else None

    best = sorted(one.likes, key=one.likes.__getitem__, reverse=True)
    named = best[: 3 if full else 1] if full or random.random() < 0.5 else []
    groups = [ROLES[n if random.random() > 0.2 else random.choice(best)].unit[:2] for n in named]
    occupations = []
    for name, months in one.months.items():
        wish = round(one.likes[name] * random.uniform(0.8, 1.0), 1) if full else 0.5
        occupations.append({"code": codes[name], "months": months, "interest": wish})
    if full and random.random() < 0.6:
        occupations.append({"code": codes[best[0]], "months": one.months.get(best[0], 0), "interest": 0.9})
    occupations = list({known["code"]: known for known in occupations}.values())
    needs = ["childcare-hours"] if one.childcare and said(True, 0.9, 0.6) else []
    needs += ["lighter-work"] if bad_health and said(True, 0.6, 0.25) else []
    needs += ["public-transport"] if not one.car and said(True, 0.25, 0.1) else []
    shifts = ["day"] if one.childcare else ["day", "evening", *(["night", "rotating"] if one.at_night else [])]
    floor = {"per": "month", "amount": round(one.need, -5), "currency": "KRW"}
    if random.random() < 0.2:
        floor = {"per": "hour", "amount": max(LEGAL_HOUR, round(one.need / 209, -2)), "currency": "KRW"}
    wants = {
        "kinds": sorted(one.kinds), "wage_min": said(floor, 0.7, 0.4),
        "shifts": said([f"kr-gyeonggi-1:{shift}" for shift in shifts], 0.8, 0.3),
        "commute_minutes": said(min(180, max(10, round(one.limit, -1))), 0.8, 0.35),
        "hours_per_week": said({"max": one.most_hours}, 0.5, 0.1),
    }  # fmt: skip
    home: str | None = one.region
    if random.random() < {"hand-over": 0.03, "short": 0.15, "full": 0.02}[told]:
        home = None
    elif random.random() < 0.05:
        home = f"{one.region[:2]}000"
    return Person.model_validate(
        {
            "person": f"{random.getrandbits(128):032x}", "status": "active", "owner": "hanawon",
            "year_of_birth": TODAY.year - one.age, "sex": "female" if one.woman else "male",
            "residence": home and f"legal-dong-2026:{home}",
            "education": f"work24-2024-education:0{one.education}" if random.random() < 0.85 else None,
            "certificates": sorted(one.certificates) if not short or random.random() < 0.8 else [],
            "courses": [{"code": f"ncs-2026:{course}"} for course in sorted(one.known)] if not short else [],
            "occupations": occupations, "wants": {name: value for name, value in wants.items() if value},
            "has": {"car": said(one.car, 0.9, 0.4), "driving_licence": said(one.drives, 0.9, 0.5)},
            "counselling": {
                "interests": [f"keco-2018:{group}" for group in dict.fromkeys(groups)],
                "needs": [f"kr-gyeonggi-1:{need}" for need in needs],
                "strengths": [f"kr-gyeonggi-1:{s}" for s in random.sample(STRENGTHS, 2 if full else 0)],
            },
            "situation": {"jobless": said(True, 0.8, 0.3)},
            "consents": [{"purpose": "matching", "until": "2027-05-15"}],
        },
        strict=False,
    )  # fmt: skip
