"""Who waits for something new in a feed: what another replica writes is looked for by one question for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from services.notifications.channels import feed_watch
from services.notifications.channels.feed_reader import FeedReader, Page
from tests.unit.notifications.test_feed_sight import Late
from tests.unit.notifications.world import World, agency_of, match_of, person_of

pytestmark = pytest.mark.unit
AGENCIES = ("gjf", "hana", "portal")
READERS = 60


class Database(Late):
    """Counts pages that are read, and questions for positions."""

    def __init__(self, world: World) -> None:
        super().__init__(world, behind=0)
        self.pages = 0
        self.questions: list[Sequence[str]] = []

    async def feed_after(self, *args: Any) -> list[dict[str, Any]]:
        self.pages += 1
        return await super().feed_after(*args)

    async def feed_positions(self, recipients: Sequence[str]) -> dict[str, int]:
        self.questions.append(recipients)
        return await super().feed_positions(recipients)


class Waiting:
    """Agencies with a feed, and readers that have read all of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(feed_watch, "POLL_SECONDS", 0.001)
        monkeypatch.setattr(feed_watch, "TOGETHER_SECONDS", 0.05)
        self.world = world = World()
        world.hear(world.event("person-updated", person_of("a", AGENCIES), "a", 1))
        for agency in AGENCIES:
            world.hear(world.event("agency-registered", agency_of(agency), agency, 1))
            world.subscribe(agency, "feed")
        self.match("x")
        self.database = Database(world)
        self.stopping, today = asyncio.Event(), world.now.date()
        queues, messages, sealer = world.reconciler.queues, world.messages, world.sealer
        store = cast(Any, self.database)
        self.reader = FeedReader(world.feed, store, store, queues, messages, sealer, lambda now: today, self.stopping)

    def match(self, opening: str) -> None:
        self.world.hear(self.world.event("match-found", match_of("a", opening), "a", 1))

    async def read(self, agency: str, after: str | None, meanwhile: Callable[[], None]) -> Page:
        async def still() -> None:
            meanwhile()

        return await self.reader.read(agency, after, limit=10, wait=60, still=still)


async def test_looks_for_nothing_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Waiting(monkeypatch)
    cursors = {agency: (await case.read(agency, None, lambda: None)).cursor for agency in AGENCIES}
    case.database.pages, looks = 0, 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 3 * READERS:
            case.stopping.set()

    readers = [AGENCIES[n % len(AGENCIES)] for n in range(READERS)]
    pages = await asyncio.gather(*(case.read(each, cursors[each], look) for each in readers))
    assert not any(page.events for page in pages)
    assert case.database.pages == READERS, "one as they came, and none while there was nothing"
    assert len(case.database.questions) < READERS / 2
    assert set(case.database.questions[0]) == set(AGENCIES)


@pytest.mark.parametrize("replica", ["this one", "another"])
async def test_is_given_what_any_replica_writes(replica: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Waiting(monkeypatch)
    cursor = (await case.read("gjf", None, lambda: None)).cursor
    if replica == "another":  # which wakes nobody here
        monkeypatch.setattr(case.world.feed, "_wake", lambda recipient: None)
    else:
        monkeypatch.setattr(feed_watch, "POLL_SECONDS", 60.0)
        asyncio.get_running_loop().call_later(0.01, case.match, "y")
    said: list[str] = []

    def look() -> None:
        if replica == "another" and not said:
            said.append("y")
            case.match("y")

    page = await case.read("gjf", cursor, look)
    assert len(page.events) == 1


async def test_what_is_written_while_the_page_is_read_or_positions_are_asked_for_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = Waiting(monkeypatch)
    cursor = (await case.read("gjf", None, lambda: None)).cursor
    monkeypatch.setattr(feed_watch, "POLL_SECONDS", 60.0)
    read = case.database.feed_after

    async def written_behind_it(*args: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await read(*args)
        if not found:
            case.match("y")
        return found

    monkeypatch.setattr(case.database, "feed_after", written_behind_it)
    async with asyncio.timeout(30):
        page = await case.read("gjf", cursor, lambda: None)
    assert len(page.events) == 1
