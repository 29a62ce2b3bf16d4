"""The table of how many look at an opening, made from the day before."""

from __future__ import annotations

from datetime import date

import pytest

from services.matching.domain.congestion import Congestion, next_day
from shared.reference.matching import CongestionData

pytestmark = pytest.mark.unit
DATA = CongestionData(first_places=5, step=0.01, most=0.03)
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)


def test_what_stands_in_more_lists_than_the_mean_becomes_dearer_up_to_a_bound() -> None:
    lists = [["a", "b"], ["a"], ["a"], ["a", "b"], ["a"]]  # 5, 2 and none: 7 of 3 openings
    assert next_day(None, lists, ["a", "b", "c"], DATA, MONDAY) == Congestion(MONDAY, {"a": 0.026667})
    before = Congestion(MONDAY, {"a": 0.026667, "b": 0.02, "gone": 0.03})
    table = next_day(before, lists, ["a", "b", "c"], DATA, TUESDAY)
    assert table == Congestion(TUESDAY, {"a": 0.03, "b": 0.016667})


def test_what_nobody_looks_at_is_free_again() -> None:
    before = Congestion(MONDAY, {"a": 0.01})
    assert next_day(before, [["b"], ["b"]], ["a", "b"], DATA, TUESDAY).prices == {"b": 0.01}
    assert next_day(before, [], [], DATA, TUESDAY).prices == {}
