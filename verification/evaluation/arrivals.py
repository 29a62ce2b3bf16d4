"""People come one by one, and each has to be told at once: a choice that keeps places for those who are still to come.

A pure function; nothing is decided by it. Who comes is not known, but what such people would gain is: of several
sampled futures each says what a place of every opening would be worth to it (the dual values of its best assignment),
and the mean of these is the opening's price. The person who is here gets what is worth most to them above its price;
when nothing is worth its price, they wait. First come, first served is the same with prices of nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from services.matching.domain.assignment_solver import SECONDS, prices

Future = Sequence[Mapping[str, float]]
"""Of each of the people of one sample what openings would be worth to them."""


class Choice(NamedTuple):
    """``opening`` None: nothing is worth its price, so they wait. ``price``: what was set against the ``benefit``."""

    opening: str | None
    benefit: float = 0.0
    price: float = 0.0


def expected_prices(
    left: Mapping[str, int], futures: Sequence[Future], seconds: float = SECONDS
) -> Mapping[str, float]:
    """Of each opening with a place left what the place is worth to those who come, on average over the samples (whose
    solver was done in so many seconds each)."""
    free = {opening: places for opening, places in left.items() if places > 0}
    found = list[Mapping[str, float]]()
    for future in futures:
        people = [str(number) for number in range(len(future))]
        benefits = {
            (person, opening): benefit
            for person, own in zip(people, future, strict=True)
            for opening, benefit in own.items()
            if opening in free
        }
        priced = prices(people, free, benefits, seconds)
        if priced:
            found.append(priced)
    return {opening: fmean(one[opening] for one in found) if found else 0.0 for opening in free}


def chosen(here: Mapping[str, float], left: Mapping[str, int], priced: Mapping[str, float]) -> Choice:
    """By prices that are known already. Of what is worth the same above its price the dearest to the person counts."""
    open_to = [opening for opening in here if left.get(opening, 0) > 0]
    if not open_to:
        return Choice(None)
    best = max(open_to, key=lambda one: (round(here[one] - priced.get(one, 0.0), 9), here[one], one))
    price = priced.get(best, 0.0)
    return Choice(best, here[best], price) if here[best] >= price else Choice(None, here[best], price)
