"""Openings: jobs, internships, training, start-up support and consulting, as agencies post them.

An opening depends on seed, day and number. Employers are invented and say so in their names; their business numbers
(000-00-...) are given to nobody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from samples.world import names
from samples.world.chance import maybe, pick, some
from samples.world.envelope import Json
from samples.world.setting import Setting, Trade
from shared.reference import Pack, PackError

KINDS = (("job", 0.8), ("training", 0.08), ("internship", 0.06), ("startup-support", 0.03), ("consulting", 0.03))


@dataclass(frozen=True)
class Opening:
    """One opening as its owner describes it; ``data`` is the door's ``job-posted`` or ``programme-opened``."""

    agency: str
    kind: str
    data: Json

    @property
    def reference(self) -> str:
        """The owner's own number."""
        return str(self.data["reference"])

    @property
    def family(self) -> str:
        """``job`` or ``programme``: how its event types begin."""
        return "programme" if "kind" in self.data else "job"

    def changed(self, **changes: Any) -> Json:
        """The whole advert as it is now."""
        return self.data | changes


def floor_per_hour(pack: Pack, on: date) -> int:
    """The minimum wage of a day; of the last day that the pack's table knows when it does not reach so far."""
    for back in range(0, 3 * 366, 30):
        try:
            return pack.minimum_wage(on - timedelta(days=back)).per_hour
        except PackError:
            continue
    raise ValueError("the pack has no minimum wage near this day")


def make_opening(setting: Setting, pack: Pack, seed: int, day: int, number: int, today: date) -> Opening:
    """Opening ``number`` (from 0) of a day."""
    random = Random(f"{seed}/opening/{day}/{number}")
    kinds = [(kind, weight) for kind, weight in KINDS if kind in pack.kinds]
    kind = "job" if number < 2 else pick(random, kinds)
    trade = pick(random, [(trade, trade.women + trade.men) for trade in setting.trades])
    if kind == "job":
        return _job(random, setting, pack, trade, today)
    if kind == "internship":
        return _internship(random, setting, pack, trade, today)
    owner = random.choice(setting.having("programmes"))
    data = _programme(random, setting, pack, kind, trade, today)
    return Opening(owner.agency, kind, {"reference": names.reference(random, owner.prefix), "kind": kind, **data})


def _job(random: Random, setting: Setting, pack: Pack, trade: Trade, today: date) -> Opening:
    owner = random.choice(setting.having("jobs"))
    hours = random.choice(trade.hours)
    full = hours >= max(trade.hours)
    shift = random.choice(trade.shifts)
    codes = setting.codes
    title = f"{trade.title} ({pack.label(shift, pack.languages[0])}{'' if full else ', ' + setting.words.part})"
    data: Json = {
        "reference": names.reference(random, owner.prefix),
        "title": title,
        "occupation": trade.occupation,
        "industry": trade.industry,
        "employer": _employer(random, setting, trade),
        "region": _region(random, setting, pack),
        "employment": _employment(random, setting, full),
        "wage": wage(random, setting, pack, trade.pay, hours, full, today),
        "hours_per_week": hours,
        "shifts": [shift],
        "places": random.choice((1, 1, 1, 2, 2, 3, 5)),
        "strengths": list(trade.strengths[:1]),
        **_closing(random, today),
    }
    offers = ((codes.dormitory, 0.1), (codes.bus, 0.15), (codes.meals, 0.5))
    benefits = [code for code, share in offers if maybe(random, share)]
    data |= {"benefits": list(dict.fromkeys(benefits))} if benefits else {}
    if trade.certificates and trade.required and maybe(random, 0.8):
        data["certificates"] = [trade.certificates[0]]
    elif trade.certificates and maybe(random, 0.6):
        data["certificates_wanted"] = some(random, trade.certificates, 2)
    if maybe(random, 0.4):
        data["courses_wanted"] = [trade.courses[0]]
    rules = _job_rules(random, setting, trade)
    return Opening(owner.agency, "job", data | ({"rules": rules} if rules else {}))


def _job_rules(random: Random, setting: Setting, trade: Trade) -> Json:
    rules: Json = {}
    licences = [*trade.licences, *([setting.codes.handler] if trade.needs_handler and setting.codes.handler else [])]
    if licences and maybe(random, 0.6):
        rules["licences"] = licences
    if setting.codes.licence in licences and maybe(random, 0.3):
        rules["car"] = True
    if maybe(random, 0.15):
        rules["education_min"] = setting.survey.education[-3][0]
    if maybe(random, 0.12):
        rules["experience_months"] = random.choice((6, 12, 24))
    return rules


def wage(
    random: Random, setting: Setting, pack: Pack, pay: tuple[float, float], hours: int, full: bool, today: date
) -> Json:
    """A wage between the two multiples of the day's minimum wage, rounded up as adverts do: never below it."""
    floor = floor_per_hour(pack, today)
    low = random.triangular(pay[0], pay[1], pay[0] + (pay[1] - pay[0]) / 4)
    if not full or maybe(random, 0.15):
        minimum = math.ceil(floor * low)
        return {"per": "hour", "minimum": minimum, "currency": setting.currency}
    work = pack.wages.working_time
    paid_hours = work.hours_per_month * max(1.0, hours / work.hours_per_week)
    minimum = math.ceil(floor * low * paid_hours / setting.round_month) * setting.round_month
    found: Json = {"per": "month", "minimum": minimum, "currency": setting.currency}
    if maybe(random, 0.35):
        found["maximum"] = minimum + random.randint(1, 30) * setting.round_month
    return found


def _employer(random: Random, setting: Setting, trade: Trade) -> Json:
    number = random.randrange(1, 400)
    name = f"{random.choice(setting.words.employer)} {trade.employer} {setting.words.branch.format(n=number)}"
    return {"name": name, "number": f"000-00-{number:05d}"}


def _region(random: Random, setting: Setting, pack: Pack) -> str:
    return setting.codes.capital if maybe(random, 0.12) else pick(random, tuple(pack.residence_weights.items()))


def _employment(random: Random, setting: Setting, full: bool) -> str:
    codes = setting.codes
    return random.choice(
        (codes.permanent, codes.permanent, codes.term) if full else (codes.permanent_part, codes.term_part)
    )


def _closing(random: Random, today: date) -> Json:
    """A last day, "until filled" with a date, or "until filled" and nothing more."""
    closes = (today + timedelta(days=random.randint(3, 45))).isoformat()
    return pick(
        random,
        (({"closes": closes}, 0.6), ({"closes": closes, "until_filled": True}, 0.25), ({"until_filled": True}, 0.15)),
    )


def _internship(random: Random, setting: Setting, pack: Pack, trade: Trade, today: date) -> Opening:
    owner = random.choice(setting.having("internships"))
    hours = max(trade.hours)
    data: Json = {
        "reference": names.reference(random, owner.prefix),
        "kind": "internship",
        "title": setting.words.internship.format(trade=trade.title),
        "occupation": trade.occupation,
        "industry": trade.industry,
        "employer": _employer(random, setting, trade),
        "region": _region(random, setting, pack),
        "employment": setting.codes.intern,
        "wage": wage(random, setting, pack, (1.0, 1.1), hours, True, today),
        "hours_per_week": hours,
        "shifts": [trade.shifts[0]],
        "places": random.choice((1, 2, 3)),
        "months": random.choice((3, 6)),
        **_closing(random, today),
    }
    return Opening(owner.agency, "internship", data)


def _programme(random: Random, setting: Setting, pack: Pack, kind: str, trade: Trade, today: date) -> Json:
    words = setting.words
    data: Json = {
        "occupation": trade.occupation,
        "region": pick(random, tuple(pack.residence_weights.items())),
        "places": random.choice((5, 10, 20)),
        "starts": (today + timedelta(days=random.randint(35, 80))).isoformat(),
        "closes": (today + timedelta(days=random.randint(7, 30))).isoformat(),
        "rules": {"age_min": 18, "residence": [setting.codes.province]},
    }
    if kind == "training":
        course = random.choice(trade.courses)
        data |= {
            "title": words.training.format(course=course),
            "teaches": [course],
            "months": random.choice((1, 2, 3, 6)),
        }
        data |= {"shifts": [setting.codes.day], "hours_per_week": random.choice((15, 20, 30))}
    elif kind == "startup-support":
        data |= {"title": words.startup.format(trade=trade.title), "months": 12}
    else:
        data |= {"title": words.consulting.format(trade=trade.title), "months": 3}
    return data
