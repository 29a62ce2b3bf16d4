"""How inversions are counted."""

from __future__ import annotations

import pytest

from verification.benchmarks.delivery.world import Told
from verification.order import inversions

pytestmark = pytest.mark.unit


def test_neighbours_the_wrong_way_round_are_counted_and_what_did_not_arrive_is_passed_over() -> None:
    assert inversions([["a", "b", "c"], ["d", "e"]], {"a": 1, "b": 2, "c": 3, "d": 9, "e": 9.5}) == 0
    assert inversions([["a", "b", "c"], ["d", "e"]], {"a": 1, "b": 3, "c": 2, "d": 9, "e": 8}) == 2
    assert inversions([["a", "b", "c"]], {"a": 2, "c": 1}) == 1


def test_the_openings_of_each_person_in_the_order_of_their_events() -> None:
    told = Told("p", [0, 1, 0, 1, 0], each=2)
    orders = list(told.of_each_person())
    assert orders == [
        [told.opportunity(0), told.opportunity(2)],
        [told.opportunity(1), told.opportunity(3)],
        [told.opportunity(4)],
    ]
