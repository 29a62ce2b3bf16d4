"""Adverts of the family ``first-half-year``: what they say, and what it is like there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from random import Random
from typing import Any

from shared.events.topics.opportunities import Opportunity
from verification.evaluation.first_half_year import setting
from verification.evaluation.first_half_year.people import EMPLOYERS
from verification.evaluation.first_half_year.setting import CERTIFICATE, Place, Trade, bounded, pick, said
from verification.evaluation.first_half_year.titles import MINIMUM_HOURLY, by_the_hour, firm, job_title, programme_title
from verification.evaluation.truth import TODAY, Offer

KINDS = (("job", 0.78), ("internship", 0.06), ("training", 0.09), ("startup-support", 0.04), ("consulting", 0.03))
BY_AGENCY, POSTED_AGAIN, SLOPPY_CODE, WRONG_SHIFT = 0.45, 0.5, 0.22, 0.06
MONTH_OF_40 = 209
LAND = {"m": 2.6, "s": 0.8, "r": 0.9}
ELEMENTARY = frozenset(
    ("packing", "loading", "picking", "housework", "kitchenaid", "canteen", "cleaning", "roommaid", "guard")
) | {"building", "farm", "recycling"}


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """How it is there, said or not. ``pay``: 10,000 won a month; ``strict`` to ``mentor``: 0 to 1."""

    kind: str
    trade: Trade
    place: Place
    point: tuple[float, float]
    pay: float
    hours: int
    shift: str
    early: bool
    load: float
    strict: float
    boss: float
    welcoming: float
    overtime: float
    rush: float
    mentor: bool
    pays_late: bool
    agency: bool
    needs: frozenset[str]
    needs_licence: bool
    needs_car: bool
    dormitory: bool
    must_lodge: bool
    bus: bool
    education_min: int
    experience_months: int
    age: tuple[int, int]
    sex: str | None
    residence: str | None
    jobless: bool
    income_max: int
    months: int
    turns_regular: float
    allowance: float
    leads_on: float
    employer: tuple[str, str]
    contract: str | None


@dataclass(frozen=True, kw_only=True)
class Opening(Offer):
    """An advert as the evaluation knows adverts, and the workplace behind it."""

    workplace: Workplace


def openings(seed: int, count: int) -> tuple[Opening, ...]:
    """So many adverts, those that are one place posted again and again spread among the others."""
    random = Random(f"first-half-year/{seed}/adverts")
    found, group = list[Opening](), 0
    while len(found) < count:
        work = _workplace(Random(f"first-half-year/{seed}/advert/{group}"))
        times = 1
        if work.agency and random.random() < POSTED_AGAIN:
            times += random.choice((1, 1, 2, 3, 4))
        for again in range(min(times, count - len(found))):
            found.append(_opening(Random(f"first-half-year/{seed}/advert/{group}/{again}"), work, group))
        group += 1
    random.shuffle(found)
    return tuple(found)


def _opening(random: Random, work: Workplace, group: int) -> Opening:
    return Opening(
        shown=_shown(random, work),
        region=work.place.code,
        group=group,
        elementary=work.trade.name in ELEMENTARY and work.kind == "job",
        lodging=work.dormitory,
        bus=work.bus,
        kind=work.kind,
        workplace=work,
    )


@cache
def _trades(kind: str) -> tuple[tuple[Trade, float], ...]:
    if kind == "training":
        return tuple(
            (one, one.weight * (2.5 if one.needs or one.helps else 0.3)) for one in setting.trades() if one.course
        )
    return tuple((one, one.weight) for one in setting.trades())


@cache
def _places(industry: str, name: str) -> tuple[tuple[Place, float], ...]:
    factory = industry in "CE" or name in ("loading", "picking", "forklift")
    return tuple(
        (
            place,
            place.works
            * (LAND[place.land] if factory else (8.0 if place.land == "r" else 0.3) if name == "farm" else 1),
        )
        for place in setting.places()
    )


def _workplace(random: Random) -> Workplace:
    kind = pick(random, KINDS)
    trade = pick(random, _trades(kind))
    place = pick(random, _places(trade.industry, trade.name))
    job = kind in ("job", "internship")
    shift = pick(random, trade.shifts) if job else "day"
    hours = random.choice(trade.hours) if job else random.choice((15, 20, 30, 35))
    lodges = job and random.random() < trade.lodge
    car = kind == "job" and random.random() < trade.car + (0.06 if place.land == "r" else 0)
    agency = kind == "job" and trade.factory and random.random() < BY_AGENCY
    ruled = kind != "job"
    return Workplace(
        kind=kind,
        trade=trade,
        place=place,
        point=setting.near(place, random),
        pay=_pay(random, trade, hours, shift, 0.9 if kind == "internship" else 1) if job else 0.0,
        hours=hours,
        shift=shift,
        early=job
        and shift == "day"
        and random.random() < (0.3 if trade.name in ("bakery", "cleaning", "building") else 0.03),
        load=bounded(trade.load + random.gauss(0, 0.1)),
        strict=bounded(trade.bar + random.gauss(0.08, 0.15)),
        boss=random.betavariate(3, 1.8),
        welcoming=random.betavariate(2, 2) * (1.15 if trade.factory else 0.95),
        overtime=random.betavariate(1.5, 3) if hours >= 40 else 0.0,
        rush=random.expovariate(1.4) * (1.6 if trade.style == "desk" else 1),
        mentor=random.random() < 0.2,
        pays_late=random.random() < 0.04,
        agency=agency,
        needs=frozenset({trade.needs} if trade.needs and job else ()),
        needs_licence=job and (car or random.random() < trade.licence),
        needs_car=car,
        dormitory=lodges or (job and random.random() < trade.lodge / 2),
        must_lodge=lodges and (trade.name in ("farm", "bedside") or random.random() < 0.25),
        bus=job and trade.factory and hours >= 40 and random.random() < 0.34,
        education_min=_education_min(random, trade, job),
        experience_months=random.choice((6, 12, 24, 36)) if job and random.random() < 0.45 * trade.bar else 0,
        age=(18, 120) if not ruled else random.choice(((18, 120), (18, 120), (18, 39), (18, 34), (50, 69), (35, 59))),
        sex="female" if kind == "training" and random.random() < 0.25 else None,
        residence=place.province if ruled and kind != "internship" and random.random() < 0.6 else None,
        jobless=ruled and random.random() < 0.4,
        income_max=random.choice((100, 120, 150)) if ruled and random.random() < 0.12 else 1000,
        months=random.choice((3, 3, 6)) if kind == "internship" else random.choice((1, 2, 3, 4, 6)) if ruled else 6,
        turns_regular=random.betavariate(1.5, 2),
        allowance=random.choice((0, 0, 12, 32)) if kind == "training" else 0.0,
        leads_on=random.betavariate(2, 2),
        employer=(firm(random, agency), f"000-00-{random.randrange(1, EMPLOYERS):05d}"),
        contract=_contract(random, agency, hours) if kind == "job" else None,
    )


def _pay(random: Random, trade: Trade, hours: int, shift: str, share: float) -> float:
    """By the month; never below the minimum wage of 2026 for the hours."""
    low, high = trade.pay
    full = random.triangular(low, high, low + (high - low) * 0.3)
    by_hours = full * (hours / 40 if hours < 35 else 1)
    more = {"night": 1.16, "rotating": 1.12, "evening": 1.02, "day": 1.0}[shift]
    least = MINIMUM_HOURLY * MONTH_OF_40 * min(hours, 40) / 40 / 10_000
    return round(max(by_hours * more * share, least) + 0.5)


def _education_min(random: Random, trade: Trade, job: bool) -> int:
    if not job:
        return 0
    if trade.name in ("developer", "nurse", "welfare"):
        return random.choice((4, 4, 5))
    return 3 if random.random() < (0.4 if trade.style == "desk" else 0.14) else 0


def _shown(random: Random, work: Workplace) -> Opportunity:
    """The bus's view of one posting: titles and fields are filled anew each time somebody posts it."""
    trade, job = work.trade, work.kind in ("job", "internship")
    state: dict[str, Any] = {
        "opportunity": f"{random.getrandbits(128):032x}",
        "owner": "gjf",
        "kind": work.kind,
        "status": "open",
        "occupation": _occupation(random, work),
        "industry": said(random, setting.INDUSTRY + trade.industry, 0.4),
        "employer": said(random, {"name": work.employer[0], "number": work.employer[1]}, 0.9 if job else 0.5),
        "region": _region(random, work),
        "places": said(random, random.choice((1, 1, 1, 2, 3, 5, 10)) if job else random.choice((8, 15, 20, 25)), 0.7),
        "rules": _rules(random, work),
        **_days(random),
    }
    if not job:
        state |= {
            "title": programme_title(random, work.kind, trade, work.place),
            "months": said(random, work.months, 0.8),
        }
        if work.kind == "training":
            state |= {"teaches": [setting.COURSE + trade.course] if trade.course else []}
            state |= {"hours_per_week": said(random, work.hours, 0.6), "shifts": [setting.PLAIN + "day"]}
        return Opportunity.model_validate_json(json.dumps(state))
    state |= {
        "title": job_title(
            random, trade, work.place, shift=work.shift, pay=work.pay, hours=work.hours,
            lodging=work.dormitory, bus=work.bus, car=work.needs_car,
        )
        if work.kind == "job"
        else programme_title(random, work.kind, trade, work.place),
        "employment": said(random, setting.EMPLOYMENT + work.contract, 0.8) if work.contract else None,
        "wage": _wage(random, work),
        "hours_per_week": said(random, work.hours, 0.68),
        "shifts": _shifts(random, work),
        "benefits": [
            setting.WELFARE + code
            for code, there in (("01", work.dormitory), ("02", work.bus), ("04", True))
            if there and random.random() < 0.55
        ],
        "certificates": [CERTIFICATE + one for one in sorted(work.needs) if random.random() < 0.75],
        "certificates_wanted": [CERTIFICATE + one for one in trade.helps if random.random() < 0.25],
        "courses_wanted": [setting.COURSE + trade.course] if trade.course and random.random() < 0.06 else [],
        "months": work.months if work.kind == "internship" and random.random() < 0.9 else None,
    }  # fmt: skip
    return Opportunity.model_validate_json(json.dumps(state))


def _occupation(random: Random, work: Workplace) -> str | None:
    """A code, by clerks who take the first of a list: often a near one, for agencies 'simple production'."""
    trade = work.trade
    if work.kind in ("startup-support", "consulting") or random.random() < 0.08:
        return None
    code = trade.codes[0] if random.random() < 0.6 else random.choice(trade.codes)
    if work.agency and random.random() < SLOPPY_CODE:
        code = "890000"
    return setting.OCCUPATION + code


def _region(random: Random, work: Workplace) -> str | None:
    if work.kind in ("startup-support", "consulting", "training") and random.random() < 0.3:
        return setting.REGION + work.place.province + "000"
    return setting.REGION + (work.place.code if random.random() < 0.94 else work.place.province + "000")


def _contract(random: Random, agency: bool, hours: int) -> str:
    if agency and random.random() < 0.6:
        return "4"
    if hours < 35:
        return random.choice(("11", "21", "21"))
    return random.choice(("10", "10", "10", "20", "20"))


def _wage(random: Random, work: Workplace) -> dict[str, Any] | None:
    """Agencies add a little each time they post; some say nothing ("to be agreed"), which the fields leave out."""
    if random.random() < 0.14:
        return None
    pay = work.pay * (random.uniform(1.0, 1.12) if work.agency else 1)
    if work.hours < 35 or random.random() < 0.12:
        return {"per": "hour", "minimum": by_the_hour(pay, work.hours), "currency": "KRW"}
    wage: dict[str, Any] = {"per": "month", "minimum": int(pay) * 10_000, "currency": "KRW"}
    if random.random() < 0.08:
        wage |= {"per": "year", "minimum": int(pay) * 120_000}
    elif random.random() < 0.3:
        wage["maximum"] = wage["minimum"] + random.randint(1, 6) * 100_000
    return wage


def _shifts(random: Random, work: Workplace) -> list[str]:
    if random.random() > 0.46:
        return []
    shown = "day" if work.shift in ("rotating", "night") and random.random() < WRONG_SHIFT else work.shift
    return [setting.PLAIN + shown]


def _rules(random: Random, work: Workplace) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    if work.needs_licence and random.random() < 0.6:
        rules["licences"] = [setting.PLAIN + "driving-licence"]
    if work.needs_car and random.random() < 0.5:
        rules["car"] = True
    if work.education_min and random.random() < 0.75:
        rules["education_min"] = f"{setting.EDUCATION}0{work.education_min}"
    if work.experience_months and random.random() < 0.75:
        rules["experience_months"] = work.experience_months
    if work.age[0] > 18 or work.age[1] < 120:
        rules |= {"age_min": work.age[0], "age_max": work.age[1]}
    elif work.kind != "job":
        rules["age_min"] = 18
    if work.sex is not None:
        rules["sex"] = work.sex
    if work.residence is not None:
        rules["residence"] = [setting.REGION + work.residence + "000"]
    if work.jobless and random.random() < 0.85:
        rules["jobless"] = True
    if work.income_max < 1000:
        rules["income_max_percent_of_median"] = work.income_max
    return rules


def _days(random: Random) -> dict[str, Any]:
    closes = (TODAY + timedelta(days=random.randint(2, 55))).isoformat()
    ways: Sequence[tuple[dict[str, Any], float]] = (
        ({"closes": closes}, 0.55),
        ({"closes": closes, "until_filled": True}, 0.25),
        ({"until_filled": True}, 0.2),
    )
    return pick(random, ways)
