"""The outbox: what a service has said, kept in its database until the topic's retention has passed.

The transactional outbox pattern. An event is a row here, written in the transaction that caused it; the relay
(outbox_relay.py) publishes it at once from memory and marks the row with the id of the topic that it reached. No row is
deleted by us: when a broker comes back with another topic id, everything is published again in order.

A row: {"_id": time-ordered, "owner": instance, "topic", "created", "events": [{"k", "v", "h"}],
"topic_id": None or the id of the topic it is known to be in, "published": when that became known}.
What is promised and what is not: README.md of the kit.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.errors import PyMongoError

from shared.kit.base.clock import Clock
from shared.kit.base.observer import Observer
from shared.kit.base.supervise import end_all
from shared.kit.kafka.records import EventCodec, Outgoing
from shared.kit.kafka.topics import Topics
from shared.kit.store.mongo import Database, Document
from shared.kit.store.outbox_relay import OutboxRelay

COLLECTION = "outbox"
OWNERS = "outbox_owners"
RETENTION = timedelta(days=7)
LARGEST_ROW = 4 * 1024 * 1024
MOST_COUNTED = 10_000
# Named to the planner, which takes any index on the topic while there is little, and keeps to it: the other one leads
# through all that was published in a week.
PENDING = "pending"
HEARTBEAT_SECONDS = 2.0
ORPHAN_SECONDS = 15.0
URGENT_SECONDS = 1.0
MOST_URGENT = 1_000

INDEXES: dict[str, list[IndexModel]] = {
    COLLECTION: [
        IndexModel([("topic", ASCENDING), ("_id", ASCENDING)], name="in_order"),
        IndexModel([("topic", ASCENDING), ("topic_id", ASCENDING), ("_id", ASCENDING)], name=PENDING),
        # counts from the moment it was published: what was never published is never forgotten
        IndexModel([("published", ASCENDING)], expireAfterSeconds=int(RETENTION.total_seconds()), name="retention"),
    ]
}


@dataclass(frozen=True, slots=True)
class OutboxState:
    """What waits: rows not yet known to be in their topic (of each topic at most MOST_COUNTED: a look every few
    seconds must not grow with an outage), and the age of the oldest in seconds."""

    rows: int
    oldest_seconds: float


class Outbox:
    """One service replica's outbox. ``start`` after the topics are declared; give it all topics that it writes.
    ``codec``: makes records of what is emitted."""

    def __init__(
        self,
        database: Database,
        topics: Topics,
        codec: EventCodec,
        observer: Observer | None = None,
        *,
        clock: Clock | None = None,
        urgent: Iterable[str] = (),
    ) -> None:
        self._clock = clock or Clock()
        self._database = database
        self._rows = database[COLLECTION]
        self._topics = topics
        self.codec = codec
        self._observer = observer or Observer()
        self._owner = topics.kafka.instance
        self._relays: dict[str, OutboxRelay] = {}
        self._started = False
        self._last = 0
        self._urgent = frozenset(urgent)
        self._housekeeping: list[asyncio.Task[None]] = []

    async def start(self, topics: Iterable[str]) -> None:
        """Begin to publish: first what a predecessor of this name left, then what is handed over."""
        # a clock that went back must not reorder us; the newest of all is there at once, ours might have to be searched
        newest = await self._rows.find_one({}, {"_id": 1}, sort=[("_id", -1)], max_time_ms=5_000)
        if newest is not None:
            self._last = int(newest["_id"][:20])
        await self._beat()
        for topic in sorted(set(topics)):
            relay = OutboxRelay(topic, self._database, self._topics, self._observer)
            self._relays[topic] = relay
            relay.start()
        self._started = True
        self._housekeeping = [asyncio.create_task(self._keep_house(), name="outbox")]
        if self._urgent & self._relays.keys():
            self._housekeeping.append(asyncio.create_task(self._hurry(), name="outbox of urgent topics"))

    async def stop(self, seconds: float = 5.0) -> None:
        """Send and mark what is in hand, at most so long; the rest waits in the database for the next start."""
        await end_all(self._housekeeping)
        await asyncio.gather(*(relay.stop(seconds) for relay in self._relays.values()))
        self._relays.clear()
        self._started = False
        with contextlib.suppress(PyMongoError, TimeoutError):  # else its age says that it is gone
            async with asyncio.timeout(2.0):
                await self._database[OWNERS].delete_one({"_id": self._owner})

    @property
    def writes(self) -> frozenset[str] | None:
        """The topics that are published from here; None while it is not started: what is said then waits for somebody
        who is (the command that republishes, a test)."""
        return frozenset(self._relays) if self._started else None

    def rows(self, emitted: Iterable[Outgoing], now: datetime) -> list[Document]:
        """The documents for one transaction's events: by topic, in order, none above about 4 MB."""
        by_topic: dict[str, list[Outgoing]] = {}
        for record in emitted:
            by_topic.setdefault(record.topic, []).append(record)
        return [
            {
                "_id": self._next_id(),
                "owner": self._owner,
                "topic": topic,
                "created": now,
                "events": [{"k": r.key, "v": r.value, "h": r.headers} for r in chunk],
                "topic_id": None,
            }
            for topic, records in by_topic.items()
            for chunk in _chunks(records)
        ]

    def hand_over(self, rows: Iterable[Document]) -> None:
        """These rows were committed: publish them now. Calls must come in the order of the commits."""
        for row in rows:
            # without one: not started (`writes`); the rows wait in the database, and `state` counts them
            if (relay := self._relays.get(row["topic"])) is not None:
                relay.hand_over(row)

    async def state(self) -> OutboxState:
        """What waits, of all replicas and topics: also of one that nobody publishes, or not any more."""
        rows, oldest = 0, None
        topics = await self._rows.distinct("topic", maxTimeMS=5_000)  # a look at an index, row by row it is not
        waiting = {"topic": {"$in": topics}, "topic_id": None}
        if await self._rows.find_one(waiting, {"_id": 1}, hint=PENDING, max_time_ms=5_000) is None:
            return OutboxState(0, 0.0)
        for topic in topics:
            pending = {"topic": topic, "topic_id": None}
            rows += await self._rows.count_documents(pending, limit=MOST_COUNTED, maxTimeMS=5_000)
            first = await self._rows.find_one(
                pending, {"created": 1}, sort=[("_id", 1)], hint=PENDING, max_time_ms=5_000
            )
            if first is not None:
                oldest = min(first["created"], oldest or first["created"])
        age = 0.0 if oldest is None else (self._clock.trusted() - oldest).total_seconds()
        return OutboxState(rows, max(0.0, age))

    def _next_id(self) -> str:
        """Time-ordered, strictly growing in this process; nanoseconds in 20 digits, then the owner."""
        self._last = max(self._last + 1, int(self._clock.trusted().timestamp() * 1e9))
        return f"{self._last:020d}/{self._owner}"

    async def _beat(self) -> None:
        await self._database[OWNERS].update_one({"_id": self._owner}, [{"$set": {"seen": "$$NOW"}}], upsert=True)

    async def _keep_house(self) -> None:
        beats = 0
        while True:
            try:
                await self._beat()
                if beats % 3 == 0 and await self._any_is_late():
                    await self._look_for_rows_left_behind()
                    await self.sweep()
            except Exception as error:  # also what nobody foresaw: without a sign of life others take our rows over
                self._observer.retried("outbox", type(error).__name__)
            beats += 1
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _hurry(self) -> None:
        """Rows of urgent topics that lay there at the last look already, whoever wrote them: it may be gone, and nobody
        waits here until that is sure. What is published twice or out of order harms nobody on these topics."""
        seen: set[str] = set()
        while True:
            try:
                seen = await self.take_over_urgent(seen)
            except Exception as error:
                self._observer.retried("outbox", type(error).__name__)
            await asyncio.sleep(URGENT_SECONDS)

    async def take_over_urgent(self, seen: Collection[str]) -> set[str]:
        """One look: others' unpublished rows that were ``seen`` before become ours. Returns those that are there now.

        A relay that has something under way itself takes over nothing: with Kafka away two replicas would go on taking
        from each other."""
        relays = [relay for topic, relay in self._relays.items() if topic in self._urgent and relay.idle]
        waiting = {"topic": {"$in": [relay.topic for relay in relays]}, "topic_id": None, "owner": {"$ne": self._owner}}
        rows = self._rows.find(waiting, {"_id": 1}, max_time_ms=5_000).sort("_id", 1).limit(MOST_URGENT)
        found = {row["_id"] async for row in rows}
        if left := sorted(found & set(seen)):
            await self._rows.update_many({"_id": {"$in": left}, "topic_id": None}, {"$set": {"owner": self._owner}})
            for relay in relays:
                relay.look_again()
        return found

    @property
    def _long_ago(self) -> dict[str, datetime]:
        return {"$lt": self._clock.trusted() - timedelta(seconds=ORPHAN_SECONDS)}

    async def _any_is_late(self) -> bool:
        """Whether an unpublished row is old, whoever wrote it: one query where nothing is, which is nearly always."""
        late = {"topic": {"$in": sorted(self._relays)}, "topic_id": None, "created": self._long_ago}
        return await self._rows.find_one(late, {"_id": 1}, hint=PENDING, max_time_ms=5_000) is not None

    async def _look_for_rows_left_behind(self) -> None:
        """A row of ours that is old and not on its way was missed, however that came about: its relay looks again."""
        for topic, relay in self._relays.items():
            left = {"topic": topic, "topic_id": None, "owner": self._owner, "created": self._long_ago}
            oldest = await self._rows.find_one(left, {"_id": 1}, sort=[("_id", 1)], hint=PENDING, max_time_ms=5_000)
            if oldest is not None and not relay.on_its_way(oldest["_id"]):
                relay.look_again()

    async def sweep(self) -> int:
        """Take over rows that are old and whose owner shows no sign of life; returns how many. A live owner's rows are
        its own business, also those that it took over just now: publishing them as well would double everything on the
        wire."""
        alive_since: Any = {"$subtract": ["$$NOW", int(ORPHAN_SECONDS * 1000)]}
        seen = self._database[OWNERS].find({"$expr": {"$gt": ["$seen", alive_since]}}, {"_id": 1}, max_time_ms=5_000)
        alive = [owner["_id"] async for owner in seen]
        adopted = 0
        for topic, relay in self._relays.items():
            theirs = {"$nin": [*alive, self._owner]}
            orphans = {"topic": topic, "topic_id": None, "owner": theirs, "created": self._long_ago}
            changed = await self._rows.update_many(orphans, {"$set": {"owner": self._owner}}, hint=PENDING)
            if changed.modified_count:
                adopted += changed.modified_count
                relay.look_again()
        return adopted


def _chunks(records: list[Outgoing]) -> Iterable[list[Outgoing]]:
    chunk: list[Outgoing] = []
    size = 0
    for record in records:
        more = record.size
        if chunk and size + more > LARGEST_ROW:
            yield chunk
            chunk, size = [], 0
        chunk.append(record)
        size += more
    if chunk:
        yield chunk
