"""Rounds: as good as trying everything, and what is asked for on top is kept."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import pytest

from services.matching.domain.assignment_solver import prices
from services.matching.domain.cohort_assignment import Adjustments, Proposal, Terms, propose

pytestmark = pytest.mark.unit
Benefits = Mapping[tuple[str, str], float]
Drawing = tuple[list[str], dict[str, int], dict[tuple[str, str], float], dict[str, str]]


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


def lacks(people: Sequence[str], groups: Mapping[str, str], gained: Mapping[str, float], wanted: float) -> float:
    """What all groups together miss of a mean, each by the number of its people."""
    missing = 0.0
    for group in set(groups.values()):
        members = [person for person in people if groups[person] == group]
        missing += max(0.0, wanted * len(members) - sum(gained.get(person, 0.0) for person in members))
    return missing


def guaranteed(places: Mapping[str, int], benefits: Benefits, assigned: Mapping[str, str], share: float) -> bool:
    """Whether everybody has enough of the best that has a place."""
    for person, opening in assigned.items():
        best = max(benefit for (one, other), benefit in benefits.items() if one == person and places[other] > 0)
        if benefits[person, opening] < share * best - 1e-9:
            return False
    return True


def expected(drawing: Drawing, terms: Terms, by_hand: Adjustments) -> tuple[float, float]:
    """The best sum and what groups lack with it, by trying everything."""
    people, places, benefits, groups = drawing
    found = []
    for assigned in everything(people, places, benefits):
        chosen_freely = {person: to for person, to in assigned.items() if person not in by_hand.fixed}
        if (
            guaranteed(places, benefits, chosen_freely, terms.guarantee)
            and all(assigned.get(person) == to for person, to in by_hand.fixed.items())
            and not by_hand.excluded.intersection(chosen_freely.items())
        ):
            gained = {person: benefits[person, to] for person, to in assigned.items()}
            found.append(gained)
    sums = [sum(gained.values()) for gained in found]
    best = max(sums)
    if not terms.floor:
        return best, 0.0
    wanted = terms.floor * best / len(people)
    lacking = [lacks(people, groups, gained, wanted) for gained in found]
    within = [one for one in zip(sums, lacking, strict=True) if one[0] >= (1 - terms.floor_cost) * best - 1e-9]
    fewest = min(lack for _, lack in within)
    return max(benefit for benefit, lack in within if lack <= fewest + 1e-7), fewest


def drawn(seed: int) -> Drawing:
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
        drawing = people, places, benefits, groups = drawn(seed)
        for terms in (
            Terms(),
            Terms(guarantee=0.6),
            Terms(floor=0.7),
            Terms(guarantee=0.4, floor=0.9, floor_cost=0.3),
            Terms(floor=1.0, floor_cost=1.0),
        ):
            found = propose(people, places, benefits, groups, terms)
            best, lack = expected(drawing, terms, Adjustments())
            assert found.benefit == pytest.approx(best, abs=1e-6)
            assert found.bound == pytest.approx(best, abs=1e-6)
            assert gained(found, benefits) == pytest.approx(found.benefit)
            assert sum(one.people * one.lacks for one in found.groups.values()) == pytest.approx(lack, abs=1e-6)
            assert guaranteed(places, benefits, found.assigned, terms.guarantee)
            assert set(found.assigned) | set(found.waiting) == set(people)
            assert not set(found.assigned) & set(found.waiting)

    @pytest.mark.parametrize("seed", range(200))
    def test_nor_with_what_was_decided_by_hand(self, seed: int) -> None:
        drawing = people, places, benefits, groups = drawn(seed)
        dice = random.Random(seed)
        possible = sorted(pair for pair in benefits if places[pair[1]] > 0)
        fixed: dict[str, str | None] = dict([dice.choice(possible)] if possible else [])
        waits = dice.choice(people)
        by_hand = Adjustments({waits: None} | fixed, frozenset(dice.sample(possible, len(possible) // 3)))
        for terms in (Terms(), Terms(guarantee=0.6), Terms(floor=0.8)):
            found = propose(people, places, benefits, groups, terms, by_hand)
            best, lack = expected(drawing, terms, by_hand)
            assert found.benefit == pytest.approx(best, abs=1e-6)
            assert sum(one.people * one.lacks for one in found.groups.values()) == pytest.approx(lack, abs=1e-6)
            assert found.optimum == pytest.approx(expected(drawing, Terms(terms.guarantee), Adjustments())[0], abs=1e-6)
            assert all(found.assigned.get(person) == to for person, to in by_hand.fixed.items())
            assert fixed or found.waiting[waits] == "by-hand"


class TestWhatTermsCost:
    @pytest.mark.parametrize("seed", range(60))
    def test_each_alone_and_both_around_the_same_decisions(self, seed: int) -> None:
        drawing = people, places, benefits, groups = drawn(seed)
        dice = random.Random(seed)
        possible = sorted(pair for pair in benefits if places[pair[1]] > 0)
        fixed: dict[str, str | None] = dict([dice.choice(possible)] if possible and seed % 2 else [])
        by_hand = Adjustments(fixed, frozenset(dice.sample(possible, len(possible) // 4)))
        terms = Terms(guarantee=0.7, floor=0.8, floor_cost=0.2)
        found = propose(people, places, benefits, groups, terms, by_hand)
        ways = {
            "none": Terms(),
            "guarantee": Terms(guarantee=0.7),
            "floor": Terms(floor=0.8, floor_cost=0.2),
            "both": terms,
        }
        most = expected(drawing, Terms(), by_hand)[0]
        assert list(found.terms) == list(ways)
        for name, under in found.terms.items():
            best, _ = expected(drawing, ways[name], by_hand)
            assert under.benefit == pytest.approx(best, abs=1e-6), name
            assert under.costs == pytest.approx(most - best, abs=1e-6), name
            assert under.seconds >= 0.0
        assert found.terms["both"].benefit == found.benefit

    def test_nothing_is_said_of_what_the_solver_did_not_end(self) -> None:
        dice = random.Random(3)
        people, places = [f"p{n:03}" for n in range(60)], {f"o{n:03}": 1 for n in range(40)}
        benefits = {(p, o): dice.random() for p in people for o in places}
        groups = {person: dice.choice("ab") for person in people}
        found = propose(people, places, benefits, groups, Terms(guarantee=0.5, floor=0.9), cost_seconds=0.0)
        assert found.terms["guarantee"].costs is None

    def test_without_terms_nothing_costs_anything(self) -> None:
        found = propose(["a"], {"x": 1}, {("a", "x"): 0.9}, {"a": "-"}, Terms())
        assert {(under.benefit, under.costs) for under in found.terms.values()} == {(0.9, 0.0)}


class TestPrices:
    @pytest.mark.parametrize("seed", range(40))
    def test_are_what_one_place_less_takes_from_everybody_together(self, seed: int) -> None:
        people, places, benefits, groups = drawn(seed)

        def best(room: Mapping[str, int]) -> float:
            return propose(people, room, benefits, groups, Terms()).benefit

        found = prices(people, places, benefits)
        assert found.keys() == places.keys()
        for opening in places:
            if places[opening]:
                lost = best(places) - best(places | {opening: places[opening] - 1})
                assert found[opening] == pytest.approx(lost, abs=1e-6)

    def test_none_are_said_when_time_is_up(self) -> None:
        benefits = {(f"p{p}", f"o{o}"): ((p * 37 + o * 11) % 101) / 100 for p in range(60) for o in range(60)}
        assert prices([f"p{p}" for p in range(60)], {f"o{o}": 1 for o in range(60)}, benefits, seconds=0.0) == {}


class TestTheFloor:
    def test_a_group_for_whom_nothing_is_open_empties_no_round(self) -> None:
        benefits = {("a", "x"): 0.9, ("b", "y"): 0.8}
        found = propose(["a", "b", "c"], {"x": 1, "y": 1}, benefits, {"a": "f", "b": "f", "c": "m"}, Terms(floor=0.9))
        assert found.assigned == {"a": "x", "b": "y"}
        assert found.groups["m"] == (1, 0.0, pytest.approx(0.9 * 1.7 / 3))

    @pytest.mark.parametrize(("cost", "assigned"), [(0.1, {"a": "x"}), (0.3, {"a": "y", "b": "x"})])
    def test_it_costs_no_more_than_was_said(self, cost: float, assigned: Mapping[str, str]) -> None:
        benefits = {("a", "x"): 1.0, ("a", "y"): 0.4, ("b", "x"): 0.4}
        terms = Terms(floor=1.0, floor_cost=cost)
        found = propose(["a", "b"], {"x": 1, "y": 1}, benefits, {"a": "f", "b": "m"}, terms)
        assert found.assigned == assigned

    def test_where_one_waits_whatever_is_done_the_sum_decides(self) -> None:
        benefits = {("a", "x"): 1.0, ("b", "x"): 0.8}
        found = propose(["a", "b"], {"x": 1}, benefits, {"a": "f", "b": "m"}, Terms(floor=1.0, floor_cost=0.3))
        assert found.assigned == {"a": "x"}


class TestTheFloorOfALargeClass:
    @pytest.mark.parametrize("seed", [1, 2])
    def test_is_as_near_to_its_bound_as_is_said_and_lacks_what_nobody_could_have(self, seed: int) -> None:
        dice = random.Random(seed)
        people, places = [f"p{n:03}" for n in range(90)], {f"o{n:03}": 1 for n in range(70)}
        # to the people of one group less is worth less
        benefits = {(p, o): dice.random() * (0.5 if p < "p030" else 1.0) for p in people for o in places}
        groups = {person: "f" if person < "p030" else "m" for person in people}
        terms = Terms(floor=0.6, floor_cost=0.3)
        found = propose(people, places, benefits, groups, terms)
        assert found.benefit <= found.bound + 1e-6
        assert found.benefit >= 0.998 * found.bound
        assert found.benefit >= 0.7 * found.optimum - 1e-6
        assert sum(one.people * one.lacks for one in found.groups.values()) <= 1e-3 * found.optimum
        assert sum(len([p for p, o in found.assigned.items() if o == opening]) > 1 for opening in places) == 0
        assert found == propose(people, places, benefits, groups, terms)


class TestByHand:
    @pytest.mark.parametrize("fixed", [{"a": "x", "b": "x"}, {"a": "full"}, {"a": "z"}])
    def test_more_than_the_places_or_no_match_is_refused(self, fixed: dict[str, str | None]) -> None:
        benefits = {("a", "x"): 0.9, ("b", "x"): 0.8, ("a", "full"): 0.5}
        with pytest.raises(ValueError, match="fixed"):
            propose(["a", "b"], {"x": 1, "full": 0}, benefits, {"a": "-", "b": "-"}, Terms(), Adjustments(fixed))

    def test_it_stands_above_the_guarantee(self) -> None:
        benefits = {("a", "x"): 1.0, ("a", "y"): 0.2}
        found = propose(["a"], {"x": 1, "y": 1}, benefits, {"a": "-"}, Terms(guarantee=0.8), Adjustments({"a": "y"}))
        assert (found.assigned, found.benefit, found.optimum) == ({"a": "y"}, 0.2, 1.0)


class TestOutOfTime:
    def test_a_proposal_is_made_all_the_same(self) -> None:
        dice = random.Random(1)
        people, places = [f"p{n:03}" for n in range(80)], {f"o{n:03}": 1 for n in range(60)}
        benefits = {(p, o): dice.random() for p in people for o in places}
        groups = {person: dice.choice("ab") for person in people}
        found = propose(people, places, benefits, groups, Terms(floor=1.0), seconds=0.0)
        assert found.benefit >= found.greedy * 0.9 - 1e-6
        assert found.bound >= found.benefit - 1e-6


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
        assert found.groups == {"all": (3, pytest.approx(0.6), 0.0)}

    def test_what_has_no_place_counts_for_no_guarantee(self) -> None:
        benefits = {("a", "x"): 0.3, ("a", "full"): 1.0}
        found = propose(["a"], {"x": 1, "full": 0}, benefits, {"a": "all"}, Terms(guarantee=0.5))
        assert found.assigned == {"a": "x"}

    def test_who_waits_is_told_why(self) -> None:
        benefits = {("a", "x"): 0.9, ("b", "full"): 0.9, ("d", "x"): 0.3, ("d", "y"): 1.0, ("c", "y"): 1.1}
        places, groups = {"x": 2, "y": 1, "full": 0}, dict.fromkeys("abcd", "all")
        found = propose(["a", "b", "c", "d"], places, benefits, groups, Terms(guarantee=0.5))
        assert found.waiting == {"b": "nothing-possible", "d": "places-taken"}

    def test_nobody_and_nothing(self) -> None:
        assert propose([], {}, {}, {}, Terms()).benefit == 0.0
        assert propose(["a"], {"x": 1}, {}, {"a": "all"}, Terms()).waiting == {"a": "nothing-possible"}
