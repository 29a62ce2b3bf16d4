"""A small service made of the kit's parts: it reads ``deliveries``, counts, and says something on ``agencies``.

Its effect is not idempotent on purpose: a doubled or lost event shows in the counts.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.local.timeouts import scaled
from shared.events import Event
from shared.events.envelope import to_kafka
from shared.events.topics.agencies import AGENCY_CHANGED, Agency
from shared.events.topics.deliveries import NOTICE_DELIVERED, Delivery
from shared.kit.base.observer import Observer
from shared.kit.base.sealing import Sealer
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.kafka.topics import Topics
from shared.kit.runtime.cloudevent_codec import CloudEventCodec
from shared.kit.store import outbox
from shared.kit.store.mongo import Client, Database, connect, ensure_indexes
from shared.kit.store.outbox import Outbox
from shared.kit.store.store import Store
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.stream import checkpoints, quarantine
from shared.kit.stream.quarantine import Quarantine
from shared.kit.stream.session import Flows
from shared.kit.stream.stream import Stream
from tests.support.broker import IDEMPOTENT, SESSION_TIMEOUT_MS

SEALER = Sealer(bytes(range(32)))
CODEC = CloudEventCodec()
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def hex_id(*parts: object) -> str:
    """A stable 128-bit id for tests."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:32]


def delivery(n: int, *, thing: int | None = None, testrun: bool = False) -> Event[Delivery]:
    """The n-th event; about one of ten things, so that order per key can be seen."""
    key = hex_id("thing", n % 10 if thing is None else thing)
    data = Delivery(delivery=key, recipient="gjf", channel="feed", about="notice", person=hex_id("p"), attempts=n)
    return Event(
        id=hex_id("event", n), source="/test", type=NOTICE_DELIVERED.name, version=1, time=NOW, key=key, data=data,
        sequence=n + 1, testrun=testrun,
    )  # fmt: skip


def agency_event(key: str, n: int) -> Event[Agency]:
    """What the service says about an event."""
    data = Agency(agency="gjf", name={"en": f"{n}"}, recipient_class="service", rights=_no_rights())
    return Event(
        id=hex_id("said", key, n), source="/services/test", type=AGENCY_CHANGED.name, version=1, time=NOW, key=key,
        data=data, sequence=n,
    )  # fmt: skip


def _no_rights() -> Any:
    from shared.events.topics.agencies import Rights

    return Rights()


def needs_of(event: Event[Any], work: UnitOfWork) -> Iterable[Need]:
    yield Need.by_id("effects", event.id)
    yield Need.by_id("things", event.key)


def count(event: Event[Delivery], work: UnitOfWork) -> None:
    """Once per event and thing; a broken one is any whose ``attempts`` is 13 mod 1000 when bugs are switched on."""
    if event.data.reason == "bug":
        raise ValueError(f"a handler's bug with {event.data.person}")
    effect = work.get("effects", event.id) or {"_id": event.id, "times": 0}
    work.save("effects", {**effect, "times": effect["times"] + 1})
    thing = work.get("things", event.key) or {"_id": event.key, "count": 0, "order": []}
    thing["count"] += 1
    thing["order"].append(event.data.attempts)
    work.save("things", thing)
    work.emit(agency_event(event.key, thing["count"]))


class Seen(Observer):
    """Counts what the kit tells."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_") or name in ("calls", "of"):
            return object.__getattribute__(self, name)
        return lambda *arguments: self.calls.append((name, arguments))

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for called, arguments in self.calls if called == name]


class Service:
    """One replica."""

    def __init__(
        self,
        kafka: str,
        mongo_url: str,
        database: str,
        prefix: str,
        *,
        instance: str = "test-1",
        handler: Callable[[Event[Any], UnitOfWork], None] = count,
        everywhere: bool = False,
        urgent: Sequence[str] = (),
        flows: Flows | None = None,
        **settings: Any,
    ) -> None:
        known = {"session_timeout_ms": SESSION_TIMEOUT_MS, "heartbeat_interval_ms": 500, "idempotent": IDEMPOTENT}
        settings = {**known, **settings}
        self.settings = KafkaSettings(bootstrap=kafka, instance=instance, prefix=prefix, **settings)
        self.seen = Seen()
        self.client: Client = connect(mongo_url)
        self.database: Database = self.client[database]
        self.topics = Topics(self.settings, self.seen)
        self.outbox = Outbox(self.database, self.topics, CODEC, self.seen, urgent=urgent)
        self.store = Store(self.database, self.outbox, self.seen)
        self.stream = Stream("test", ["deliveries"], everywhere=everywhere, flows=flows)
        self.stream.subscriber(NOTICE_DELIVERED, needs=needs_of)(handler)
        self.stream.bind(self.store, self.topics, Quarantine(self.database, SEALER, "test", CODEC), CODEC, self.seen)

    async def start(self, *, stream: bool = True) -> Service:
        await ensure_indexes(self.database, {**outbox.INDEXES, **checkpoints.INDEXES, **quarantine.INDEXES})
        await self.topics.start(["deliveries", "deliveries.dead", "agencies"])
        await self.store.start()
        await self.outbox.start(["agencies", "deliveries.dead"])
        if stream:
            await self.stream.start()
        return self

    async def stop(self) -> None:
        await self.stream.stop()
        await self.store.stop()
        await self.outbox.stop()
        await self.topics.stop()
        self.client.close()

    async def published(self, seconds: float = 30.0) -> bool:
        """Whether every row of this replica is marked as published in time."""
        waiting = {"owner": self.settings.instance, "topic_id": None}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not await self.database[outbox.COLLECTION].find_one(waiting, {"_id": 1}):
                return True
            await asyncio.sleep(0.05)
        return False

    async def times(self) -> Mapping[str, int]:
        return {d["_id"]: d["times"] async for d in self.database.effects.find()}


async def publish(
    kafka: str, topic: str, records: Iterable[Event[Any] | tuple[bytes | None, bytes | None, list[Any]]]
) -> None:
    """Put events (or raw key, value, headers) into a topic, in order."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", linger_ms=2)
    await producer.start()
    try:
        sent = []
        for record in records:
            key, value, headers = to_kafka(record) if isinstance(record, Event) else record
            sent.append(await producer.send(topic, value, key=key, headers=headers))
        for each in sent:
            await each
    finally:
        await producer.stop()


async def everything(kafka: str, topic: str, partitions: int = 4) -> list[Any]:
    """All records that a topic holds now, per partition in order."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        them = [TopicPartition(topic, n) for n in range(partitions)]
        consumer.assign(them)
        ends = await consumer.end_offsets(them)
        found: list[Any] = []
        for partition in them:
            while await consumer.position(partition) < ends[partition]:
                found += await _some(consumer, partition)
        return found
    finally:
        await consumer.stop()


async def until(
    true: Callable[[], Awaitable[bool]], what: object = "what was waited for", seconds: float = 90.0
) -> None:
    """Ask every 50 ms; fails the test when it never happens, with ``what`` as it is then."""
    end = time.monotonic() + scaled(seconds)
    while time.monotonic() < end:
        if await true():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"never happened: {what}")


async def _some(consumer: AIOKafkaConsumer, partition: TopicPartition) -> list[Any]:
    return list((await consumer.getmany(partition, timeout_ms=1_000)).get(partition, []))


def data_of(record: Any) -> dict[str, Any]:
    """A record's value."""
    found: dict[str, Any] = json.loads(record.value)
    return found
