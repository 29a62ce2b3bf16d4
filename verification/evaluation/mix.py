"""What the first five proposals are made of: trades, pay, contracts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from services.matching.domain.opening_facts import opening_facts
from verification.evaluation.measures import FIRST, Lists
from verification.evaluation.truth import World

WORKING_IN = {"manufacturing": 0.205, "hospitality": 0.137}
"""Of defectors who work the shares in manufacturing, and in lodging and eating places, by the settlement survey."""
MANUFACTURING = "8"
"""The group of occupations of those who make things. Adverts of these worlds have no industry: it is judged by the
occupation, so a cook in a factory counts as hospitality, and a clerk there as neither."""
HOSPITALITY = ("52", "53")


def mix(market: World, lists: Lists) -> Mapping[str, float]:
    """Of the jobs among the first five: shares by trade, of elementary work and of secure contracts (of those that
    state one), and what an hour pays at least, in the mean of those that say."""
    return _of(market, [number for found in lists for number in found[:FIRST]])


def mix_of_all(market: World) -> Mapping[str, float]:
    """The same of all jobs that are open, each once."""
    return _of(market, range(len(market.adverts)))


def _of(market: World, numbers: Sequence[int]) -> Mapping[str, float]:
    jobs = [market.adverts[number] for number in numbers if market.adverts[number].kind == "job"]
    facts = [opening_facts(one.shown, market.pack) for one in jobs]
    groups = [(one.occupation or "").partition(":")[2] for one in facts]
    return {
        "manufacturing": _mean([group.startswith(MANUFACTURING) for group in groups]),
        "hospitality": _mean([group.startswith(HOSPITALITY) for group in groups]),
        "hourly_pay": _mean([one.hourly_min for one in facts if one.hourly_min is not None]),
        "secure": _mean([one.secure for one in facts if one.secure is not None]),
        "elementary": _mean([one.elementary for one in jobs]),
    }


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0
