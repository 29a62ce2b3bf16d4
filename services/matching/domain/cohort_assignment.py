"""A round: a class of people and openings with places, proposed together, so that all of them gain the most.

A pure function; nothing is decided by it. The optimum is found by HiGHS (MIT, 3 MB, the solver behind scipy's), as a
mixed-integer programme: at most one opening for a person, at most its places for an opening, and what is asked for on
top. Beside it stands what simpler ways would have given, so that people can see what a round is worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import highspy
import numpy as np

SECONDS = 60.0  # after that the best found so far is proposed, with how far from the optimum it may be
ROUNDING = 1e-9

Waits = Literal["nothing-possible", "below-guarantee", "places-taken"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of a round. ``guarantee``: nobody is proposed anything worth less than this share of what would be
    the best for them alone; rather they wait. ``floor``: the mean benefit of each group is at least this share of the
    mean of all."""

    guarantee: float = 0.0
    floor: float = 0.0


@dataclass(frozen=True, slots=True)
class Proposal:
    """``assigned``: an opening for each person who has one; ``waiting``: the others, and why. ``benefit``: the sum, and
    ``bound``: no proposal under these terms has more. ``greedy``: the sum if the best pair always went first;
    ``first_come``: if people chose one after the other; both without the floor. ``groups``: mean benefit by group."""

    assigned: Mapping[str, str]
    waiting: Mapping[str, Waits]
    benefit: float
    bound: float
    greedy: float
    first_come: float
    groups: Mapping[str, float]


def propose(
    people: Sequence[str],
    places: Mapping[str, int],
    benefits: Mapping[tuple[str, str], float],
    groups: Mapping[str, str],
    terms: Terms,
    seconds: float = SECONDS,
) -> Proposal:
    """``people`` in the order in which they came; ``benefits``: above 0, of the pairs (person, opening) that may match;
    ``groups``: of each person. RuntimeError when the solver finds nothing, not even that all wait."""
    best: dict[str, float] = {}
    for (person, _), benefit in benefits.items():
        best[person] = max(best.get(person, 0.0), benefit)
    pairs = [
        (person, opening, benefit)
        for (person, opening), benefit in sorted(benefits.items())
        if places.get(opening, 0) > 0 and benefit >= terms.guarantee * best[person] - ROUNDING
    ]
    taken, bound = _solved(people, places, pairs, groups, terms, seconds) if pairs else ([], 0.0)
    assigned = {pairs[each][0]: pairs[each][1] for each in taken}
    gained = {pairs[each][0]: pairs[each][2] for each in taken}
    allowed = {person for person, _, _ in pairs}
    waiting: dict[str, Waits] = {}
    for person in people:
        if person not in assigned:
            waiting[person] = "places-taken" if person in allowed else _nothing(person, places, benefits)
    members: dict[str, list[float]] = {}
    for person in people:
        members.setdefault(groups[person], []).append(gained.get(person, 0.0))
    by_person: dict[str, list[tuple[float, str]]] = {}
    for person, opening, benefit in pairs:
        by_person.setdefault(person, []).append((-benefit, opening))
    came = ((person, opening, -minus) for person in people for minus, opening in sorted(by_person.get(person, ())))
    return Proposal(
        assigned,
        waiting,
        sum(gained.values()),
        bound,
        _in_order(sorted(pairs, key=lambda one: (-one[2], one[0], one[1])), places),
        _in_order(came, places),
        {group: fmean(values) for group, values in sorted(members.items())},
    )


def _nothing(person: str, places: Mapping[str, int], benefits: Mapping[tuple[str, str], float]) -> Waits:
    free = any(one == person and places.get(opening, 0) > 0 for one, opening in benefits)
    return "below-guarantee" if free else "nothing-possible"


def _in_order(pairs: Iterable[tuple[str, str, float]], places: Mapping[str, int]) -> float:
    """The sum when each pair is taken, in this order, whose person and place are still free."""
    left, served, total = dict(places), set[str](), 0.0
    for person, opening, benefit in pairs:
        if person not in served and left[opening] > 0:
            served.add(person)
            left[opening] -= 1
            total += benefit
    return total


def _solved(
    people: Sequence[str],
    places: Mapping[str, int],
    pairs: Sequence[tuple[str, str, float]],
    groups: Mapping[str, str],
    terms: Terms,
    seconds: float,
) -> tuple[list[int], float]:
    """The pairs that are taken, and the bound. A column for each pair; a row for each person, opening and group."""
    rows = {("person", person): number for number, person in enumerate(people)}
    for opening in sorted(places):
        rows["opening", opening] = len(rows)
    sizes: dict[str, int] = {}
    for person in people:
        sizes[groups[person]] = sizes.get(groups[person], 0) + 1
    floors = sorted(sizes) if terms.floor else []
    upper = [1.0] * len(people) + [float(places[opening]) for opening in sorted(places)]
    starts, indices, values = [0], [], []
    for person, opening, benefit in pairs:
        column = [(rows["person", person], 1.0), (rows["opening", opening], 1.0)]
        for place, group in enumerate(floors):
            own = benefit / sizes[group] if groups[person] == group else 0.0
            column.append((len(rows) + place, own - terms.floor * benefit / len(people)))
        indices += [row for row, _ in column]
        values += [value for _, value in column]
        starts.append(len(indices))
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(pairs), len(rows) + len(floors)
    lp.col_cost_ = np.array([benefit for _, _, benefit in pairs])
    lp.col_lower_, lp.col_upper_ = np.zeros(len(pairs)), np.ones(len(pairs))
    lp.row_lower_ = np.array([-highspy.kHighsInf] * len(rows) + [0.0] * len(floors))
    lp.row_upper_ = np.array(upper + [highspy.kHighsInf] * len(floors))
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = np.array(starts), np.array(indices)
    lp.a_matrix_.value_ = np.array(values)
    lp.integrality_ = [highspy.HighsVarType.kInteger] * len(pairs)
    lp.sense_ = highspy.ObjSense.kMaximize
    solver = highspy.Highs()
    solver.silent()
    for name, value in (
        ("threads", 1), ("random_seed", 1), ("mip_rel_gap", 0.0), ("mip_abs_gap", 1e-7),
        ("time_limit", seconds),
    ):  # fmt: skip
        solver.setOptionValue(name, value)
    solver.passModel(lp)
    solver.run()
    info = solver.getInfo()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        raise RuntimeError("the solver found no proposal in its time")
    chosen = np.flatnonzero(np.array(solver.getSolution().col_value) > 0.5)
    return chosen.tolist(), float(info.mip_dual_bound)
