"""A session ends with the ids of its topics; what still runs then cannot touch the next session's checkpoints."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from shared.events.envelope import to_kafka
from shared.events.topics.deliveries import NOTICE_DELIVERED
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.kafka.topics import Topics
from shared.kit.store.outbox import Outbox
from shared.kit.store.store import Store
from shared.kit.stream import session
from shared.kit.stream.backlog import Position
from shared.kit.stream.checkpoints import Fenced
from shared.kit.stream.quarantine import Quarantine
from shared.kit.stream.stream import Stream
from tests.integration.kit.parts import CODEC, SEALER, Seen, count, delivery, hex_id, needs_of, until

pytestmark = pytest.mark.integration


@dataclass
class Fetched:
    """A record as the consumer hands it out."""

    offset: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    topic: str = "deliveries"
    partition: int = 0


def fetched(offset: int, n: int) -> Fetched:
    return Fetched(offset, *to_kafka(delivery(n)))


class Log:
    """Stands in for the consumer: a log that a test reads to the stream as it likes, and where it was asked to read."""

    lay_ready = False

    def __init__(self, kafka: Any, group: str, topics: Any, batch: Any, assigned: Any, revoked: Any) -> None:
        self.batch, self.assigned, self.kafka = batch, assigned, self
        self.end, self.reads = 1_000, -1

    async def start(self) -> None:
        pass

    def seek(self, partition: Any, offset: int) -> None:
        self.reads = offset

    async def ends_before(self, partition: Any, offset: int) -> bool:
        return self.end < offset


@asynccontextmanager
async def prepared(
    database: Any,
    monkeypatch: pytest.MonkeyPatch,
    consumer: type,
    topic_id: Callable[[], str],
    handler: Callable[[Any, Any], None] = count,
    seen: Seen | None = None,
) -> AsyncIterator[tuple[Any, Store]]:
    """A stream that will read through such a consumer, and its store. ``topic_id``: what the topic's id is now."""

    async def declared(topics: Any) -> dict[str, str]:
        return {"deliveries": topic_id()}

    monkeypatch.setattr(session, "Consumer", consumer)
    topics = Topics(KafkaSettings(bootstrap="127.0.0.1:1", instance="test-1"))
    monkeypatch.setattr(topics, "declare", declared)
    store = Store(database, Outbox(database, topics, CODEC))
    await store.start()
    made = Stream("test", ["deliveries"])
    made.subscriber(NOTICE_DELIVERED, needs=needs_of)(handler)
    made.bind(store, topics, Quarantine(database, SEALER, "test", CODEC), CODEC, seen)
    yield made, store
    await store.stop()


@asynccontextmanager
async def reading(
    database: Any,
    monkeypatch: pytest.MonkeyPatch,
    handler: Callable[[Any, Any], None] = count,
    seen: Seen | None = None,
) -> AsyncIterator[Log]:
    """A log that a stream has begun to read."""
    async with prepared(database, monkeypatch, Log, lambda: "one", handler, seen) as (made, _):
        begun = await made._begin()
        yield begun.reader


async def test_a_batch_that_outlasts_its_life_moves_no_checkpoint_of_the_next(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives: list[Callable[[Sequence[Fetched]], Coroutine[Any, Any, None]]] = []

    class Life:
        kafka = None
        lay_ready = False

        def __init__(self, kafka: Any, group: str, topics: Any, batch: Any, assigned: Any, revoked: Any) -> None:
            lives.append(batch)

        async def start(self) -> None:
            pass

        async def abandon(self) -> None:
            """It gives up waiting for the batch in hand."""

    async with prepared(database, monkeypatch, Life, lambda: f"id-{len(lives)}") as (made, store):

        def waiting(transactions: int) -> Callable[[], Awaitable[bool]]:
            async def true() -> bool:
                return len(store._running) == transactions

            return true

        first = await made._begin()
        async with store._turn:  # some other work takes long
            old = asyncio.create_task(lives[0]([fetched(n, n) for n in range(10)]))
            await until(waiting(1))
            await first.end()
            await made._begin()
            new = asyncio.create_task(lives[1]([fetched(0, 0)]))
            await until(waiting(2))
        with pytest.raises(Fenced):
            await old
        await new
        await lives[1]([fetched(n, n) for n in range(1, 10)])
        assert await database.effects.count_documents({"times": 1}) == 10
        kept = await database.checkpoints.find_one({"topic_id": "id-1"})
        assert kept["offset"] == 9
        assert (await database.effects.find_one({"_id": hex_id("event", 0)}))["times"] == 1


@pytest.mark.parametrize("first_read", [0, 3])
async def test_a_log_that_was_cut_back_is_read_from_its_beginning_and_said_loudly(
    database: Any, monkeypatch: pytest.MonkeyPatch, first_read: int
) -> None:
    """A power cut: of 0..9 that were done the broker still has 0..4, and its writers go on at 5 with others."""

    def once(event: Any, work: Any) -> None:  # as every handler must be
        if work.get("effects", event.id) is None:
            count(event, work)

    seen = Seen()
    async with reading(database, monkeypatch, once, seen) as log:
        await log.batch([fetched(n, n) for n in range(10)])
        assert seen.of("cut_back") == []
        log.end = 8
        await log.batch([fetched(n, n if n < 5 else 100 + n) for n in range(first_read, 8)])
        if first_read:
            assert log.reads == 0
            await log.batch([fetched(n, n if n < 5 else 100 + n) for n in range(8)])
        await log.batch([fetched(8, 108)])
        assert seen.of("cut_back") == [("deliveries", 0)]
        assert await database.effects.count_documents({"times": 1}) == 14
        assert await database.effects.count_documents({}) == 14
        assert (await database.checkpoints.find_one({}))["offset"] == 8


async def test_a_log_that_was_cut_back_behind_its_first_hole_is_read_from_its_beginning(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 0..2 and 5..9 that were done the broker still has 0..6: where the reading goes on, nothing shows it."""
    seen = Seen()
    async with reading(database, monkeypatch, count, seen) as log:
        await log.batch([fetched(n, n) for n in range(3)])
        bits = Position(2, frozenset(range(5, 10))).as_bits()
        await database.checkpoints.update_one({}, {"$set": {"ahead": bits}})
        log.assigned()
        log.end = 7
        await log.batch([fetched(n, 100 + n) for n in range(7)])
        assert seen.of("cut_back") == [("deliveries", 0)]
        assert (await database.checkpoints.find_one({}))["offset"] == 6


async def test_a_hole_is_asked_for_again_by_every_assignment(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked for may not have come before the partition went and came back, at Kafka's own position."""
    async with reading(database, monkeypatch) as log:
        for ahead in (5, 6):
            log.reads = -1
            await log.batch([fetched(ahead, ahead)])
            assert log.reads == 0
            log.assigned()
        await log.batch([fetched(n, n) for n in range(7)])
        assert await database.effects.count_documents({"times": 1}) == 7


async def test_a_start_that_is_cancelled_leaves_no_consumer_behind(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group is not together yet: then a lease is lost."""
    running: list[Any] = []
    joining = asyncio.Event()

    class Life(Log):
        async def start(self) -> None:
            running.append(self)
            joining.set()
            await asyncio.sleep(1_000)

        async def stop(self) -> None:
            running.remove(self)

    async with prepared(database, monkeypatch, Life, lambda: "one") as (made, _):
        beginning = asyncio.create_task(made._begin())
        await joining.wait()
        assert len(running) == 1
        beginning.cancel()
        await asyncio.gather(beginning, return_exceptions=True)
        assert beginning.cancelled()
        assert not running
        assert made._session is None


async def test_a_stop_ends_although_a_cancel_is_lost_on_the_way(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Life(Log):
        async def stop(self) -> None: ...

    lost: list[bool] = []

    async def loses_one(_: Any) -> None:
        try:
            await asyncio.sleep(1_000)
        except asyncio.CancelledError:
            lost.append(True)
            await asyncio.sleep(1_000)

    async with prepared(database, monkeypatch, Life, lambda: "one") as (made, _):
        monkeypatch.setattr(made._known, "start", made._known.declare)
        monkeypatch.setattr(session.Session, "watch_assignment", loses_one)
        await made.start()
        await asyncio.sleep(0.05)
        async with asyncio.timeout(30.0):
            await made.stop()
        assert lost == [True]
