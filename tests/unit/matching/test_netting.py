"""When something is told, with a window of ten seconds."""

from __future__ import annotations

import pytest

from services.matching.domain.netting import Netting

pytestmark = pytest.mark.unit


def due(netting: Netting, now: float) -> list[str]:
    return netting.due(now, 10, lambda person: True)


class TestNetting:
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
        netting.told("p", 110)
        assert due(netting, 1_000) == []

    def test_what_came_and_went_is_not_told(self) -> None:
        netting = Netting(10)
        netting.changed("p", 100, first=False)
        netting.unchanged("p")
        assert (due(netting, 1_000), netting.waiting()) == ([], 0)

    def test_a_first_match_again_within_the_window_waits_for_its_end(self) -> None:
        netting = Netting(10)
        netting.told("p", 100)
        netting.changed("p", 103, first=True)
        assert (due(netting, 109.9), due(netting, 110)) == ([], ["p"])

    def test_a_first_match_does_not_wait_for_a_window_that_was_open(self) -> None:
        netting = Netting(10)
        netting.changed("p", 100, first=False)
        netting.changed("p", 101, first=True)
        assert due(netting, 101) == ["p"]

    def test_without_a_window_all_is_told_at_once(self) -> None:
        netting = Netting(0)
        netting.told("p", 100)
        netting.changed("p", 100, first=False)
        netting.changed("q", 100, first=True)
        assert due(netting, 100) == ["p", "q"]

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
            netting.told(str(second), second)
        assert len(netting._told) <= 11
