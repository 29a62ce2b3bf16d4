"""A reader that is cut off within a page goes on behind the last event that it has: nothing missed, nothing twice."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import aclosing
from typing import Any, cast

import pytest

from services.notifications.channels import feed_stream
from services.notifications.channels.feed_cursors import UnknownCursor
from services.notifications.channels.feed_reader import FeedReader
from services.notifications.channels.feed_stream import FeedStream
from services.notifications.documents import DELIVERED, DELIVERIES, SERVED
from services.notifications.domain.feed_place import Place
from tests.unit.notifications.world import World, agency_of, match_of, person_of

pytestmark = pytest.mark.unit
PEOPLE = "abcdefgh"


class Database:
    """As much of store and repository as a reader asks."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def submit(self, task: Any) -> Any:
        return self.world.perform(task)

    async def feed_after(
        self, recipient: str, position: int, limit: int, until: int | None = None
    ) -> list[dict[str, Any]]:
        found = self._entries(recipient, lambda at: at > position and (until is None or at <= until))
        return found[:limit]

    async def served_until(self, recipient: str, position: int, limit: int) -> list[dict[str, Any]]:
        return [d for d in self._entries(recipient, lambda at: at <= position) if d["state"] == SERVED][:limit]

    def _entries(self, recipient: str, wanted: Any) -> list[dict[str, Any]]:
        found = self.world.all(DELIVERIES, recipient=recipient)
        return sorted((d for d in found if wanted(d["position"])), key=lambda d: int(d["position"]))


def reader_of(world: World) -> FeedReader:
    database = cast(Any, Database(world))
    queues, messages, sealer = world.reconciler.queues, world.messages, world.sealer
    today = lambda now: now.date()  # noqa: E731 - as short as in the world itself
    return FeedReader(world.feed, database, database, queues, messages, sealer, today, asyncio.Event())


async def _still() -> None:
    """The key holds."""


def told(seed: int) -> World:
    """Notices of several people in mixed order, some of whom may no longer be told; and recalls of those."""
    world, chance = World(), random.Random(seed)
    world.hear(world.event("agency-registered", agency_of("gjf"), "gjf", 1))
    for name in PEOPLE:
        world.hear(world.event("person-updated", person_of(name, ("gjf",)), name, 1))
    world.subscribe("gjf", "feed")
    pairs = [(name, opportunity) for name in PEOPLE for opportunity in "vwx"]
    chance.shuffle(pairs)
    for name, opportunity in pairs:
        world.hear(world.event("match-found", match_of(name, opportunity), name, 1))
    world.pull("gjf", 0, chance.randrange(len(pairs)))
    for name in chance.sample(PEOPLE, 2):
        world.hear(world.event("person-updated", person_of(name), name, 2))
    return world


async def pushed(reader: FeedReader, after: str | None, most: int) -> list[tuple[str, str]]:
    """Of a stream that is cut off behind so many events: each with its id."""
    found = list[tuple[str, str]]()
    start = await reader.place("gjf", after)
    async with aclosing(FeedStream(reader, asyncio.Event()).events("gjf", start, 30, _still, _still)) as stream:  # type: ignore[type-var]  # it is a generator
        async for piece in stream:
            lines = dict(line.split(": ", 1) for line in piece.decode().splitlines() if line[:1] not in ("", ":"))
            if "data" in lines:
                found.append((json.loads(lines["data"])["id"], lines["id"]))
                if len(found) == most:
                    break
    return found


@pytest.mark.parametrize("page", [1, 4, 7, 100])
@pytest.mark.parametrize("seed", range(3))
async def test_whoever_is_cut_off_behind_each_kth_event_gets_every_event_once(
    seed: int, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_stream, "PAGE", page)
    whole = await reader_of(told(seed)).read("gjf", None, 500, 0, _still)
    wanted = {event["id"] for event in whole.events}
    assert len(wanted) > len(PEOPLE) * 2
    for k in (1, 2, 3, 5, 8, 13):
        reader, got, cursor = reader_of(told(seed)), list[str](), None
        while len(got) < len(wanted):
            heard = await pushed(reader, cursor, min(k, len(wanted) - len(got)))
            got += [id for id, _ in heard]
            cursor = heard[-1][1]
        assert len(got) == len(set(got))
        assert set(got) == wanted
        assert (await reader.read("gjf", cursor, 10, 0, _still)).events == []


async def test_the_event_that_was_cut_itself_comes_again_and_nothing_before_it() -> None:
    reader = reader_of(told(1))
    heard = await pushed(reader, None, 9)
    again = await pushed(reader, heard[4][1], 4)
    assert [id for id, _ in again] == [id for id, _ in heard[5:9]]


async def test_what_came_meanwhile_comes_behind_the_rest_of_the_page() -> None:
    world = told(2)
    reader = reader_of(world)
    whole = [event["id"] for event in (await reader.read("gjf", None, 500, 0, _still)).events]
    heard = await pushed(reader, None, 6)
    still_told = next(d["person"] for d in world.all(DELIVERIES) if world.allowed(d))
    name = next(each for each in PEOPLE if world.all(DELIVERIES, person=still_told) and _is(world, each, still_told))
    world.hear(world.event("match-found", match_of(name, "new"), name, 2))
    rest = await pushed(reader, heard[-1][1], len(whole) - 6 + 1)
    assert [id for id, _ in rest[:-1]] == whole[6:]
    assert rest[-1][0] not in whole


def _is(world: World, name: str, person: str) -> bool:
    return world.event("match-found", match_of(name, "new"), name, 2).data.person == person


async def test_who_may_not_be_told_any_more_is_left_out_of_the_rest() -> None:
    world = told(0)
    reader = reader_of(world)
    page = await reader.following("gjf", Place(0), 100, 0, _still)
    last = page.events[-1][0]
    name = next(
        n for n in PEOPLE if any(_is(world, n, d["person"]) for d in world.all(DELIVERIES, alias=last["data"]["alias"]))
    )
    world.hear(world.event("person-updated", person_of(name), name, 3))
    rest = await reader.read("gjf", reader.cursor("gjf", page.events[0][1]), 500, 0, _still)
    assert last["id"] not in {event["id"] for event in rest.events if event["type"] == "notice"}


async def test_what_has_arrived_is_what_stands_before_the_cut() -> None:
    world = told(1)
    reader = reader_of(world)
    heard = await pushed(reader, None, 7)
    await pushed(reader, heard[-1][1], 1)
    before = {id for id, _ in heard}
    assert {d["notice"] for d in world.all(DELIVERIES, state=DELIVERED)} == before


@pytest.mark.parametrize("limit", [1, 2, 5, 500])
async def test_an_id_of_a_stream_is_a_cursor_of_the_feed_and_a_limit_holds_there(limit: int) -> None:
    reader = reader_of(told(2))
    whole = [event["id"] for event in (await reader.read("gjf", None, 500, 0, _still)).events]
    cursor, got = (await pushed(reader, None, 3))[-1][1], list[str]()
    while events := (page := await reader.read("gjf", cursor, limit, 0, _still)).events:
        assert len(events) <= limit
        got += [event["id"] for event in events]
        cursor = page.cursor
    assert got == whole[3:]


async def test_of_another_reader_or_changed_it_is_none_and_says_nothing_of_an_alias() -> None:
    reader = reader_of(told(0))
    cursor = (await pushed(reader, None, 1))[0][1]
    assert len(cursor) <= 200  # what the route takes
    for recipient, text in (("hana", cursor), ("gjf", cursor[:-2]), ("gjf", cursor.swapcase())):
        with pytest.raises(UnknownCursor):
            await reader.place(recipient, text)


@pytest.mark.parametrize("place", [Place(0), Place(7), Place(7, 107, "a" * 32, 55), Place(2**62, 2**62, "b", 2**62)])
def test_a_place_is_kept_as_it_is(place: Place) -> None:
    assert Place.of_bytes(place.to_bytes()) == place
