"""Rounds for a graduating class, beside the optimum that scipy finds and what simpler ways give."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from time import process_time

import numpy as np
from scipy.optimize import linear_sum_assignment

from services.matching.domain.assessment import assess
from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.cohort_assignment import Terms, propose
from shared.reference import Pack
from verification.evaluation.baselines import admitted
from verification.evaluation.families import FAMILIES
from verification.evaluation.truth import TODAY
from verification.evaluation.world import Market

PEOPLE, OPENINGS = 200, 300
TERMS = Terms(guarantee=0.5, floor=0.95)


def classes(pack: Pack, seed: int) -> Mapping[str, float]:
    """A class of each family, one place for each advert, worth the fit: the round without terms over the optimum, and
    what `TERMS` cost of it; how many of the guarantees are broken (0), and how far a group is under the floor (0)."""
    found = []
    context = AssessmentContext(pack, TODAY)
    for family in FAMILIES:
        market = Market(pack, family, seed, PEOPLE, OPENINGS)
        allowed = admitted(market, context)
        people = [person.id for person in allowed.people]
        places = {opening.id: 1 for opening in allowed.openings}
        benefits = {
            (person.id, allowed.openings[n].id): assess(person, allowed.openings[n], context).fit
            for person, numbers in zip(allowed.people, allowed.by_worker, strict=True)
            for n in numbers
        }
        groups = {person.id: person.sex or "-" for person in allowed.people}
        matrix = np.array([[benefits.get((person, opening), 0.0) for opening in places] for person in people])
        optimum = float(matrix[linear_sum_assignment(matrix, maximize=True)].sum())
        began = process_time()
        free, bound = (propose(people, places, benefits, groups, terms) for terms in (Terms(), TERMS))
        best = matrix.max(axis=1)
        broken = sum(
            benefits[pair] < TERMS.guarantee * best[people.index(pair[0])] - 1e-9 for pair in bound.assigned.items()
        )
        found.append(
            {
                "rounds_vs_optimum": free.benefit / optimum,
                "first_come_vs_optimum": free.first_come / optimum,
                "greedy_vs_optimum": free.greedy / optimum,
                "rounds_unserved": len(free.waiting) / PEOPLE,
                "terms_cost": 1 - bound.benefit / free.benefit,
                "guarantees_broken": broken,
                "floor_lacks": max(group.lacks for group in bound.groups.values()),
                "rounds_s": process_time() - began,
            }
        )
    return {name: round(fmean(one[name] for one in found), 4) for name in found[0]}
