"""Rounds for classes of invented people, beside the optimum that scipy finds and what simpler ways give.

`python -m verification.evaluation.cohort_assignment [--seeds 50] [--people 200] [--openings 300] [--seconds 20]
[--crowd 300] [--samples 4] [--every 20]`: a class for each seed (`classes.py`), once with one place for each opening
and once with places as advertised. For each a round without terms, one with `TERMS` (and what each of them costs), and
people who come one by one (`one_by_one.py`; ``--crowd 0`` leaves that out). A line for each class, then one JSON
object: shares are of the optimum without terms, which scipy finds by another algorithm; costs, too. Seconds are the
solver's by the clock (``round_s``: processor time of the whole pure function without terms).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from statistics import fmean
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import csr_array

from services.matching.domain.cohort_assignment import Proposal, Terms, propose
from services.matching.domain.disclosure_control import REPORTED, group_of
from shared.reference import Pack, load_pack
from verification.evaluation.classes import Class, Pair, drawn
from verification.evaluation.one_by_one import one_by_one
from verification.evaluation.truth import TODAY

PEOPLE, OPENINGS = 200, 300
TERMS = Terms(guarantee=0.5, floor=0.95)
SMALL = 1e-6
NEARLY = 1e-3  # of everybody's sum: the solver's gap in a class
FAMILIES = 4  # take turns by the seed
Figures = dict[str, float]


def classes(pack: Pack, seed: int) -> Mapping[str, float]:
    """A class of each family with one place for each opening, and the means of their figures, but how many guarantees
    were broken in all; for `make evaluate`."""
    found = []
    for number in range(FAMILIES):
        one = drawn(pack, seed * FAMILIES + number, PEOPLE, OPENINGS)
        found.append(of_round(one, dict.fromkeys(one.places, 1), number, pack))
    named = {"rounds_vs_optimum", "greedy_vs_optimum", "first_come_vs_optimum", "floor_lacks"}
    means = {name if name in named else f"rounds_{name}": _mean(found, name) for name in found[0]}
    return means | {"guarantees_broken": sum(one["guarantees_broken"] + one["floors_broken"] for one in found)}


def of_round(one: Class, places: Mapping[str, int], seed: int, pack: Pack, seconds: float = 20.0) -> Figures:
    """A class and these places. Groups are by sex, age, education, region or childcare, in turns by the seed."""
    by = REPORTED[seed // FAMILIES % len(REPORTED)]
    groups = {person.person: group_of(person, by, TODAY, pack) for person in one.people}
    began = process_time()
    free = propose(one.ids, places, one.benefits, groups, Terms(), seconds=seconds)
    ended = process_time()
    fair = propose(one.ids, places, one.benefits, groups, TERMS, seconds=seconds, cost_seconds=seconds)
    best: dict[str, float] = {}
    for (person, _), benefit in one.benefits.items():
        best[person] = max(best.get(person, 0.0), benefit)
    optimum = optimum_of(one, places, one.benefits)
    found = {
        "rounds_vs_optimum": free.benefit / optimum,
        "rounds_vs_bound": free.benefit / max(free.bound, SMALL),
        "greedy_vs_optimum": free.greedy / optimum,
        "first_come_vs_optimum": free.first_come / optimum,
        "with_terms_vs_optimum": fair.benefit / optimum,
        "with_terms_vs_bound": fair.benefit / max(fair.bound, SMALL),
        "unserved": float(len(free.waiting)),
        "unserved_with_terms": float(len(fair.waiting)),
        "unserved_first_come": float(len(one.people) - len(first_come(one, places))),
        "nothing_possible": float(len(set(one.ids) - best.keys())),
        "guarantees_broken": float(
            sum(one.benefits[pair] < TERMS.guarantee * best[pair[0]] - SMALL for pair in fair.assigned.items())
        ),
        "floor_lacks": max(group.lacks for group in fair.groups.values()),
        **floor_of(one, places, groups, fair),
        "round_s": ended - began,
    }
    for name, under in fair.terms.items():
        found[f"{name}_s"] = under.seconds
        if name != "none" and under.costs is not None:  # else it was not done in its time
            found[f"{name}_costs"] = under.costs / optimum
    return found


def optimum_of(one: Class, places: Mapping[str, int], benefits: Mapping[Pair, float]) -> float:
    """By scipy's own algorithm (no linear programme): each place is a column."""
    columns = {opening: list[int]() for opening in places}
    count = 0
    for opening, room in places.items():
        columns[opening] = list(range(count, count + min(room, len(one.people))))
        count += len(columns[opening])
    row = {person: number for number, person in enumerate(one.ids)}
    matrix: NDArray[np.float64] = np.zeros((len(row), count))
    for (person, opening), benefit in benefits.items():
        matrix[row[person], columns[opening]] = benefit
    return float(matrix[linear_sum_assignment(matrix, maximize=True)].sum())


def first_come(one: Class, places: Mapping[str, int]) -> dict[str, str]:
    """Each in turn takes their best that is left."""
    left, taken = dict(places), dict[str, str]()
    wishes: dict[str, list[tuple[float, str]]] = {person: [] for person in one.ids}
    for (person, opening), benefit in one.benefits.items():
        wishes[person].append((-benefit, opening))
    for person, own in wishes.items():
        for _, opening in sorted(own):
            if left[opening]:
                taken[person] = opening
                left[opening] -= 1
                break
    return taken


def floor_of(one: Class, places: Mapping[str, int], groups: Mapping[str, str], found: Proposal) -> Figures:
    """Whether the floor is kept: no group's mean is under it; or nobody could keep it at its price (`least_lack`), and
    what is lacking is the least but for a single person; and it did not cost more than its price."""
    best: dict[str, float] = {}
    for (person, _), worth in one.benefits.items():
        best[person] = max(best.get(person, 0.0), worth)
    good = {p: worth for p, worth in one.benefits.items() if worth >= TERMS.guarantee * best[p[0]] - 1e-9}
    total = optimum_of(one, places, good)
    wanted = TERMS.floor * total / len(one.people)
    lack = 0.0
    for group in set(groups.values()):
        members = [person for person in one.ids if groups[person] == group]
        had = sum(one.benefits[p, found.assigned[p]] for p in members if p in found.assigned)
        lack += max(0.0, wanted * len(members) - had)
    least = (1 - TERMS.floor_cost) * total
    nearly = NEARLY * total
    kept, dear = lack <= nearly, found.benefit < least - nearly
    possible = 0.0 if kept else least_lack(one, places, good, groups, wanted, least)
    broken = dear or (not kept and lack > possible + (max(best.values()) if possible > nearly else nearly))
    return {"floors_kept": float(kept), "floors_broken": float(broken), "floors_out_of_reach": float(possible > nearly)}


def least_lack(
    one: Class,
    places: Mapping[str, int],
    benefits: Mapping[Pair, float],
    groups: Mapping[str, str],
    wanted: float,
    least: float,
) -> float:
    """What groups must lack, even if people could be divided: a linear programme of its own, so no rounding helps."""
    names, openings = sorted(set(groups.values())), list(places)
    person_row = {person: number for number, person in enumerate(one.ids)}
    opening_row = {opening: len(person_row) + number for number, opening in enumerate(openings)}
    group_row = {name: len(person_row) + len(openings) + number for number, name in enumerate(names)}
    count, last = len(benefits), len(person_row) + len(openings) + len(names)
    rows, columns, values = list[int](), list[int](), list[float]()
    for number, ((person, opening), worth) in enumerate(benefits.items()):
        rows += [person_row[person], opening_row[opening], group_row[groups[person]], last]
        columns += [number] * 4
        values += [1.0, 1.0, -worth, -worth]
    for number, name in enumerate(names):
        rows.append(group_row[name])
        columns.append(count + number)
        values.append(-1.0)
    sizes = [sum(group == name for group in groups.values()) for name in names]
    limits = [*[1.0] * len(person_row), *places.values(), *(-wanted * size for size in sizes), -least]
    matrix = csr_array((values, (rows, columns)), shape=(last + 1, count + len(names)))
    cost = np.concatenate([np.zeros(count), np.ones(len(names))])
    return float(linprog(cost, A_ub=matrix, b_ub=limits, method="highs").fun)


def _mean(found: Sequence[Figures], name: str) -> float:
    return round(fmean([one[name] for one in found if name in one] or [0.0]), 4)


def summary(found: Sequence[Figures]) -> Mapping[str, float]:
    """Of all classes: means; the lowest shares; how many guarantees and floors were broken, kept and out of reach."""
    counts = ("guarantees_broken", "floors_kept", "floors_broken", "floors_out_of_reach")
    names = list(dict.fromkeys(name for one in found for name in one))
    means = {name: _mean(found, name) for name in names if name not in counts}
    lowest = {f"{name}_lowest": round(min(one[name] for one in found), 4) for name in names if "_vs_" in name}
    highest = {f"{name}_most": round(max(one.get(name, 0.0) for one in found), 4) for name in names if "_costs" in name}
    undone = {f"{n}_undone": sum(n not in one for one in found) for n in names if n.endswith("_costs")}
    return means | lowest | highest | undone | {name: int(sum(one[name] for one in found)) for name in counts}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m verification.evaluation.cohort_assignment")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--from-seed", type=int, default=1000)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--openings", type=int, default=OPENINGS)
    parser.add_argument("--seconds", type=float, default=20.0, help="of a step of the solver")
    parser.add_argument("--crowd", type=int, default=300, help="other people, of whom the future is sampled; 0: none")
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--every", type=int, default=20, help="prices are made anew after so many people")
    parser.add_argument("--pack", default="kr-gyeonggi")
    asked = parser.parse_args(arguments)
    pack, began = load_pack(asked.pack), process_time()
    found: dict[str, list[Figures]] = {"one_place": [], "as_advertised": []}
    for seed in range(asked.from_seed, asked.from_seed + asked.seeds):
        one = drawn(pack, seed, asked.people, asked.openings, asked.crowd)
        for name, places in (("one_place", dict.fromkeys(one.places, 1)), ("as_advertised", one.places)):
            figures = of_round(one, places, seed, pack, asked.seconds)
            if one.crowd:
                optimum = optimum_of(one, places, one.benefits)
                figures |= one_by_one(one, places, optimum, seed, asked.samples, asked.every)
            found[name].append(figures)
            print(
                seed, one.world, name, json.dumps({key: round(value, 4) for key, value in figures.items()}), flush=True
            )
    every = [*found["one_place"], *found["as_advertised"]]
    result: dict[str, Any] = {
        "people": asked.people, "openings": asked.openings, "classes": asked.seeds,
        "guarantees_broken": int(sum(one["guarantees_broken"] + one["floors_broken"] for one in every)),
        "rounds_vs_optimum_lowest": round(min(one["rounds_vs_optimum"] for one in every), 4),
        **{name: summary(figures) for name, figures in found.items()},
        "seconds": round(process_time() - began, 1),
    }  # fmt: skip
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
