"""The programmes that the pack knows with their published rules, opened as this year's edition."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from samples.world import names
from samples.world.envelope import Json
from samples.world.openings import Opening, wage
from samples.world.setting import Setting
from shared.reference import Pack, Programme


def published(setting: Setting, pack: Pack, seed: int, today: date) -> list[Opening]:
    """One opening per programme of the pack, in its order; sent by another where its owner may not."""
    return [
        _opening(setting, pack, Random(f"{seed}/programme/{known.name}"), known, today) for known in pack.programmes
    ]


def _opening(setting: Setting, pack: Pack, random: Random, known: Programme, today: date) -> Opening:
    family = "job-posted" if known.kind == "job" else "programme-opened"
    able = [agency for agency in setting.agencies if family in agency.rights.emits]
    owner = next((agency for agency in able if agency.agency == known.owner), able[0])
    data: Json = {
        "reference": names.reference(random, owner.prefix),
        "title": known.title[pack.languages[0]],
        "closes": (today + timedelta(days=30)).isoformat(),
        "starts": (today + timedelta(days=45)).isoformat(),
    }
    data |= {"places": known.seats} if known.seats else {}
    data |= {"months": known.months} if known.months else {}
    rules = rules_of(known)
    data |= {"rules": rules} if rules else {}
    if known.kind != "job":
        return Opening(owner.agency, known.kind, {**data, "kind": known.kind})
    trade = random.choice(setting.trades)
    hours = known.hours_per_week_max or max(trade.hours)
    data |= {
        "occupation": trade.occupation,
        "region": random.choice(tuple(pack.residence_weights)),
        "employment": setting.codes.permanent_part,
        "hours_per_week": hours,
        "shifts": [setting.codes.day],
        "wage": wage(random, setting, pack, (1.0, 1.1), hours, False, today),
    }
    return Opening(owner.agency, known.kind, data)


def rules_of(known: Programme) -> Json:
    """The published rules that the contract has words for. An income rule that is waived for those we serve is none.

    Not among them: for how many months one must have lived there (`residence_months_min`), and the least hours a week
    (`hours_per_week_min`) of a job that may be of any length between.
    """
    found = {
        "age_min": known.age_min,
        "age_max": known.age_max,
        "sex": known.sex,
        "income_max_percent_of_median": None if known.income_waived else known.income_max_percent_of_median,
        "jobless": True if known.jobless else None,
        "residence": [known.residence] if known.residence else None,
    }
    return {name: value for name, value in found.items() if value is not None}
