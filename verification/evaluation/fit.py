"""`python -m verification.evaluation.fit`: weights of the factors from outcomes, by one documented procedure.

Pairs that the conditions admit, of worlds that are never reported (``--seeds``), or an operator's own (``--rows``: what
`python -m services.matching outcome-rows` printed). Each person's list is a softmax over the score, compared with how
good each pair was in truth, or how far it came; no weight is negative (projected gradient). Then a mean with what the
pack holds now (`PRIOR` of it). The last line is one JSON object of weights for a `ranking_to_come.json`, under a new
version, as a proposal: a shadow run and a committee come before it is `approved` (docs/matching.md, "A change of the
model").
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.factors import FACTORS
from services.matching.domain.factors.base import NEUTRAL
from shared.reference import Pack, load_pack
from verification.evaluation.baselines import admitted, factor_values
from verification.evaluation.families import FAMILIES
from verification.evaluation.measures import gains, ndcg
from verification.evaluation.truth import TODAY
from verification.evaluation.world import Market

Numbers = NDArray[np.float64]
PRIOR = 0.3
STEPS = 400


def fitted(values: Sequence[Numbers], truths: Sequence[Numbers], prior: Numbers) -> Numbers:
    """Weights that add up to 1. ``values``: by person, a row for each admitted opening; ``truths``: their gains.

    Each person's list is a softmax over the score (a listwise loss): what matters is the order within one list.
    """
    weights, scale = prior.copy(), 12.0
    for step in range(STEPS):
        slope = np.zeros_like(weights)
        for rows, truth in zip(values, truths, strict=True):
            logits = scale * rows @ weights
            chance = np.exp(logits - logits.max())
            slope += rows.T @ (truth / truth.sum() - chance / chance.sum())
        weights = np.maximum(0.0, weights + 0.5 / (1 + step / 50) * slope / len(values))
        scale *= weights.sum()  # the sum is the scale of the softmax, the direction the weights
        weights /= weights.sum()
    return weights


def _of_worlds(pack: Pack, seeds: Sequence[int], people: int, adverts: int) -> tuple[list[Numbers], list[Numbers]]:
    """Values and gains of invented people."""
    context = AssessmentContext(pack, TODAY)
    values, truths = [], []
    for family in FAMILIES:
        for seed in seeds:
            market = Market(pack, family, seed, people, adverts)
            allowed = admitted(market, context)
            for person, numbers, utilities in zip(allowed.people, allowed.by_worker, market.truth(), strict=True):
                gained = gains(utilities)
                truth = np.array([gained[n] for n in numbers])
                if truth.sum() > 0:
                    values.append(np.array([factor_values(person, allowed.openings[n], context) for n in numbers]))
                    truths.append(truth)
    return values, truths


def of_rows(lines: Iterable[str]) -> tuple[list[Numbers], list[Numbers]]:
    """Values and gains of an operator's people, of those whose outcomes differ. A factor that somebody does not want
    weighed counts as neutral."""
    people: dict[int, list[tuple[list[float], float]]] = {}
    for line in lines:
        row = json.loads(line)
        found = [float(row["values"].get(factor.name, NEUTRAL)) for factor in FACTORS]
        people.setdefault(row["person"], []).append((found, float(row["gain"])))
    differing = [some for some in people.values() if len({gain for _, gain in some}) > 1]
    return (
        [np.array([found for found, _ in some]) for some in differing],
        [np.array([gain for _, gain in some]) for some in differing],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit and print."""
    parser = argparse.ArgumentParser(prog="python -m verification.evaluation.fit")
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--adverts", type=int, default=900)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--pack", default="kr-gyeonggi")
    parser.add_argument("--rows", type=Path)
    asked = parser.parse_args(arguments)
    pack = load_pack(asked.pack)
    if asked.rows is None:
        values, truths = _of_worlds(pack, [int(seed) for seed in asked.seeds.split(",")], asked.people, asked.adverts)
    else:
        values, truths = of_rows(asked.rows.read_text(encoding="utf-8").splitlines())
    if not values:
        print("nobody has outcomes that differ: nothing to fit")
        return 1
    prior = np.array([pack.weights[factor.name] for factor in FACTORS])
    own = fitted(values, truths, prior)
    for name, weights in (("now", prior), ("fitted", own), ("mean", PRIOR * prior + (1 - PRIOR) * own)):
        ndcgs = [
            ndcg(list(truth), list(np.argsort(-(rows @ weights)))) for rows, truth in zip(values, truths, strict=True)
        ]
        shown = {factor.name: round(float(weight), 3) for factor, weight in zip(FACTORS, weights, strict=True)}
        print(json.dumps({"weights": name, "ndcg10_on_these": round(float(np.mean(ndcgs)), 3), **shown}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
