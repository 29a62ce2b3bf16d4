"""Pages of a walk over everybody who concerns an agency, out of two lists, either of which may hold somebody twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.documents import RESYNCS
from services.notifications.repository import first_of
from tests.unit.notifications.world import World

pytestmark = pytest.mark.unit
PEOPLE = st.lists(st.sampled_from("abcdefghijklmnop"), max_size=24)  # one twice: it moved while it was read


def page(people: list[str], after: str, limit: int) -> list[str]:
    """As the database gives it."""
    return sorted(each for each in people if each > after)[:limit]


@given(PEOPLE, PEOPLE, st.integers(3, 6))
def test_a_walk_by_pages_leaves_nobody_out(named: list[str], told: list[str], limit: int) -> None:
    walked, after = list[str](), ""
    while found := first_of(page(named, after, limit), page(told, after, limit), limit):
        assert len(found) <= limit
        walked += found
        after = found[-1]
    assert walked == sorted({*named, *told})


def test_who_comes_behind_the_end_of_a_full_list_waits() -> None:
    assert first_of(["z"], ["a", "b", "b"], 3) == ["a", "b"]
    assert first_of(["z"], ["a", "b"], 3) == ["a", "b", "z"]
    assert first_of([], [], 3) == []


def test_a_page_that_is_not_full_does_not_end_a_pass() -> None:
    world = World()
    world.subscribe("gjf", "feed")
    (resync,) = world.all(RESYNCS)
    world.perform(world.resync_job.operation(resync, ["p"]))
    (resync,) = world.all(RESYNCS)
    assert (resync["after"], resync["second_pass"]) == ("p", False)
    world.perform(world.resync_job.operation(resync, []))
    assert [each["second_pass"] for each in world.all(RESYNCS)] == [True]
