"""People of a class who come one by one, each told at once: by prices of a sampled future, or first come, first served.

How many are still to come is known, and of what kind such people are, but not who. Futures are drawn from the crowd of
a class, prices made anew after every few people, and what has no place left any more is priced no longer meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from time import process_time

from verification.evaluation.arrivals import chosen, expected_prices
from verification.evaluation.classes import Class


def one_by_one(
    one: Class, places: Mapping[str, int], optimum: float, seed: int, samples: int, every: int
) -> dict[str, float]:
    """Shares of the optimum in hindsight (all known at once), and how many have nothing in the end. ``refused``: of
    these those to whom nothing was worth its price, while something had a place."""
    here: dict[str, dict[str, float]] = {person: {} for person in one.ids}
    for (person, opening), benefit in one.benefits.items():
        here[person][opening] = benefit
    dice, left, began = Random(seed), dict(places), process_time()
    priced: Mapping[str, float] = {}
    gained, served, refused = 0.0, 0, 0
    for number, (_, own) in enumerate(here.items()):
        if number % every == 0:
            # from the middle of the stretch for which these prices hold
            to_come = max(0, len(here) - number - 1 - every // 2)
            futures = [dice.sample(one.crowd, min(to_come, len(one.crowd))) for _ in range(samples)]
            priced = expected_prices(left, futures)
        choice = chosen(own, left, priced)
        if choice.opening is not None:
            left[choice.opening] -= 1
            gained, served = gained + choice.benefit, served + 1
        elif choice.benefit > 0:
            refused += 1
    return {
        "priced_vs_hindsight": gained / optimum,
        "unserved_priced": float(len(here) - served),
        "refused_priced": float(refused),
        "priced_s": process_time() - began,
    }
