"""When something is told, with a window of ten seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.domain.publish_throttle import Netting

pytestmark = pytest.mark.unit


def due(netting: Netting, now: float) -> list[str]:
    return netting.due(now, 10, lambda person: True)


class TestNetting:
    def test_first_matches_leave_a_fifth_to_the_others(self) -> None:
        netting = Netting(10)
        netting.changed("old", 0, first=False)
        for number in range(100):
            netting.changed(f"new-{number}", 20, first=True)
        found = netting.due(20, 10, lambda person: True)
        assert (len(found), "old" in found) == (9, True)
        netting.published("old", 20)
        assert len(netting.due(20, 10, lambda person: True)) == 10

    def test_the_first_match_is_told_at_once(self) -> None:
        netting = Netting(10)
        netting.changed("p", 100, first=True)
        assert due(netting, 100) == ["p"]

    def test_later_changes_are_told_once_at_the_end_of_the_window_that_the_first_of_them_opened(self) -> None:
        netting = Netting(10)
        netting.changed("p", 100, first=False)
        netting.changed("p", 105, first=False)
        netting.changed("p", 109, first=False)
        assert (due(netting, 109.9), due(netting, 110)) == ([], ["p"])
        netting.published("p", 110)
        assert due(netting, 1_000) == []

    def test_what_came_and_went_is_not_told(self) -> None:
        netting = Netting(10)
        netting.changed("p", 100, first=False)
        netting.cancel("p")
        assert (due(netting, 1_000), netting.waiting()) == ([], 0)

    def test_a_first_match_again_within_the_window_waits_for_its_end(self) -> None:
        netting = Netting(10)
        netting.published("p", 100)
        netting.changed("p", 103, first=True)
        assert (due(netting, 109.9), due(netting, 110)) == ([], ["p"])

    def test_a_first_match_does_not_wait_for_a_window_that_was_open(self) -> None:
        netting = Netting(10)
        netting.changed("p", 100, first=False)
        netting.changed("p", 101, first=True)
        assert due(netting, 101) == ["p"]

    def test_who_has_nothing_yet_goes_before_all_others_that_are_due(self) -> None:
        netting = Netting(10)
        for person in "pqr":
            netting.changed(person, 100, first=False)
        netting.changed("s", 150, first=True)
        assert netting.due(150, 2, lambda person: True) == ["s", "p"]
        assert netting.next_due() == 110

    def test_without_a_window_all_is_told_at_once(self) -> None:
        netting = Netting(0)
        netting.published("p", 100)
        netting.changed("p", 100, first=False)
        netting.changed("q", 100, first=True)
        assert sorted(due(netting, 100)) == ["p", "q"]

    def test_who_is_not_ready_waits_and_no_more_are_taken_than_wanted(self) -> None:
        netting = Netting(0)
        for person in "pqrs":
            netting.changed(person, 1, first=True)
        assert netting.due(1, 2, lambda person: person != "p") == ["q", "r"]
        assert netting.waiting() == 4
        assert netting.next_due() == 1

    def test_who_was_told_long_ago_is_not_remembered(self) -> None:
        netting = Netting(10)
        for second in range(1_000):
            netting.published(str(second), second)
        assert len(netting._published) <= 11

    @given(
        steps=st.lists(
            st.tuples(
                st.sampled_from(["first", "later", "cancel", "publish"]), st.sampled_from("abcd"), st.integers(0, 6)
            ),
            max_size=60,
        ),
        ready=st.sets(st.sampled_from("abcd")),
    )
    def test_hands_out_who_is_due_and_ready_once_whatever_was_moved_or_cancelled(
        self, steps: list[tuple[str, str, int]], ready: set[str]
    ) -> None:
        netting, now = Netting(5), 0.0
        waits: dict[str, float] = {}
        published: dict[str, float] = {}
        for what, person, seconds in steps:
            now += seconds
            match what:
                case "first":
                    netting.changed(person, now, first=True)
                    waits[person] = min(waits.get(person, 1e9), max(now, published.get(person, -5) + 5))
                case "later":
                    netting.changed(person, now, first=False)
                    waits.setdefault(person, now + 5)
                case "cancel":
                    netting.cancel(person)
                    waits.pop(person, None)
                case _:
                    netting.published(person, now)
                    waits.pop(person, None)
                    published[person] = now
            found = netting.due(now, 10, lambda person: person in ready)
            assert sorted(found) == sorted(person for person, due in waits.items() if due <= now and person in ready)
            assert (netting.next_due(), netting.waiting()) == (min(waits.values(), default=None), len(waits))
