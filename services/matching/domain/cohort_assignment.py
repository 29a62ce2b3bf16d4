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


@dataclass(frozen=True, slots=True)
class Proposal:
    """``assigned``: an opening for each person who has one; ``waiting``: the others, and why. ``benefit``: the sum, and
    ``bound``: no proposal under these terms has more (the same number when the solver was done in its time).
    ``optimum``: the sum without floor and adjustments. ``greedy``: the sum if the best pair always went first;
    ``first_come``: if people chose one after the other; both without floor and adjustments."""

    assigned: Mapping[str, str]
    waiting: Mapping[str, Waits]
    benefit: float
    bound: float
    optimum: float
    greedy: float
    first_come: float
    groups: Mapping[str, Group]


def propose(
    people: Sequence[str],
    places: Mapping[str, int],
    benefits: Mapping[Pair, float],
    groups: Mapping[str, str],
    terms: Terms,
    adjustments: Adjustments | None = None,
    seconds: float = SECONDS,
) -> Proposal:
    """``people`` in the order in which they came; ``benefits``: above 0, of the pairs (person, opening) that may match;
    ``groups``: of each person; ``seconds``: so long a step of the solver may take, then the best found so far is
    proposed. ValueError when more people are fixed to an opening than it has places, or to one that may not match."""
    by_hand = adjustments or Adjustments()
    free = {pair: benefit for pair, benefit in sorted(benefits.items()) if places.get(pair[1], 0) > 0}
    best: dict[str, float] = {}
    for (person, _), benefit in free.items():
        best[person] = max(best.get(person, 0.0), benefit)
    good = {pair: worth for pair, worth in free.items() if worth >= terms.guarantee * best[pair[0]] - ROUNDING}
    greedy, first_come = _greedy(good), _first_come(people, good)
    plain = solve(Problem(people, places, good), dict(_in_order(greedy, places)), seconds)
    chosen = plain
    if terms.floor or by_hand.fixed or by_hand.excluded:
        chosen = _adjusted(people, places, free, good, groups, terms, by_hand, plain, seconds)
    waiting: dict[str, Waits] = {}
    for person in people:
        if person in chosen.assigned:
            continue
        if person in by_hand.fixed:
            waiting[person] = "by-hand"
        else:
            waiting[person] = "places-taken" if person in best else "nothing-possible"
    return Proposal(
        chosen.assigned,
        waiting,
        _sum(chosen.assigned, free),
        chosen.bound,
        _sum(plain.assigned, free),
        _sum(dict(_in_order(greedy, places)), free),
        _sum(dict(_in_order(first_come, places)), free),
        _groups(people, groups, chosen.assigned, free, chosen.wanted),
    )


def _adjusted(
    people: Sequence[str],
    places: Mapping[str, int],
    free: Mapping[Pair, float],
    good: Mapping[Pair, float],
    groups: Mapping[str, str],
    terms: Terms,
    by_hand: Adjustments,
    plain: Solution,
    seconds: float,
) -> Solution:
    """With what was decided by hand, then with the floor."""
    required = {person: opening for person, opening in by_hand.fixed.items() if opening is not None}
    pairs = {
        pair: worth for pair, worth in good.items() if pair[0] not in by_hand.fixed and pair not in by_hand.excluded
    }
    for pair in required.items():
        if pair not in free:
            raise ValueError("a person is fixed to an opening that may not match them or has no place")
        pairs[pair] = free[pair]
    if any(places[opening] < list(required.values()).count(opening) for opening in set(required.values())):
        raise ValueError("more people are fixed to an opening than it has places")
    problem = Problem(people, places, dict(sorted(pairs.items())), frozenset(required))
    start = plain
    if by_hand.fixed or by_hand.excluded:
        first = [*required.items(), *_greedy(pairs)]
        start = solve(problem, dict(_in_order(first, places)), seconds)
    if not terms.floor:
        return start
    total = _sum(start.assigned, pairs)
    wanted = terms.floor * total / len(people)
    fair = problem._replace(groups=groups, wanted=wanted, least=(1 - terms.floor_cost) * total)
    fewest = solve(fair._replace(lacking=None), start.assigned, seconds)
    lack = sum(one.people * one.lacks for one in _groups(people, groups, fewest.assigned, pairs, wanted).values())
    return solve(fair._replace(lacking=lack), fewest.assigned, seconds)._replace(wanted=wanted)


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
