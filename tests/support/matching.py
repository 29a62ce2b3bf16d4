"""People and openings for tests of matching: a person and a job that fit, to be changed in one place each."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person

TODAY = date(2026, 11, 22)
CARE = "work24-2024-occupation:550100"
BAKER = "work24-2024-occupation:871100"
SUWON = "legal-dong-2026:41110"
GWANGMYEONG = "legal-dong-2026:41210"
ANSAN = "legal-dong-2026:41270"
SIHEUNG = "legal-dong-2026:41390"
YEONCHEON = "legal-dong-2026:41800"
GYEONGGI = "legal-dong-2026:41000"
SEOUL = "legal-dong-2026:11000"


def numbered(number: int) -> str:
    """An id for tests, 32 hex digits."""
    return f"{number:032x}"


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Changes laid over nested dictionaries; None takes a key away."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def a_person(number: int = 1, **changes: Any) -> Person:
    """Somebody in Suwon with a live consent who has baked for two years and takes any job."""
    base: dict[str, Any] = {
        "person": numbered(number),
        "status": "active",
        "owner": "hanawon",
        "year_of_birth": 1990,
        "sex": "female",
        "residence": SUWON,
        "education": "work24-2024-education:03",
        "certificates": ["kr-certificate-2020:7910"],
        "occupations": [{"code": BAKER, "months": 24, "interest": 1.0}],
        "wants": {"kinds": ["job", "internship", "training"]},
        "has": {"driving_licence": True, "car": False},
        "situation": {"jobless": True, "income_percent_of_median": 60},
        "consents": [{"purpose": "matching", "until": "2027-05-15"}],
        "aliases": [{"agency": "hanawon", "alias": numbered(0xA0000 + number)}],
    }
    return Person.model_validate(merged(base, changes), strict=False)


def a_job(number: int = 1, **changes: Any) -> Opportunity:
    """A day job for a baker in Suwon that pays 2,500,000 won a month."""
    base: dict[str, Any] = {
        "opportunity": numbered(0xB0000 + number),
        "owner": "gjf",
        "kind": "job",
        "status": "open",
        "title": "제과제빵원",
        "occupation": BAKER,
        "employer": {"name": "예시제과", "number": f"111-22-{33332 + number:05d}"},
        "region": SUWON,
        "employment": "work24-2024-employment:10",
        "wage": {"per": "month", "minimum": 2_500_000, "currency": "KRW"},
        "hours_per_week": 40,
        "shifts": ["kr-gyeonggi-1:day"],
        "places": 2,
        "closes": "2026-12-31",
    }
    return Opportunity.model_validate(merged(base, changes), strict=False)


def a_training(number: int = 1, **changes: Any) -> Opportunity:
    """A training that says no more than its title and its last day."""
    base: dict[str, Any] = {
        "opportunity": numbered(0xC0000 + number),
        "owner": "gjf",
        "kind": "training",
        "status": "open",
        "title": "요양보호사 양성과정",
        "closes": "2026-12-24",
    }
    return Opportunity.model_validate(merged(base, changes), strict=False)


REGIONS = [SUWON, GWANGMYEONG, YEONCHEON, SEOUL, GYEONGGI, None, ANSAN, SIHEUNG]
OCCUPATIONS = [
    BAKER,
    CARE,
    "keco-2018:5312",
    "keco-2018:5323",
    "keco-2018:8711",
    "keco-2018:9012",
    "work24-2024-occupation:024100",
]
TITLES = [
    "제과제빵원",
    "[수원] 요양 보호사 (주5일)",
    "한식조리사 모집",
    "사무보조/경리",
    "직원 모집합니다",
    "ITQ 강사",
    "주방보조 (야간)",
    "주방보조 (기숙사 제공)",
]
SHIFTS = ["kr-gyeonggi-1:day", "kr-gyeonggi-1:evening", "kr-gyeonggi-1:night", "work24-2024-shift:6"]
CERTIFICATES = ["kr-certificate-2020:7910", "kr-certificate-2020:care-worker", "kr-certificate-2020:driving-1-large"]
COURSES = ["ncs-2026:21", "ncs-2026:06", "ncs-2026:15"]
STRENGTHS = ["kr-gyeonggi-1:precision", "kr-gyeonggi-1:teamwork", "kr-gyeonggi-1:service"]
NEEDS = ["childcare-hours", "near-home", "public-transport", "lighter-work"]
LICENCES = [f"kr-gyeonggi-1:{name}" for name in ("driving-licence", "driving-licence-large", "own-car", "food-handler")]
CONTRACTS = ["work24-2024-employment:10", "work24-2024-employment:20"]
EMPLOYERS = ["111-22-33333", "222-22-33333"]
KINDS = ["job", "internship", "training", "consulting"]


class Draws:
    """What many profiles and adverts lack is often lacking."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice

    def maybe(self, value: Any, chance: float = 0.5) -> Any:
        return value if self.dice.random() < chance else None

    def but(self, share: float, changes: dict[str, Any]) -> dict[str, Any]:
        """Without about this share of them."""
        return {name: value for name, value in changes.items() if self.dice.random() >= share} if share else changes

    def some(self, values: list[Any], most: int, chance: float = 1.0) -> list[Any]:
        """A few of them, or an empty list."""
        return self.dice.sample(values, self.dice.randint(0, most)) if self.dice.random() < chance else []


def random_person(number: int, dice: random.Random, plain: float = 0.0) -> Person:
    """Somebody; so much of them as the usual person, who fits."""
    draws = Draws(dice)
    maybe, some = draws.maybe, draws.some
    amount = dice.randint(18, 30) * 100_000
    wants = {
        "kinds": dice.sample(KINDS[:3], dice.randint(1, 3)),
        "employment": some(CONTRACTS, 1, 0.4),
        "wage_min": maybe({"per": "month", "amount": amount, "currency": dice.choice(["KRW"] * 9 + ["XTS"])}, 0.4),
        "shifts": maybe(dice.sample(SHIFTS[:3], dice.randint(1, 2)), 0.4),
        "hours_per_week": maybe({"min": maybe(20), "max": maybe(dice.choice([30, 40]))}, 0.3),
        "commute_minutes": maybe(dice.choice([20, 30, 60, 90])),
        "from": maybe(dice.choice(["2026-11", "2027-02"]), 0.3),
        "not_to": [f"employer:{number}" for number in some(EMPLOYERS, 1, 0.3)],
        "growth": dice.random() < 0.8,
        "lodging": maybe(dice.random() < 0.5, 0.4),
    }
    changes = draws.but(plain, {
        "status": dice.choices(["active", "left"], [12, 1])[0],
        "year_of_birth": maybe(dice.randint(1960, 2007), 0.8),
        "sex": maybe(dice.choice(["female", "male"]), 0.9),
        "residence": dice.choice(REGIONS),
        "education": maybe(f"work24-2024-education:0{dice.randint(1, 6)}", 0.6),
        "certificates": some(CERTIFICATES, 2),
        "courses": [{"code": code} for code in some(COURSES, 2, 0.5)],
        "occupations": [
            {"code": code, "months": dice.randint(0, 60), "interest": dice.choice([0.0, 0.1, 0.5, 1.0])}
            for code in some(OCCUPATIONS, 2)
        ],
        "wants": {name: value for name, value in wants.items() if value is not None} if dice.random() < 0.95 else None,
        "has": {"driving_licence": maybe(dice.random() < 0.5, 0.6), "car": maybe(dice.random() < 0.3, 0.6)},
        "situation": {
            "jobless": maybe(dice.random() < 0.7, 0.6),
            "income_percent_of_median": maybe(dice.randint(40, 160)),
        },
        "counselling": {
            "interests": some([*OCCUPATIONS[2:6], "keco-2018:53"], 1, 0.4),
            "strengths": some(STRENGTHS, 2, 0.5),
            "needs": [f"kr-gyeonggi-1:{name}" for name in some(NEEDS, 2, 0.4)],
        },
        "consents": [{"purpose": "matching", "until": (TODAY + timedelta(days=dice.randint(-1, 5))).isoformat()}],
    })  # fmt: skip
    return a_person(number, **changes)


def random_opening(number: int, dice: random.Random, plain: float = 0.0) -> Opportunity:
    """An advert or a training, with some of the rules adverts have; so much of it as the usual job, which fits."""
    draws = Draws(dice)
    maybe, some = draws.maybe, draws.some
    pay, currency = dice.randint(20, 40) * 100_000, dice.choice(["KRW"] * 9 + ["XTS"])
    changes = draws.but(plain, {
        "kind": dice.choice(["job", "job", *KINDS]),
        "status": dice.choices(["open", "closed"], [12, 1])[0],
        "title": dice.choice(TITLES),
        "occupation": maybe(dice.choice(OCCUPATIONS), 0.9),
        "employer": maybe({"name": "x", "number": maybe(dice.choice(EMPLOYERS), 0.8)}, 0.8),
        "region": dice.choice(REGIONS),
        "employment": maybe(dice.choice(CONTRACTS), 0.8),
        "wage": maybe({"per": "month", "minimum": pay, "maximum": maybe(pay + 300_000), "currency": currency}, 0.9),
        "hours_per_week": maybe(dice.choice([20, 40, 40, 60])),
        "shifts": some(SHIFTS, 2),
        "benefits": some(["work24-2024-welfare:01", "work24-2024-welfare:02"], 1, 0.3),
        "places": maybe(dice.randint(0, 9), 0.3),
        "starts": maybe(dice.choice(["2026-12-01", "2027-01-10", "2027-02-01"]), 0.3),
        "closes": maybe((TODAY + timedelta(days=dice.randint(-1, 6))).isoformat(), 0.9),
        "until_filled": dice.random() < 0.3,
        "certificates": some(CERTIFICATES, 1, 0.3),
        "certificates_wanted": some(CERTIFICATES, 1, 0.5),
        "courses_wanted": some(COURSES, 2, 0.3),
        "strengths": some(STRENGTHS, 2, 0.4),
        "teaches": some(COURSES, 2, 0.5),
        "rules": {
            "age_min": maybe(dice.randint(18, 50), 0.2),
            "age_max": maybe(dice.randint(30, 64), 0.1),
            "sex": maybe("female", 0.1),
            "income_max_percent_of_median": maybe(120, 0.1),
            "jobless": maybe(True, 0.1),
            "residence": some([GYEONGGI, SUWON], 1, 0.2),
            "licences": some(LICENCES, 2, 0.2),
            "car": dice.random() < 0.1,
            "experience_months": maybe(dice.choice([6, 24]), 0.15),
            "education_min": maybe(f"work24-2024-education:0{dice.randint(0, 4)}", 0.3),
        },
    })  # fmt: skip
    return a_job(number, **changes)
