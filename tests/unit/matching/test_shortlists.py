"""Bounded lists that know what they do not know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.domain import shortlists
from services.matching.domain.columns.values import UNIT
from services.matching.domain.opening_facts import Crowd
from services.matching.domain.shortlists import UNKNOWN, Bounds, Shortlists

pytestmark = pytest.mark.unit
BOUNDS = Bounds({"training": 2}, 2, 2, 1)
PAIRS = BOUNDS._replace(of_employer=3, of_alike=2)
OTHERS = 100  # rows from here on are openings that nobody may match, but that are nearly the same as another


class Entry(NamedTuple):
    id: str
    score: float
    crowd: Crowd
    beneath: bool = False


def entry(id: str, score: float, sort: str = "job", employer: str | None = None, alike: str = "") -> Entry:
    """Unlike all others, if nothing is said."""
    return Entry(id, score, Crowd(sort, employer, (alike or id,)))


class World:
    """Some people's lists, changed as the index does it. By name they are what `ids` and `cutoff` say."""

    def __init__(self, most: int, people: int = 1, bounds: Bounds = BOUNDS) -> None:
        self.lists, self.rows, self.people = Shortlists(most, bounds), dict[str, int](), people
        for person in range(people):
            self.lists.fill(person, np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, bool))

    def hold(self, one: Entry) -> int:
        row = self.rows.setdefault(one.id, min(set(range(OTHERS)) - set(self.rows.values())))
        self.lists.hold(row, one.id, one.crowd)
        return row

    def twin(self, alike: str) -> None:
        """Another opening like that is held, which nobody may match."""
        self.lists.hold(OTHERS + len(alike), "other", Crowd("job", None, (alike,)))

    def put(self, one: Entry, people: Iterable[int] = (0,)) -> tuple[list[int], list[int]]:
        """It comes, or is another: whose list is another, and who has it no longer."""
        row, rows = self.hold(one), np.array(list(people), np.int64)
        scores, beneath = np.full(len(rows), round(one.score * UNIT)), np.full(len(rows), one.beneath)
        changed, left = self.lists.place(row, rows, scores, beneath)
        return rows[changed].tolist(), sorted(left.tolist())

    def drop(self, id: str) -> list[int]:
        return sorted(self.lists.drop(self.rows.pop(id)).tolist())

    def fill(self, entries: Iterable[Entry], cutoff: tuple[float, str] | None = None) -> None:
        some = list(entries)
        rows = np.array([self.hold(one) for one in some], np.int64)
        scores = np.array([round(one.score * UNIT) for one in some], np.int64)
        self.lists.fill(0, rows, scores, np.array([one.beneath for one in some], bool), cutoff)

    def ids(self, person: int = 0) -> str:
        listed, names = self.lists.ranked(person), {row: id for id, row in self.rows.items()}
        assert listed is not None
        return "".join(names[row] for row in listed[0].tolist())

    def cutoff(self, person: int = 0) -> tuple[float, str] | None:
        return self.lists.cutoff(person)


class TestNotes:
    def test_are_of_an_entry_and_go_with_it(self) -> None:
        world = World(3)
        for one in (entry("a", 0.9), entry("b", 0.8)):
            world.put(one)
        assert world.lists.noted(0, 9) == ([UNKNOWN] * 2, [UNKNOWN] * 2)
        world.lists.note(0, [0.42, UNKNOWN], [0.25, 1 / 3])
        assert world.lists.noted(0, 9) == ([0.42, UNKNOWN], [0.25, pytest.approx(1 / 3)])
        world.put(entry("c", 0.85))
        assert world.lists.noted(0, 3)[0] == [0.42, UNKNOWN, UNKNOWN]
        world.drop("a")
        world.put(entry("a", 0.9))
        assert world.lists.noted(0, 1) == ([UNKNOWN], [UNKNOWN])

    def test_of_an_opening_that_is_another_and_scores_the_same_its_lot_stays_its_chance_is_asked_anew(
        self,
    ) -> None:
        world = World(3)
        world.put(entry("a", 0.9))
        world.lists.note(0, [0.42], [0.25])
        assert world.put(entry("a", 0.9)) == ([], [])
        assert world.lists.noted(0, 1) == ([UNKNOWN], [0.25])

    def test_of_more_chances_than_have_a_number_some_are_not_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shortlists, "MOST_CHANCES", 2)
        world = World(3)
        for one in (entry("a", 0.9), entry("b", 0.8)):
            world.put(one)
        world.lists.note(0, [0.42, 0.42], [0.5, 0.5])
        world.lists.note(0, [0.42, 0.43], [0.5, 0.5])
        assert world.lists.noted(0, 2) == ([0.42, UNKNOWN], [0.5, 0.5])


class TestShortlists:
    def test_holds_the_best_and_leaves_out_what_has_no_room(self) -> None:
        world = World(2)
        assert world.put(entry("c", 0.5)) == ([0], [])
        assert world.put(entry("b", 0.5)) == ([0], [])
        assert world.put(entry("a", 0.9)) == ([0], [])
        assert (world.ids(), world.cutoff()) == ("ab", (-0.5, "c"))  # ties by id
        assert world.put(entry("d", 0.5)) == ([], [])  # behind what went already

    def test_what_comes_before_the_cutoff_is_taken_in_also_when_there_are_fewer(self) -> None:
        world = World(2)
        world.fill([entry("a", 0.9), entry("b", 0.8)], (-0.5, "c"))
        assert world.drop("b") == [0]
        assert not world.lists.is_complete(0, 2)
        assert world.put(entry("x", 0.6)) == ([0], [])
        assert world.lists.is_complete(0, 2)
        assert world.put(entry("y", 0.4)) == ([], [])  # others may lie before it
        assert world.ids() == "ax"

    def test_one_that_became_worse_than_the_cutoff_is_no_longer_known(self) -> None:
        world = World(2)
        world.fill([entry("a", 0.9), entry("b", 0.8)], (-0.5, "c"))
        assert world.put(entry("a", 0.3)) == ([0], [])
        assert (world.ids(), world.lists.is_complete(0, 2)) == ("b", False)

    def test_without_a_cutoff_there_are_no_others(self) -> None:
        world = World(2)
        world.fill([entry("a", 0.9)])
        assert world.lists.is_complete(0, 2)

    def test_who_has_no_list_is_entered_by_nothing_and_who_has_room_by_everything(self) -> None:
        world = World(1, people=3)
        world.put(entry("a", 0.75), [0, 1])
        world.put(entry("b", 0.25), [0])
        world.lists.remove(2)
        assert world.lists.enters(np.arange(3)).tolist() == [250_000, 0, np.iinfo(np.int32).max]
        assert (world.lists.ranked(2), world.lists.is_complete(2, 1)) == (None, False)

    def test_one_that_changes_goes_from_some_lists_and_comes_to_others_and_stays_where_it_is_the_same(self) -> None:
        world = World(3, people=4)
        world.put(entry("a", 0.5), [0, 1, 2])
        world.put(entry("b", 0.7), [1, 3])
        assert world.put(entry("a", 0.5), [1, 3]) == ([3], [0, 2])
        assert [world.ids(person) for person in range(4)] == ["", "ba", "", "ba"]
        assert world.drop("b") == [1, 3]
        assert [world.ids(person) for person in range(4)] == ["", "a", "", "a"]
        world.lists.remove(3)
        assert world.drop("a") == [1]

    def test_all_of_them_can_be_forgotten_at_once(self) -> None:
        world = World(3, people=2)
        world.put(entry("a", 0.5), [0, 1])
        world.lists.clear()
        assert world.lists.ranked(0) is None
        world.fill([entry("a", 0.5)])
        assert world.drop("a") == [0]


class TestCrowds:
    def test_of_what_is_nearly_the_same_only_the_best_is_there(self) -> None:
        world = World(9)
        world.fill([entry("a", 0.5, alike="x"), entry("b", 0.4)])
        assert world.put(entry("c", 0.45, alike="x")) == ([], [])
        assert world.put(entry("d", 0.6, alike="x")) == ([0], [])
        assert world.ids() == "db"

    def test_when_it_goes_the_list_is_right_up_to_there_if_there_are_others_like_it(self) -> None:
        alone, one_of_two = World(9), World(9)
        for world in (alone, one_of_two):
            world.fill([entry("a", 0.9), entry("b", 0.8, alike="x"), entry("c", 0.7)])
        one_of_two.twin("x")
        assert (alone.drop("b"), alone.ids(), alone.cutoff()) == ([0], "ac", None)
        assert (one_of_two.drop("b"), one_of_two.ids(), one_of_two.cutoff()) == ([0], "a", (-0.8, "b"))

    def test_of_what_is_nearly_the_same_a_few_if_there_is_room_for_a_few(self) -> None:
        world = World(9, bounds=PAIRS)
        world.fill([entry("a", 0.5, alike="x"), entry("b", 0.4, alike="x"), entry("c", 0.3)])
        assert world.put(entry("d", 0.3, alike="x")) == ([], [])
        assert world.put(entry("e", 0.6, alike="x")) == ([0], [])
        assert world.ids() == "eac"
        world.drop("d")
        world.drop("e")  # b comes after a, and nobody knows where
        assert (world.ids(), world.cutoff()) == ("", (-0.5, "a"))

    def test_where_all_that_are_nearly_the_same_are_there_none_waits(self) -> None:
        world = World(9, bounds=PAIRS)
        world.fill([entry("a", 0.5, alike="x"), entry("b", 0.4, alike="x"), entry("c", 0.3)])
        world.drop("a")
        assert (world.ids(), world.cutoff()) == ("bc", None)

    def test_of_an_employer_and_of_a_kind_with_bounds_so_many(self) -> None:
        world = World(9)
        world.fill([entry(id, 0.5, employer="e") for id in "cdb"])
        assert world.ids() == "bc"
        world.put(entry("a", 0.5, employer="e", sort="training"))  # another kind of theirs
        world.put(entry("x", 0.4, sort="training"))
        assert world.put(entry("y", 0.3, sort="training")) == ([], [])
        assert world.ids() == "abcx"
        world.drop("a")  # y may come now, x is no better known than y
        assert (world.ids(), world.cutoff()) == ("bc", (-0.4, "x"))

    def test_what_is_beneath_somebody_is_of_a_sort_of_its_own(self) -> None:
        world = World(9)
        world.fill(entry(id, 0.5)._replace(beneath=id in "abc") for id in "abcde")
        assert world.ids() == "abde"

    def test_one_of_them_that_became_better_or_is_another_now_leaves_no_hole_behind(self) -> None:
        world = World(9)
        world.fill([entry("a", 0.5, alike="x"), entry("b", 0.4, alike="y")])
        world.twin("x")
        assert world.put(entry("a", 0.6, alike="x")) == ([0], [])
        assert (world.ids(), world.cutoff()) == ("ab", None)
        assert world.put(entry("a", 0.6, alike="z")) == ([0], [])
        assert (world.ids(), world.cutoff()) == ("", (-0.6, "a"))

    @settings(max_examples=200, deadline=None)
    @given(
        entries=st.lists(
            st.builds(
                entry,
                st.uuids().map(lambda id: id.hex),
                st.sampled_from([0.1, 0.2, 0.3]),
                st.sampled_from(["job", "training"]),
                st.sampled_from([None, "e", "f"]),
                st.sampled_from(["", "x", "y"]),
            ),
            max_size=60,
        ),
        most=st.integers(2, 8),
        bounds=st.sampled_from([BOUNDS, PAIRS]),
    )
    def test_filled_at_once_it_is_as_if_each_had_come_by_itself(
        self, entries: list[Entry], most: int, bounds: Bounds
    ) -> None:
        at_once, one_by_one = World(most, bounds=bounds), World(most, bounds=bounds)
        at_once.fill(entries)
        for one in sorted(entries, key=lambda one: (-one.score, one.id)):
            one_by_one.put(one)
        assert at_once.ids() == one_by_one.ids()
        assert at_once.cutoff() == one_by_one.cutoff()

    @settings(max_examples=300, deadline=None)
    @given(
        changes=st.lists(
            st.tuples(
                st.sampled_from("abcdefgh"),
                st.none() | st.sampled_from([0.1, 0.2, 0.3, 0.4]),
                st.sampled_from(["job", "training"]),
                st.sampled_from([None, "e", "f"]),
                st.sampled_from(["", "x", "y"]),
                st.sets(st.integers(0, 2)),
            ),
            max_size=60,
        ),
        most=st.integers(2, 5),
        of_alike=st.integers(1, 2),
    )
    def test_is_what_a_greedy_choice_of_the_truth_begins_with_up_to_its_cutoff(
        self, changes: list[tuple[str, float | None, str, str | None, str, set[int]]], most: int, of_alike: int
    ) -> None:
        truth = [dict[str, Entry]() for _ in range(3)]
        world = World(most, people=3, bounds=BOUNDS._replace(of_alike=of_alike))
        for id, score, sort, employer, alike, people in changes:
            for own in truth:
                own.pop(id, None)
            if score is not None:
                one = entry(id, score, sort, employer, f"{sort}/{employer}/{alike}" if alike else "")
                for person in people:
                    truth[person][id] = one
                world.put(one, sorted(people))
            elif id in world.rows:
                world.drop(id)
            for person, own in enumerate(truth):
                cutoff = world.cutoff(person)
                best = greedy(own.values(), of_alike)
                chosen = [one for one in best if cutoff is None or (-one.score, one.id) < cutoff]
                assert world.ids(person) == "".join(one.id for one in chosen)
                assert len(chosen) <= most


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
