"""A bounded list that knows what it does not know."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.domain.opening_facts import Crowd
from services.matching.domain.shortlist import Bounds, Entry, Shortlist

pytestmark = pytest.mark.unit
BOUNDS = Bounds({"training": 2}, 2, 1, lambda id, crowd: 0)
TWINS = Bounds({"training": 2}, 2, 1, lambda id, crowd: 9)
PAIRS = Bounds({"training": 2}, 3, 2, lambda id, crowd: 9)


def entry(id: str, score: float, sort: str = "job", employer: str | None = None, alike: str = "") -> Entry:
    """Unlike all others, if nothing is said."""
    return Entry(id, score, Crowd(sort, employer, (alike or id,)))


def ids(found: Shortlist) -> str:
    return "".join(one.id for one in found.entries())


class TestShortlist:
    def test_holds_the_best_and_leaves_out_what_has_no_room(self) -> None:
        found = Shortlist(2, BOUNDS)
        assert found.put(entry("c", 0.5)) == []
        assert found.put(entry("b", 0.5)) == []
        assert found.put(entry("a", 0.9)) == ["c"]  # ties by id
        assert found.put(entry("d", 0.5)) is None  # behind what went already
        assert (ids(found), found.cutoff) == ("ab", (-0.5, "c"))

    def test_what_comes_before_the_cutoff_is_taken_in_also_when_there_are_fewer(self) -> None:
        found = Shortlist(2, BOUNDS, [entry("a", 0.9), entry("b", 0.8)], (-0.5, "c"))
        assert found.drop("b") == ["b"]
        assert not found.enough(2)
        assert found.put(entry("x", 0.6)) == []
        assert found.enough(2)
        assert found.put(entry("y", 0.4)) is None  # others may lie before it
        assert found.best(2) == ["a", "x"]

    def test_one_that_became_worse_than_the_cutoff_is_no_longer_known(self) -> None:
        found = Shortlist(2, BOUNDS, [entry("a", 0.9), entry("b", 0.8)], (-0.5, "c"))
        assert found.put(entry("a", 0.3)) == ["a"]
        assert (ids(found), found.enough(2)) == ("b", False)

    def test_without_a_cutoff_there_are_no_others(self) -> None:
        assert Shortlist(2, BOUNDS, [entry("a", 0.9)]).enough(2)


class TestCrowds:
    def test_of_what_is_nearly_the_same_only_the_best_is_there(self) -> None:
        found = Shortlist(9, TWINS, [entry("a", 0.5, alike="x"), entry("b", 0.4)])
        assert found.put(entry("c", 0.45, alike="x")) is None
        assert found.put(entry("d", 0.6, alike="x")) == ["a"]
        assert ids(found) == "db"

    def test_when_it_goes_the_list_is_right_up_to_there_if_there_are_others_like_it(self) -> None:
        held = [entry("a", 0.9), entry("b", 0.8, alike="x"), entry("c", 0.7)]
        alone, one_of_two = Shortlist(9, BOUNDS, held), Shortlist(9, TWINS, held)
        assert (alone.drop("b"), ids(alone), alone.cutoff) == (["b"], "ac", None)
        assert (one_of_two.drop("b"), ids(one_of_two), one_of_two.cutoff) == (["b", "c"], "a", (-0.8, "b"))

    def test_of_what_is_nearly_the_same_a_few_if_there_is_room_for_a_few(self) -> None:
        found = Shortlist(9, PAIRS, [entry("a", 0.5, alike="x"), entry("b", 0.4, alike="x"), entry("c", 0.3)])
        assert found.put(entry("d", 0.3, alike="x")) is None
        assert found.put(entry("e", 0.6, alike="x")) == ["b"]
        assert ids(found) == "eac"
        assert found.drop("e") == ["e", "a", "c"]  # b comes after a, and nobody knows where

    def test_of_an_employer_and_of_a_kind_with_bounds_so_many(self) -> None:
        found = Shortlist(9, BOUNDS, [entry(id, 0.5, employer="e") for id in "cdb"])
        assert ids(found) == "bc"
        assert found.put(entry("a", 0.5, employer="e", sort="training")) == []  # another kind of theirs
        assert found.put(entry("x", 0.4, sort="training")) == []
        assert found.put(entry("y", 0.3, sort="training")) is None
        assert found.drop("a") == ["a", "x"]  # y may come now, x is no better known than y
        assert (ids(found), found.cutoff) == ("bc", (-0.4, "x"))

    def test_one_of_them_that_became_better_or_is_another_now_leaves_no_hole_behind(self) -> None:
        found = Shortlist(9, TWINS, [entry("a", 0.5, alike="x"), entry("b", 0.4, alike="y")])
        assert found.put(entry("a", 0.6, alike="x")) == []
        assert (ids(found), found.cutoff) == ("ab", None)
        assert found.put(entry("a", 0.6, alike="z")) == ["a", "b"]
        assert (ids(found), found.cutoff) == ("", (-0.6, "a"))

    @settings(max_examples=200)
    @given(
        entries=st.lists(
            st.builds(
                entry,
                st.uuids().map(str),
                st.sampled_from([0.1, 0.2, 0.3]),
                st.sampled_from(["job", "training"]),
                st.sampled_from([None, "e", "f"]),
                st.sampled_from(["", "x", "y"]),
            ),
            max_size=30,
        ),
        most=st.integers(2, 8),
        bounds=st.sampled_from([TWINS, PAIRS]),
    )
    def test_filled_at_once_it_is_as_if_each_had_come_by_itself(
        self, entries: list[Entry], most: int, bounds: Bounds
    ) -> None:
        at_once, one_by_one = Shortlist(most, bounds), Shortlist(most, bounds)
        ranked = sorted(entries, key=lambda one: (-one.score, one.id))
        at_once.fill(ranked)
        for one in ranked:
            one_by_one.put(one)
        assert list(at_once.entries()) == list(one_by_one.entries())
        assert at_once.cutoff == one_by_one.cutoff

    @settings(max_examples=300)
    @given(
        changes=st.lists(
            st.tuples(
                st.sampled_from("abcdefgh"),
                st.none() | st.sampled_from([0.1, 0.2, 0.3, 0.4]),
                st.sampled_from(["job", "training"]),
                st.sampled_from([None, "e", "f"]),
                st.sampled_from(["", "x", "y"]),
            ),
            max_size=60,
        ),
        most=st.integers(2, 5),
        of_alike=st.integers(1, 2),
    )
    def test_is_what_a_greedy_choice_of_the_truth_begins_with_up_to_its_cutoff(
        self, changes: list[tuple[str, float | None, str, str | None, str]], most: int, of_alike: int
    ) -> None:
        truth = dict[str, Entry]()
        bounds = BOUNDS._replace(
            of_alike=of_alike,
            twins=lambda id, crowd: sum(one.crowd.alike == crowd.alike for one in truth.values() if one.id != id),
        )
        found = Shortlist(most, bounds)
        for id, score, sort, employer, alike in changes:
            truth.pop(id, None)
            if score is None:
                found.drop(id)
            else:
                of_them = f"{sort}/{employer}/{alike}" if alike else ""
                truth[id] = entry(id, score, sort, employer, of_them)
                found.put(truth[id])
            assert list(found.entries()) == [
                one
                for one in greedy(truth.values(), of_alike)
                if found.cutoff is None or (-one.score, one.id) < found.cutoff
            ]
            assert len(found) <= most


def greedy(truth: Iterable[Entry], of_alike: int) -> list[Entry]:
    """In the order of their scores, as far as their crowds have room."""
    chosen: list[Entry] = []
    for one in sorted(truth, key=lambda one: (-one.score, one.id)):
        of_sort = [other for other in chosen if other.crowd.sort == one.crowd.sort]
        theirs = [other for other in of_sort if one.crowd.employer and other.crowd.employer == one.crowd.employer]
        full = len(theirs) == 2 or (one.crowd.sort == "training" and len(of_sort) == 2)
        if not full and sum(other.crowd.alike == one.crowd.alike for other in of_sort) < of_alike:
            chosen.append(one)
    return chosen
