"""Rounds: as good as trying everything, and what is asked for on top is kept."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import pytest

from services.matching.domain.cohort_assignment import Proposal, Terms, propose

pytestmark = pytest.mark.unit
Benefits = Mapping[tuple[str, str], float]


def everything(people: Sequence[str], places: Mapping[str, int], benefits: Benefits) -> Iterator[dict[str, str]]:
    """Every way to give people openings."""
    for choice in product([None, *places], repeat=len(people)):
        assigned = {person: opening for person, opening in zip(people, choice, strict=True) if opening is not None}
        chosen = list(assigned.values())
        if (
            all(chosen.count(opening) <= room for opening, room in places.items())
            and assigned.items() <= benefits.keys()
        ):
            yield assigned


def by_group(people: Sequence[str], groups: Mapping[str, str], gained: Mapping[str, float]) -> dict[str, float]:
    """Mean benefit."""
    found: dict[str, list[float]] = {}
    for person in people:
        found.setdefault(groups[person], []).append(gained.get(person, 0.0))
    return {group: sum(values) / len(values) for group, values in found.items()}


def kept(
    people: Sequence[str], benefits: Benefits, groups: Mapping[str, str], assigned: dict[str, str], terms: Terms
) -> bool:
    """Whether the terms are."""
    gained = {person: benefits[person, opening] for person, opening in assigned.items()}
    for person, value in gained.items():
        best = max(benefit for (one, _), benefit in benefits.items() if one == person)
        if value < terms.guarantee * best - 1e-9:
            return False
    mean = sum(gained.values()) / len(people)
    return all(value >= terms.floor * mean - 1e-6 for value in by_group(people, groups, gained).values())


def drawn(seed: int) -> tuple[list[str], dict[str, int], dict[tuple[str, str], float], dict[str, str]]:
    """A small class."""
    dice = random.Random(seed)
    people = [f"p{number}" for number in range(dice.randint(1, 5))]
    places = {f"o{number}": dice.randint(0, 2) for number in range(dice.randint(1, 4))}
    benefits = {(p, o): dice.randint(1, 1000) / 1000 for p in people for o in places if dice.random() < 0.7}
    return people, places, benefits, {person: dice.choice("ab") for person in people}


def gained(found: Proposal, benefits: Benefits) -> float:
    return sum(benefits[pair] for pair in found.assigned.items())


class TestAgainstEverything:
    @pytest.mark.parametrize("seed", range(200))
    def test_nothing_is_better_under_these_terms(self, seed: int) -> None:
        people, places, benefits, groups = drawn(seed)
        for terms in (Terms(), Terms(guarantee=0.6), Terms(floor=0.7), Terms(guarantee=0.4, floor=0.9)):
            found = propose(people, places, benefits, groups, terms)
            best = max(
                sum(benefits[pair] for pair in assigned.items())
                for assigned in everything(people, places, benefits)
                if kept(people, benefits, groups, assigned, terms)
            )
            assert found.benefit == pytest.approx(best, abs=1e-6)
            assert found.bound == pytest.approx(best, abs=1e-6)
            assert gained(found, benefits) == pytest.approx(found.benefit)
            assert kept(people, benefits, groups, dict(found.assigned), terms)
            assert set(found.assigned) | set(found.waiting) == set(people)
            assert not set(found.assigned) & set(found.waiting)


class TestAClass:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_is_never_worse_than_simpler_ways_and_always_the_same(self, seed: int) -> None:
        dice = random.Random(seed)
        people, places = [f"p{n:03}" for n in range(60)], {f"o{n:03}": dice.randint(1, 2) for n in range(40)}
        benefits = {(p, o): dice.random() for p in people for o in places if dice.random() < 0.2}
        found = propose(people, places, benefits, dict.fromkeys(people, "all"), Terms())
        assert found.benefit == pytest.approx(found.bound)
        assert found.benefit >= max(found.greedy, found.first_come) - 1e-9
        assert found == propose(people, places, benefits, dict.fromkeys(people, "all"), Terms())


class TestBeside:
    def test_what_simpler_ways_would_give(self) -> None:
        benefits = {("a", "x"): 0.9, ("a", "y"): 0.8, ("b", "x"): 1.0, ("c", "x"): 0.5}
        found = propose(["a", "c", "b"], {"x": 1, "y": 1}, benefits, dict.fromkeys("abc", "all"), Terms())
        assert (found.benefit, found.greedy, found.first_come) == pytest.approx((1.8, 1.8, 0.9))
        assert found.assigned == {"a": "y", "b": "x"}
        assert found.waiting == {"c": "places-taken"}
        assert found.groups == {"all": pytest.approx(0.6)}

    def test_who_waits_is_told_why(self) -> None:
        benefits = {("a", "x"): 0.9, ("b", "full"): 0.9, ("d", "x"): 0.3, ("d", "full"): 1.0}
        groups = dict.fromkeys("abcd", "all")
        found = propose(["a", "b", "c", "d"], {"x": 2, "full": 0}, benefits, groups, Terms(guarantee=0.5))
        assert found.waiting == {"b": "nothing-possible", "c": "nothing-possible", "d": "below-guarantee"}

    def test_nobody_and_nothing(self) -> None:
        assert propose([], {}, {}, {}, Terms()).benefit == 0.0
        assert propose(["a"], {"x": 1}, {}, {"a": "all"}, Terms()).waiting == {"a": "nothing-possible"}
