"""How inversions are counted."""

from __future__ import annotations

import pytest

from verification.benchmarks.delivery.world import Told
from verification.chaos.failpoints import AT_BEGINNING, FAILPOINTS
from verification.delivery_order import Kill, inversions, of_deliveries, result, unexplained

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


def test_what_came_twice_is_explained_by_one_kill_each_at_which_it_was_in_flight() -> None:
    assert unexplained({"a": 2, "b": 3}, [{"a", "b"}, {"b", "c"}]) == 0
    assert unexplained({"a": 2, "b": 3}, [{"a", "b"}]) == 1
    assert unexplained({"d": 4}, [{"a"}]) == 3
    assert unexplained({}, []) == 0


def test_seconds_are_told_by_what_was_killed() -> None:
    kills = [
        Kill("failpoint", "before the webhook", (frozenset({"a", "b"}),), 2.0),
        Kill("random", "at random", (frozenset(),), 4.0),
        Kill("database", "at random", (frozenset({"c"}),), 9.0),
        Kill("random", "at random", (frozenset(), frozenset()), None),
    ]
    found = result(kills)
    assert (found["kills"], found["failpoints"], found["in_flight"], found["most_in_flight"]) == (4, 1, 3, 2)
    assert (found["again_max_s"], found["database_again_max_s"]) == (4.0, 9.0)
    assert "broker_again_max_s" not in found


def test_every_failpoint_of_a_webhook_is_among_those_that_are_killed_at() -> None:
    names = {each.name for each in of_deliveries([*FAILPOINTS, *AT_BEGINNING])}
    assert {
        "before the webhook",
        "webhook answered, not written down",
        "delivery born claimed, not handed over",
    } < names
    wanted = {"after the writes, before the commit", "published, not acknowledged", "after Kafka's commit"}
    assert wanted | {"a partition claimed"} < names
    assert not {name for name in names if "feed" in name or "acknowledgement" in name}
