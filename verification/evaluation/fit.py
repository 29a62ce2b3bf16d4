"""`python -m verification.evaluation.fit`: weights of the factors from outcomes, by one documented procedure.

Pairs that the conditions admit, of worlds that are never reported (``--seeds``); what is predicted is whether the truth
calls the pair good (`GOOD`). A logistic model without negative weights (scikit-learn, fitted by projected gradient),
then a mean with what the pack holds now (`PRIOR` of it), divided by its sum. The last line is one JSON object to put
into `pack.json`, under a new version, with a date and the name of who approved it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.factors import FACTORS
from shared.reference import load_pack
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit and print."""
    parser = argparse.ArgumentParser(prog="python -m verification.evaluation.fit")
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--adverts", type=int, default=900)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--pack", default="kr-gyeonggi")
    asked = parser.parse_args(arguments)
    pack = load_pack(asked.pack)
    context = AssessmentContext(pack, TODAY)
    values, truths = [], []
    for family in FAMILIES:
        for seed in map(int, asked.seeds.split(",")):
            market = Market(pack, family, seed, asked.people, asked.adverts)
            allowed = admitted(market, context)
            for person, numbers, utilities in zip(allowed.people, allowed.by_worker, market.truth(), strict=True):
                gained = gains(utilities)
                truth = np.array([gained[n] for n in numbers])
                if truth.sum() > 0:
                    values.append(np.array([factor_values(person, allowed.openings[n], context) for n in numbers]))
                    truths.append(truth)
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
