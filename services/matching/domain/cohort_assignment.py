"""A round: a class of people and openings with places, proposed together, so that all of them gain the most.

A pure function; nothing is decided by it. The optimum is found by HiGHS (MIT, the solver behind scipy's): at most one
opening for a person, at most its places for an opening, and what is asked for on top. Beside it stands what simpler
ways would have given, so that people can see what a round is worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal, NamedTuple

from services.matching.domain.assignment_solver import SECONDS, Pair, Problem, Solution, solve

ROUNDING = 1e-9

# places-taken: of all that is worth enough to them; more openings, or a lower guarantee, would help
Waits = Literal["nothing-possible", "places-taken", "by-hand"]
Parts = Literal["none", "guarantee", "floor", "both"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of a round, each a share from 0 to 1.

    ``guarantee``: nobody is proposed anything worth less than this share of the best that is open to them; rather they
    wait. ``floor``: the mean benefit of each group should be at least this share of the mean that all would have
    without a floor. ``floor_cost``: so much of the sum may be given up for it. Within that, what groups lack is made as
    small as can be, then the sum as great as can be; what they still lack is said. So a group for whom little is open
    empties no round.
    """

    guarantee: float = 0.0
    floor: float = 0.0
    floor_cost: float = 0.1


@dataclass(frozen=True, slots=True)
class Adjustments:
    """What people decided by hand, above the guarantee. ``fixed``: an opening for a person, or None: they wait.
    ``excluded``: pairs (person, opening) that are not wanted."""

    fixed: Mapping[str, str | None] = field(default_factory=dict)
    excluded: frozenset[tuple[str, str]] = frozenset()


class Group(NamedTuple):
    """``mean``: benefit of its members, those who wait count 0. ``lacks``: how far that is under the floor."""

    people: int
    mean: float
    lacks: float


class Under(NamedTuple):
    """A round under a part of its terms, with the same decisions by hand. ``costs``: so much less is the sum than under
    none of them; None: the solver was not done in its time. ``seconds``: the solver's."""

    benefit: float
    costs: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """``assigned``: an opening for each person who has one; ``waiting``: the others, and why. ``benefit``: the sum, and
    ``bound``: no proposal under these terms has more (the same number when the solver was done in its time, but for
    its gap where there is a floor).
    ``wanted``: the mean that no group should be under. ``optimum``: the sum without floor and adjustments. ``greedy``:
    the sum if the best pair always went first; ``first_come``: if people chose one after the other; both without floor
    and adjustments. ``terms``: what each term costs alone, and both; seconds are never the same twice, so proposals are
    compared without."""

    assigned: Mapping[str, str]
    waiting: Mapping[str, Waits]
    benefit: float
    bound: float
    optimum: float
    greedy: float
    first_come: float
    wanted: float
    groups: Mapping[str, Group]
    terms: Mapping[Parts, Under] = field(compare=False)


def propose(
    people: Sequence[str],
    places: Mapping[str, int],
    benefits: Mapping[Pair, float],
    groups: Mapping[str, str],
    terms: Terms,
    adjustments: Adjustments | None = None,
    seconds: float = SECONDS,
    cost_seconds: float | None = None,
) -> Proposal:
    """``people`` in the order in which they came; ``benefits``: above 0, of the pairs (person, opening) that may match;
    ``groups``: of each person; ``seconds``: so long a step of the solver may take, then the best found so far is
    proposed; ``cost_seconds``: so long all steps together (at most three) that only tell what terms cost. ValueError
    when more people are fixed to an opening than it has places, or to one that may not match."""
    by_hand = adjustments or Adjustments()
    free = {pair: benefit for pair, benefit in sorted(benefits.items()) if places.get(pair[1], 0) > 0}
    best: dict[str, float] = {}
    for (person, _), benefit in free.items():
        best[person] = max(best.get(person, 0.0), benefit)
    good = {pair: worth for pair, worth in free.items() if worth >= terms.guarantee * best[pair[0]] - ROUNDING}
    greedy, first_come = (dict(_in_order(each, places)) for each in (_greedy(good), _first_come(people, good)))
    plain = solve(Problem(people, places, good), greedy, seconds)
    problem = _by_hand(people, places, free, good, by_hand)
    without_floor = plain
    if by_hand.fixed or by_hand.excluded:
        without_floor = solve(problem, _simply(problem), seconds)
    chosen = _with_floor(problem, without_floor, groups, terms, seconds)
    waiting: dict[str, Waits] = {}
    for person in people:
        if person in chosen.assigned:
            continue
        if person in by_hand.fixed:
            waiting[person] = "by-hand"
        else:
            waiting[person] = "places-taken" if person in best else "nothing-possible"
    without_guarantee = without_either = None
    if len(good) < len(free):
        anything = _by_hand(people, places, free, free, by_hand)
        limit = 3 * seconds if cost_seconds is None else cost_seconds
        without_either = solve(anything, without_floor.assigned, min(limit, seconds))
        without_guarantee = _with_floor(anything, without_either, groups, terms, min(limit, seconds), limit)
    return Proposal(
        chosen.assigned,
        waiting,
        _sum(chosen.assigned, free),
        chosen.bound,
        _sum(plain.assigned, free),
        _sum(greedy, free),
        _sum(first_come, free),
        chosen.wanted,
        _groups(people, groups, chosen.assigned, free, chosen.wanted),
        _costs(without_either or without_floor, without_floor, without_guarantee or chosen, chosen, free),
    )


def _by_hand(
    people: Sequence[str],
    places: Mapping[str, int],
    free: Mapping[Pair, float],
    allowed: Mapping[Pair, float],
    by_hand: Adjustments,
) -> Problem:
    """With what was decided by hand, which may be any pair that is ``free``."""
    required = {person: opening for person, opening in by_hand.fixed.items() if opening is not None}
    pairs = {
        pair: worth for pair, worth in allowed.items() if pair[0] not in by_hand.fixed and pair not in by_hand.excluded
    }
    for pair in required.items():
        if pair not in free:
            raise ValueError("a person is fixed to an opening that may not match them or has no place")
        pairs[pair] = free[pair]
    if any(places[opening] < list(required.values()).count(opening) for opening in set(required.values())):
        raise ValueError("more people are fixed to an opening than it has places")
    return Problem(people, places, dict(sorted(pairs.items())), frozenset(required))


def _simply(problem: Problem) -> dict[str, str]:
    """Who must have something first, then the best pairs."""
    required = [pair for pair in problem.benefits if pair[0] in problem.required]
    return dict(_in_order([*required, *_greedy(problem.benefits)], problem.places))


def _with_floor(
    problem: Problem,
    start: Solution,
    groups: Mapping[str, str],
    terms: Terms,
    seconds: float,
    in_all: float = float("inf"),
) -> Solution:
    """``start``: the solution without a floor. ``seconds`` of what is given back include those of all before, which
    may be so many ``in_all``."""
    if not terms.floor or not problem.people:
        return start
    total = _sum(start.assigned, problem.benefits)
    wanted = terms.floor * total / len(problem.people)
    if not any(one.lacks for one in _groups(problem.people, groups, start.assigned, problem.benefits, wanted).values()):
        return start._replace(wanted=wanted)  # nothing has more, and nobody lacks anything
    fair = problem._replace(groups=groups, wanted=wanted, least=(1 - terms.floor_cost) * total)
    spent = start.seconds
    fewest = solve(fair._replace(lacking=None), start.assigned, max(0.0, min(seconds, in_all - spent)))
    spent += fewest.seconds
    by_group = _groups(problem.people, groups, fewest.assigned, problem.benefits, wanted)
    lack = sum(one.people * one.lacks for one in by_group.values())
    found = solve(fair._replace(lacking=lack), fewest.assigned, max(0.0, min(seconds, in_all - spent)))
    done = start.done and fewest.done and found.done
    return found._replace(wanted=wanted, seconds=spent + found.seconds, done=done)


def _costs(
    none: Solution, guarantee: Solution, floor: Solution, both: Solution, benefits: Mapping[Pair, float]
) -> dict[Parts, Under]:
    most = _sum(none.assigned, benefits)
    ways: dict[Parts, Solution] = {"none": none, "guarantee": guarantee, "floor": floor, "both": both}
    found: dict[Parts, Under] = {}
    for name, way in ways.items():
        benefit = _sum(way.assigned, benefits)
        found[name] = Under(benefit, max(0.0, most - benefit) if none.done and way.done else None, way.seconds)
    return found


def _groups(
    people: Sequence[str],
    groups: Mapping[str, str],
    assigned: Mapping[str, str],
    benefits: Mapping[Pair, float],
    wanted: float,
) -> dict[str, Group]:
    members: dict[str, list[float]] = {}
    for person in people:
        gained = benefits[person, assigned[person]] if person in assigned else 0.0
        members.setdefault(groups[person], []).append(gained)
    return {
        group: Group(len(values), fmean(values), max(0.0, wanted - fmean(values)))
        for group, values in sorted(members.items())
    }


def _sum(assigned: Mapping[str, str], benefits: Mapping[Pair, float]) -> float:
    return sum(benefits[pair] for pair in assigned.items())


def _greedy(benefits: Mapping[Pair, float]) -> list[Pair]:
    return sorted(benefits, key=lambda pair: (-benefits[pair], pair))


def _first_come(people: Sequence[str], benefits: Mapping[Pair, float]) -> list[Pair]:
    """Each in turn, their best first."""
    by_person: dict[str, list[Pair]] = {}
    for pair in _greedy(benefits):
        by_person.setdefault(pair[0], []).append(pair)
    return [pair for person in people for pair in by_person.get(person, ())]


def _in_order(pairs: Iterable[Pair], places: Mapping[str, int]) -> Iterable[Pair]:
    """Each pair, in this order, whose person and place are still free."""
    left, served = dict(places), set[str]()
    for person, opening in pairs:
        if person not in served and left[opening] > 0:
            served.add(person)
            left[opening] -= 1
            yield person, opening
