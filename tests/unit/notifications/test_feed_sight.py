"""An entry that was found, and that the transaction which is to serve it cannot see yet, is read again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from services.notifications.channels import feed_watch
from services.notifications.channels.feed_reader import FeedReader
from services.notifications.documents import DELIVERIES, RECIPIENTS
from shared.kit.web.authentication import unauthorised
from shared.kit.web.problems import Problem
from tests.unit.notifications.world import World, agency_of, match_of, person_of

pytestmark = pytest.mark.unit


class Late:
    """A store whose first ``behind`` transactions see the database as it was before any delivery was written."""

    def __init__(self, world: World, behind: int) -> None:
        self.world, self.behind, self.asked = world, behind, 0

    async def submit(self, task: Any) -> Any:
        self.asked += 1
        if self.asked > self.behind:
            return self.world.perform(task)
        rows = self.world.store.documents.pop(DELIVERIES.name)
        try:
            return self.world.perform(task)
        finally:
            self.world.store.documents[DELIVERIES.name] = rows

    async def feed_after(
        self, recipient: str, position: int, limit: int, until: int | None = None
    ) -> list[dict[str, Any]]:
        assert until is None  # nobody is within a page here
        entries = [d for d in self.world.all(DELIVERIES, recipient=recipient) if d["position"] > position]
        return sorted(entries, key=lambda d: d["position"])[:limit]

    async def served_until(self, recipient: str, position: int, limit: int) -> list[dict[str, Any]]:
        return []

    async def feed_positions(self, recipients: Sequence[str]) -> dict[str, int]:
        return {each["_id"]: each["position"] for each in self.world.all(RECIPIENTS) if each["_id"] in recipients}


def reader_of(world: World, late: Late) -> FeedReader:
    today, store = world.now.date(), cast(Any, late)
    queues, messages, sealer = world.reconciler.queues, world.messages, world.sealer
    return FeedReader(world.feed, store, store, queues, messages, sealer, lambda now: today, asyncio.Event())


async def _still() -> None:
    """The key holds."""


@pytest.fixture
def told() -> World:
    world = World()
    world.hear(world.event("person-updated", person_of("a", ("gjf",)), "a", 1))
    world.hear(world.event("agency-registered", agency_of("gjf"), "gjf", 1))
    world.subscribe("gjf", "feed")
    for opportunity in "xyz":
        world.hear(world.event("match-found", match_of("a", opportunity), "a", 1))
    return world


@pytest.mark.parametrize("behind", [0, 1, 3])
async def test_nothing_is_passed_over(told: World, behind: int) -> None:
    reader = reader_of(told, Late(told, behind))
    page = await reader.read("gjf", None, limit=10, wait=0, still=_still)
    assert len(page.events) == 3


async def test_a_view_that_stays_behind_gives_an_empty_page_whose_cursor_stands_still(told: World) -> None:
    late = Late(told, behind=20)
    empty = await reader_of(told, late).read("gjf", None, limit=10, wait=0, still=_still)
    assert empty.events == []
    after = await reader_of(told, late).read("gjf", empty.cursor, limit=10, wait=0, still=_still)
    assert len(after.events) == 3


async def test_who_waits_with_a_key_that_is_taken_away_is_given_nothing_more(
    told: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_watch, "POLL_SECONDS", 0.001)
    reader, asked = reader_of(told, Late(told, behind=0)), 0
    cursor = (await reader.read("gjf", None, limit=10, wait=0, still=_still)).cursor

    async def taken_away() -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise unauthorised()
        asyncio.get_running_loop().call_soon(told.hear, told.event("match-found", match_of("a", "w"), "a", 1))

    with pytest.raises(Problem) as problem:
        await reader.read("gjf", cursor, limit=10, wait=30, still=taken_away)
    assert (problem.value.status, asked) == (401, 2)
