"""However many readers come at once, and whatever waits for them: a transaction looks at so many entries."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.notifications.channels.feed import Feed
from services.notifications.channels.feed_admission import MOST_TOGETHER, FeedAdmission
from services.notifications.channels.feed_reader import FeedReader, ServedPage
from services.notifications.channels.feed_snapshot import MOST_ENTRIES, FeedSnapshot
from shared.kit.base.sealing import Sealer

pytestmark = pytest.mark.unit


class Busy:
    """A store that is asked by many before it answers; each reader has a hundred entries."""

    def __init__(self) -> None:
        self.now = self.most = self.served = self.unconfirmed = 0
        self.threads = [thread(n, 1) for n in range(50)]

    async def submit(self, operation: Any) -> Any:
        self.now += 100
        self.most = max(self.most, self.now)
        for _ in range(20):
            await asyncio.sleep(0)
        self.now -= 100
        self.served += 1
        return operation if isinstance(operation, list) else ServedPage([])

    async def feed_after(self, recipient: str, position: int, limit: int) -> list[dict[str, Any]]:
        return [] if position else [{"alias": f"{n:032x}", "position": n} for n in range(1, 101)]

    async def served_until(self, *_: Any) -> list[Any]:
        if not self.unconfirmed:
            return []
        self.unconfirmed -= 1
        return [{"_id": f"{n}", "thread": f"{n}", "opportunity": None} for n in range(100)]

    async def feed_position(self, recipient: str) -> int:
        return 0

    async def first_recall_not_given(self, recipient: str, until: int) -> int | None:
        return None

    async def threads_by_alias(self, recipient: str, after: str, limit: int) -> list[Any]:
        return [each for each in self.threads if each["alias"] > after][:limit]


async def still() -> None:
    return None


def thread(n: int, entries: int) -> dict[str, Any]:
    """With as much in its queue."""
    return {"_id": f"{n}", "alias": f"{n:032x}", "held": {}, "queues": {"feed": [{}] * entries}}


def snapshot(busy: Any) -> FeedSnapshot:
    """Its operations are the threads of a page."""
    unused: Any = None
    reader = FeedReader(unused, busy, busy, unused, unused, Sealer(b"s" * 32), unused, asyncio.Event())
    made = FeedSnapshot(reader, busy, busy, unused, unused, unused, Sealer(b"s" * 32), unused)
    made.serve = lambda recipient, threads: [*threads]  # type: ignore[method-assign,assignment,return-value]  # see above
    return made


async def test_many_readers_with_much_to_read_share_no_transaction_that_is_too_large() -> None:
    busy: Any = Busy()
    unused: Any = None
    feed = Feed(lambda now: now.date())
    reader = FeedReader(feed, busy, busy, unused, unused, Sealer(b"s" * 32), unused, asyncio.Event())
    await asyncio.gather(*(reader.read(f"agency-{n}", None, 100, 0, still) for n in range(60)))
    assert (busy.served, busy.most) == (60, MOST_TOGETHER)


async def test_files_are_looked_at_by_turns_too() -> None:
    busy: Any = Busy()
    unused: Any = None
    reader = FeedReader(unused, busy, busy, unused, unused, Sealer(b"s" * 32), unused, asyncio.Event())
    await asyncio.gather(*(reader.visible(f"agency-{n}", unused, 100) for n in range(60)))
    assert (busy.served, busy.most) == (60, MOST_TOGETHER)


async def test_snapshots_are_read_by_turns_too() -> None:
    busy: Any = Busy()
    reading = snapshot(busy)
    await asyncio.gather(*(reading.page(f"agency-{n}", None) for n in range(60)))
    assert (busy.served, busy.most) == (60, MOST_TOGETHER)


async def test_what_has_arrived_is_noted_by_turns_too() -> None:
    busy: Any = Busy()
    busy.unconfirmed = 60
    unused: Any = None
    reader = FeedReader(unused, busy, busy, unused, unused, Sealer(b"s" * 32), unused, asyncio.Event())
    await asyncio.gather(*(reader.confirm(f"agency-{n}", 1, 100) for n in range(60)))
    assert (busy.served, busy.most) == (60, MOST_TOGETHER)


async def test_a_page_of_a_snapshot_ends_where_much_waits_under_it() -> None:
    """Whoever has read nothing for long has any number of entries in each thread."""
    busy: Any = Busy()
    busy.threads = [thread(n, entries) for n, entries in enumerate((10, MOST_ENTRIES, 200, 200, 200, 1))]
    reading, token, pages = snapshot(busy), None, list[int]()
    while token is not None or not pages:
        page = await reading.page("gjf", token)
        pages.append(len(page.events))
        token = page.next
    assert pages == [1, 1, 2, 2]
    assert page.cursor is not None


class TestTurns:
    async def test_come_in_their_order_and_who_wants_more_than_there_is_is_alone(self) -> None:
        admission, begun, end = FeedAdmission(10), list[int](), {n: asyncio.Event() for n in (4, 5, 6, 50, 1)}

        async def take(entries: int) -> None:
            async with admission.admit("gjf", entries):
                begun.append(entries)
                await end[entries].wait()

        tasks = []
        for entries in end:
            tasks.append(asyncio.create_task(take(entries)))
            await asyncio.sleep(0)
        assert begun == [4, 5]
        for entries, expected in ((4, [4, 5]), (5, [4, 5, 6]), (6, [4, 5, 6, 50]), (50, [4, 5, 6, 50, 1])):
            end[entries].set()
            await asyncio.sleep(0.01)
            assert begun == expected
        end[1].set()
        await asyncio.gather(*tasks)

    async def test_one_with_many_readers_keeps_no_other_waiting_for_all_of_these(self) -> None:
        admission, begun = FeedAdmission(10), list[str]()

        async def take(recipient: str) -> None:
            async with admission.admit(recipient, 10):
                begun.append(recipient)
                await asyncio.sleep(0)

        readers = ["gjf"] * 4 + ["hana", "portal", "hana"]
        await asyncio.gather(*(take(each) for each in readers))
        assert begun == ["gjf", "gjf", "hana", "portal", "gjf", "hana", "gjf"]

    async def test_whoever_hangs_up_while_waiting_or_as_the_turn_comes_takes_nothing(self) -> None:
        admission = FeedAdmission(10)

        async def take(entries: int) -> None:
            async with admission.admit("gjf", entries):
                await asyncio.sleep(0)

        first = admission.admit("gjf", 10)
        await first.__aenter__()
        waiting = [asyncio.create_task(take(10)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()  # while it waits
        await asyncio.sleep(0)
        await first.__aexit__(None, None, None)
        waiting[1].cancel()  # its turn has come, and it does not know yet
        assert await asyncio.gather(*waiting, return_exceptions=True) != []
        assert waiting[2].done()
        assert not waiting[2].cancelled()
        await asyncio.wait_for(take(10), 5)
