"""The programme behind a round, as HiGHS takes it: a column for each pair, a row for each person, opening and group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import highspy
import numpy as np
from numpy.typing import NDArray

SECONDS = 20.0
TOLERANCE = 1e-7
A_LITTLE = 1e-4
PART = 1e-6
LARGE, GAP = 2_000, 1e-3
"""From so many pairs on a programme with groups is done when it is so near to its bound, as a share of everybody's sum:
the last thousandth takes nearly all of the seconds."""

Pair = tuple[str, str]


class Problem(NamedTuple):
    """Give each person at most one opening, each opening at most its places, so that the sum of ``benefits`` (of the
    pairs that are allowed) is greatest. ``required``: people who must get one.

    With ``groups`` each has a lack: what its mean misses of ``wanted``, times its people. ``least``: the sum must reach
    it. ``lacking`` None: the lacks of all are made least, instead of the sum greatest; a number: they may come to that.
    """

    people: Sequence[str]
    places: Mapping[str, int]
    benefits: Mapping[Pair, float]
    required: frozenset[str] = frozenset()
    groups: Mapping[str, str] | None = None
    wanted: float = 0.0
    least: float = 0.0
    lacking: float | None = 0.0


class Solution(NamedTuple):
    """``bound``: of what was made greatest or least, nothing is beyond it. ``wanted``: of each group's mean.
    ``seconds``: the solver's. ``done``: it ended before its time was up."""

    assigned: Mapping[str, str]
    bound: float
    wanted: float = 0.0
    seconds: float = 0.0
    done: bool = True


def solve(problem: Problem, start: Mapping[str, str], seconds: float = SECONDS) -> Solution:
    """The optimum; ``start``, which has to keep to all that is asked, or the best found when time is up.

    Without groups the programme's corners are whole numbers, so it is solved as a linear one. ``start`` is not given to
    the solver: HiGHS 1.16 once gave such a start back as its optimum, with a better one in its log.
    """
    if problem.groups is None or len(problem.benefits) < LARGE:
        return _whole(problem, start, seconds)
    near = _nearly(problem, start, seconds)
    if near.done:
        return near
    found = _whole(problem, near.assigned, max(0.0, seconds - near.seconds), GAP)
    return found._replace(seconds=near.seconds + found.seconds)


def _nearly(problem: Problem, start: Mapping[str, str], seconds: float) -> Solution:
    """As if people could be divided, which is quick and leaves few of them divided; then with whole people among what
    these have, what whoever is divided may have, and the start. ``done``: it is as near to the bound as is asked."""
    pairs = list(problem.benefits)
    model = _model(problem, pairs)
    model.integrality_ = []
    solver = _run(model, True, seconds)
    spent = float(solver.getRunTime())
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return Solution(start, 0.0, seconds=spent, done=False)
    shares = np.array(solver.getSolution().col_value)[: len(pairs)]
    divided = {pairs[each][0] for each in np.flatnonzero((shares > PART) & (shares < 1 - PART))}
    kept = {
        pair: problem.benefits[pair]
        for pair, share in zip(pairs, shares.tolist(), strict=True)
        if share > PART or pair[0] in divided or start.get(pair[0]) == pair[1]
    }
    found = _whole(problem._replace(benefits=kept), start, max(0.0, seconds - spent), GAP / 4)
    bound = float(solver.getInfo().objective_function_value)
    apart = abs(float(model.col_cost_ @ _values(problem, pairs, found.assigned)) - bound)
    near = apart <= GAP * sum(problem.benefits[pair] for pair in start.items())
    return Solution(found.assigned, bound, seconds=spent + found.seconds, done=near)


def _whole(problem: Problem, start: Mapping[str, str], seconds: float, gap: float = 0.0) -> Solution:
    pairs = list(problem.benefits)
    if not pairs:
        return Solution({}, 0.0)
    model = _model(problem, pairs)
    at_start = _values(problem, pairs, start)
    solver = _run(model, problem.groups is None, seconds, gap)
    info = solver.getInfo()
    found = np.array(solver.getSolution().col_value) if _is_feasible(info) else at_start
    sign = 1.0 if problem.lacking is not None else -1.0
    if sign * model.col_cost_ @ found < sign * model.col_cost_ @ at_start:
        found = at_start
    done = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    bound = float(model.col_cost_ @ found) if done and not gap else _bound(problem, info)
    assigned = dict(pairs[each] for each in np.flatnonzero(found[: len(pairs)] > 0.5))
    return Solution(assigned, bound, seconds=float(solver.getRunTime()), done=done)


def prices(
    people: Sequence[str], places: Mapping[str, int], benefits: Mapping[Pair, float], seconds: float = SECONDS
) -> Mapping[str, float]:
    """What the sum of the best assignment would lose with one place less, of each opening that has one. Empty when time
    was up.

    These are dual values of the openings' rows, the greatest that there are; HiGHS ends at any. With a little less than
    each place there are no others: the greatest of all openings belong to one solution.
    """
    if not benefits:
        return dict.fromkeys(places, 0.0)
    model = _model(Problem(people, places, benefits), list(benefits))
    upper = np.array(model.row_upper_)
    upper[len(people) :] = np.maximum(0.0, upper[len(people) :] - A_LITTLE)
    model.row_upper_ = upper
    solver = _run(model, True, seconds)
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return {}
    duals = solver.getSolution().row_dual[len(people) :]
    return {opening: max(0.0, dual) for opening, dual in zip(sorted(places), duals, strict=True)}


def _run(model: highspy.HighsLp, at_a_corner: bool, seconds: float, gap: float = 0.0) -> highspy.Highs:
    """One thread and one seed, so that the same is found again."""
    solver = highspy.Highs()
    solver.silent()
    for name, value in (
        ("threads", 1), ("random_seed", 1), ("mip_rel_gap", gap), ("mip_abs_gap", max(gap, TOLERANCE)),
        ("time_limit", seconds),
    ):  # fmt: skip
        solver.setOptionValue(name, value)
    if at_a_corner:
        solver.setOptionValue("solver", "simplex")
    solver.passModel(model)
    solver.run()
    return solver


def _is_feasible(info: highspy.HighsInfo) -> bool:
    return bool(info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible)


def _bound(problem: Problem, info: highspy.HighsInfo) -> float:
    """When it is not known to be the best: the solver's, or what everybody would have who got their best."""
    if problem.lacking is None:
        return max(0.0, float(info.mip_dual_bound)) if np.isfinite(info.mip_dual_bound) else 0.0
    best: dict[str, float] = {}
    for (person, _), benefit in problem.benefits.items():
        best[person] = max(best.get(person, 0.0), benefit)
    ceiling = sum(best.values())
    return min(ceiling, float(info.mip_dual_bound)) if problem.groups and np.isfinite(info.mip_dual_bound) else ceiling


def _members(problem: Problem, pairs: Sequence[Pair]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Of each group a row: whether a pair is one of its members', and what all of them should have."""
    if (groups := problem.groups) is None:
        return np.zeros((0, len(pairs)), bool), np.zeros(0)
    names = sorted({groups[person] for person in problem.people})
    number = {name: each for each, name in enumerate(names)}
    sizes = np.bincount([number[groups[person]] for person in problem.people], minlength=len(names))
    of = np.array([number[groups[person]] for person, _ in pairs])
    return np.equal(of, np.arange(len(names))[:, None]), problem.wanted * sizes.astype(np.float64)


def _values(problem: Problem, pairs: Sequence[Pair], assigned: Mapping[str, str]) -> NDArray[np.float64]:
    """The columns of an assignment: each pair, then the lack of each group."""
    taken = np.array([float(assigned.get(person) == opening) for person, opening in pairs])
    members, wanted = _members(problem, pairs)
    gained = members @ (taken * np.array(list(problem.benefits.values())))
    return np.concatenate([taken, np.maximum(0.0, wanted - gained)])


def _model(problem: Problem, pairs: Sequence[Pair]) -> highspy.HighsLp:
    benefits = np.array(list(problem.benefits.values()))
    person_row = {person: row for row, person in enumerate(problem.people)}
    opening_row = {opening: len(person_row) + row for row, opening in enumerate(sorted(problem.places))}
    infinity, count = highspy.kHighsInf, len(pairs)
    numbers = np.arange(count)
    entries = [
        (np.array([person_row[person] for person, _ in pairs]), numbers, np.ones(count)),
        (np.array([opening_row[opening] for _, opening in pairs]), numbers, np.ones(count)),
    ]
    lower = [1.0 if person in problem.required else -infinity for person in problem.people]
    lower += [-infinity] * len(opening_row)
    upper = [1.0] * len(person_row) + [float(problem.places[opening]) for opening in sorted(problem.places)]
    members, wanted = _members(problem, pairs)
    for number, own in enumerate(members):
        columns = np.append(numbers[own], count + number)
        entries.append((np.full(len(columns), len(lower)), columns, np.append(benefits[own], 1.0)))
        lower.append(float(wanted[number]))
        upper.append(infinity)
    if problem.groups is not None:
        entries.append((np.full(count, len(lower)), numbers, benefits))
        lower.append(problem.least - TOLERANCE)
        upper.append(infinity)
        if problem.lacking is not None:
            lacks = np.arange(count, count + len(members))
            entries.append((np.full(len(members), len(lower)), lacks, np.ones(len(members))))
            lower.append(-infinity)
            upper.append(problem.lacking + TOLERANCE)
    return _filled(problem, benefits, len(members), entries, lower, upper)


def _filled(
    problem: Problem,
    benefits: NDArray[np.float64],
    groups: int,
    entries: Sequence[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]],
    lower: Sequence[float],
    upper: Sequence[float],
) -> highspy.HighsLp:
    count, columns = len(benefits), len(benefits) + groups
    rows, places, values = (np.concatenate(part) for part in zip(*entries, strict=True))
    order = np.lexsort((rows, places))
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = columns, len(lower)
    greatest = problem.lacking is not None
    lp.col_cost_ = np.concatenate(
        [benefits if greatest else np.zeros(count), np.zeros(groups) if greatest else np.ones(groups)]
    )
    lp.sense_ = highspy.ObjSense.kMaximize if greatest else highspy.ObjSense.kMinimize
    lp.col_lower_ = np.zeros(columns)
    lp.col_upper_ = np.concatenate([np.ones(count), np.full(groups, highspy.kHighsInf)])
    lp.row_lower_, lp.row_upper_ = np.array(lower), np.array(upper)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.concatenate([[0], np.cumsum(np.bincount(places, minlength=columns))])
    lp.a_matrix_.index_, lp.a_matrix_.value_ = rows[order], values[order]
    if problem.groups is not None:
        whole, part = highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous
        lp.integrality_ = [whole] * count + [part] * groups
    return lp
