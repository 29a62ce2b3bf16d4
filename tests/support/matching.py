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
        "employer": {"name": "예시제과", "number": "111-22-33333"},
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


REGIONS = [SUWON, GWANGMYEONG, YEONCHEON, SEOUL, None]
OCCUPATIONS = [BAKER, CARE, "keco-2018:5312", "keco-2018:8711", "keco-2018:9012", "work24-2024-occupation:024100"]
SHIFTS = ["kr-gyeonggi-1:day", "kr-gyeonggi-1:evening", "kr-gyeonggi-1:night", "work24-2024-shift:6"]
CERTIFICATES = ["kr-certificate-2020:7910", "kr-certificate-2020:care-worker", "kr-certificate-2020:driving-1-large"]


def random_person(number: int, dice: random.Random) -> Person:
    """Somebody; what many profiles lack is often lacking."""

    def maybe(value: Any, chance: float = 0.6) -> Any:
        return value if dice.random() < chance else None

    return a_person(
        number,
        status=dice.choices(["active", "left"], [12, 1])[0],
        year_of_birth=maybe(dice.randint(1960, 2007), 0.8),
        sex=maybe(dice.choice(["female", "male"]), 0.9),
        residence=dice.choice(REGIONS),
        education=maybe(f"work24-2024-education:0{dice.randint(1, 6)}"),
        certificates=dice.sample(CERTIFICATES, dice.randint(0, 2)),
        occupations=[
            {"code": code, "months": dice.randint(0, 60), "interest": dice.choice([0.0, 0.5, 1.0])}
            for code in dice.sample(OCCUPATIONS, dice.randint(0, 2))
        ],
        wants={
            "kinds": dice.sample(["job", "internship", "training"], dice.randint(1, 3)),
            "wage_min": maybe({"per": "month", "amount": dice.randint(18, 30) * 100_000, "currency": "KRW"}, 0.4),
            "shifts": maybe(dice.sample(SHIFTS[:3], dice.randint(1, 2)), 0.4),
            "commute_minutes": maybe(dice.choice([30, 60, 90]), 0.5),
            "from": maybe(dice.choice(["2026-11", "2027-02"]), 0.3),
            "growth": dice.random() < 0.8,
        },
        has={"driving_licence": maybe(dice.random() < 0.5), "car": maybe(dice.random() < 0.3)},
        situation={"jobless": maybe(True)},
        counselling={"needs": maybe(["kr-gyeonggi-1:childcare-hours"], 0.2) or []},
        consents=[{"purpose": "matching", "until": (TODAY + timedelta(days=dice.randint(-1, 5))).isoformat()}],
    )


def random_opening(number: int, dice: random.Random) -> Opportunity:
    """An advert or a training, with some of the rules adverts have."""

    def maybe(value: Any, chance: float = 0.5) -> Any:
        return value if dice.random() < chance else None

    return a_job(
        number,
        kind=dice.choice(["job", "job", "internship", "training"]),
        status=dice.choices(["open", "closed"], [12, 1])[0],
        occupation=maybe(dice.choice(OCCUPATIONS), 0.9),
        region=dice.choice(REGIONS),
        wage=maybe({"per": "month", "minimum": dice.randint(20, 40) * 100_000, "currency": "KRW"}, 0.9),
        hours_per_week=maybe(dice.choice([20, 40])),
        shifts=dice.sample(SHIFTS, dice.randint(0, 2)),
        benefits=maybe(["work24-2024-welfare:01"], 0.2),
        places=maybe(dice.randint(0, 9), 0.3),
        closes=(TODAY + timedelta(days=dice.randint(-1, 6))).isoformat(),
        certificates=maybe([dice.choice(CERTIFICATES)], 0.15),
        certificates_wanted=maybe([dice.choice(CERTIFICATES)], 0.3),
        rules={
            "age_min": maybe(dice.randint(18, 50), 0.2),
            "licences": maybe(["kr-gyeonggi-1:driving-licence"], 0.15) or [],
            "education_min": maybe(f"work24-2024-education:0{dice.randint(0, 4)}", 0.3),
        },
    )
