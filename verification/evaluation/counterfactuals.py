"""Whether what is said to open a refused pair really does: the changes are applied and the oracle is asked."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from statistics import fmean

from services.matching.domain.assessment import assess_pair
from services.matching.domain.counterfactuals import applied, what_opens
from shared.reference import Pack
from verification.evaluation.families import FAMILIES
from verification.evaluation.truth import TODAY
from verification.evaluation.world import Market
from verification.oracle.factors import contributions, fit_of
from verification.oracle.matches import asks_of
from verification.oracle.pair import Pair

PAIRS = 1_000


def whynot(pack: Pack, people: int, adverts: int, seed: int) -> Mapping[str, float]:
    """Of pairs drawn from all families: ``whynot_said``: the share of the refused for which changes are named;
    ``whynot_weak``: for which it is said that the fit is too weak even then (of the rest, that nothing opens them);
    ``whynot_holds``: how many of those with changes then may match; ``whynot_changes``: how many changes a set has."""
    markets = [Market(pack, family, seed, people, adverts) for family in FAMILIES]
    dice, refused, weak = Random(seed), 0, 0
    holds: list[bool] = []
    sizes: list[int] = []
    while len(holds) < PAIRS:
        market = dice.choice(markets)
        person, opening = dice.choice(market.workers).shown, dice.choice(market.adverts).shown
        if assess_pair(person, opening, pack, TODAY).state != "no":
            continue
        refused += 1
        opens = what_opens(person, opening, pack, TODAY)
        changes, weak = opens.changes, weak + opens.too_weak
        if changes is not None:
            pair = Pair(*applied(person, opening, changes), pack, TODAY)
            matches = asks_of(pair) is not None and fit_of(pair, contributions(pair)) >= pack.matching.threshold
            holds.append(matches)
            sizes.append(len(changes))
    return {
        "whynot_said": round(len(holds) / refused, 3),
        "whynot_weak": round(weak / refused, 3),
        "whynot_holds": fmean(holds),
        "whynot_changes": round(fmean(sizes), 2),
    }
