"""One topic's way from the outbox to Kafka, in order.

Live: rows come from memory right after their commit. Behind (at start, after an overflow, a failure or an outage): own
rows that are not marked as published are read from the database in order until none is left. Opening: when the topic
has an id that nobody has opened yet, one replica at a time sends everything again that earlier ids had; until that is
done nobody sends.

A row is marked as published only when the topic id read before the send and the id read after its acknowledgement
agree: an acknowledgement alone may have come from a log that died since (seen: 300 of 300). Rows are marked in their
order, so what follows a row that the broker refuses (no right to write, an invalid topic) comes again after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from functools import partial
from itertools import takewhile
from typing import Any

from aiokafka import AIOKafkaProducer

from shared.kit.base.backoff import Backoff
from shared.kit.base.observer import Observer
from shared.kit.base.supervise import end_all
from shared.kit.kafka.aiokafka_internals import abandon
from shared.kit.kafka.client import KAFKA_ERRORS
from shared.kit.kafka.producer import producer_of, send_all
from shared.kit.kafka.topics import Topics
from shared.kit.store.lease import Lease
from shared.kit.store.mongo import Database, Document

OPENED = "outbox_opened"
_WINDOW_ROWS = 200  # sent and not yet marked as published
_QUEUE_ROWS = 1_000
_PAGE_ROWS = 50
_MARK_SECONDS = 0.1
_LEASE_SECONDS = 15.0


class _TopicChanged(Exception):
    """The id this was done for is no longer the topic's."""


class OutboxRelay:
    """See the module. ``topic`` without prefix."""

    def __init__(self, topic: str, database: Database, topics: Topics, observer: Observer) -> None:
        self.topic = topic
        self._kafka = topics.kafka
        self._name = topics.kafka.physical(topic)
        self._rows = database["outbox"]
        self._opened = database[OPENED]
        self._lease = Lease(database, f"outbox-open/{topic}", topics.kafka.instance, _LEASE_SECONDS)
        self._owner = topics.kafka.instance
        self._topics = topics
        self._observer = observer
        self._queue: deque[Document] = deque()
        self._behind = True
        self._more = True
        self._position = ""  # the last row sent in this run
        self._run_number = 0  # a run begins with every rewind: rows found in an earlier one may come too early
        self._unmarked: dict[str, bool] = {}  # rows sent, in order; whether they were acknowledged
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._acknowledged_any = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    # --- for the outbox

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"relay {self.topic}")

    async def stop(self, seconds: float) -> None:
        """Wait until all is sent and marked, at most so long, then end."""
        self._stopping = True
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await asyncio.sleep(0.02)
            if not self._queue and not self._unmarked:
                break
        if self._task is not None:
            await end_all([self._task])

    def hand_over(self, row: Document) -> None:
        """A committed row. In memory only while we are not behind and there is room."""
        if self._behind or len(self._queue) >= _QUEUE_ROWS:
            self._behind = self._more = True
        else:
            self._queue.append(row)
        self._wake.set()

    def look_again(self) -> None:
        """Rows before our position may be waiting in the database."""
        self._rewind()
        self._wake.set()

    def on_its_way(self, row: str) -> bool:
        """Whether this row was sent and only its mark is missing."""
        return row in self._unmarked

    @property
    def idle(self) -> bool:
        """Whether it has nothing to send, for all it knows."""
        return not (self._behind or self._queue or self._unmarked)

    def _rewind(self) -> None:
        self._run_number += 1
        self._queue.clear()
        self._behind = self._more = True
        self._position = ""

    # --- publishing

    async def _run(self) -> None:
        backoff = Backoff(0.1, 5.0)
        while True:
            started = time.monotonic()
            try:
                await self._serve(await self._topics.changed(self.topic, None))
            except Exception as error:  # also what nobody foresaw: without this task nothing is published any more
                self._observer.retried("outbox", type(error).__name__)
                if time.monotonic() - started > 30:
                    backoff.reset()
                await backoff.wait()

    async def _serve(self, id: str) -> None:
        """Open the topic under this id and send, until the id changes or something fails."""
        producer = producer_of(self._kafka, self.topic)
        refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        tasks: list[asyncio.Future[Any]] = [refused]
        self._unmarked.clear()
        self._rewind()
        try:
            tasks.append(asyncio.create_task(self._topics.changed(self.topic, id)))
            tasks.append(asyncio.create_task(self._open_and_send(producer, id, refused)))
            tasks.append(asyncio.create_task(self._mark_published_often(id)))
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # raises what went wrong
        finally:
            await end_all(tasks)
            if self._stopping and not self._unmarked:
                with contextlib.suppress(*KAFKA_ERRORS):
                    async with asyncio.timeout(2.0):
                        await producer.stop()
            await abandon(producer)

    async def _open_and_send(self, producer: AIOKafkaProducer, id: str, refused: asyncio.Future[None]) -> None:
        await producer.start()
        while (await self._opened.find_one({"_id": self.topic}) or {}).get("topic_id") != id:
            if await self._lease.acquire():
                await self._republish(producer, id)
                await self._opened.update_one({"_id": self.topic}, {"$set": {"topic_id": id}}, upsert=True)
                await self._lease.release()
            else:
                await asyncio.sleep(0.5)
        while True:
            run = self._run_number
            for row in await self._next():
                while len(self._unmarked) >= _WINDOW_ROWS:
                    self._room.clear()
                    await self._room.wait()
                if self._run_number != run:  # rewound since we asked: the database has these and what comes before
                    break
                self._position = max(self._position, row["_id"])
                if row["_id"] not in self._unmarked:
                    self._unmarked[row["_id"]] = False
                    sent = await self._send(producer, row)
                    sent.add_done_callback(partial(self._acknowledged, row["_id"], refused))

    async def _next(self) -> list[Document]:
        """The next rows to send, in order; waits until there are some."""
        while True:
            if self._behind:
                self._more = False
                own = {"topic": self.topic, "topic_id": None, "owner": self._owner, "_id": {"$gt": self._position}}
                page = self._rows.find(own, hint="pending").sort("_id", 1).limit(_PAGE_ROWS)
                if rows := await page.max_time_ms(5_000).to_list(None):
                    return list(rows)
                if not self._more:  # nothing was handed over while we asked, so nothing was missed
                    self._behind = False
            elif self._queue:
                row = self._queue.popleft()
                if row["_id"] > self._position:
                    return [row]
            else:
                self._wake.clear()
                await self._wake.wait()

    async def _send(self, producer: AIOKafkaProducer, row: Document) -> asyncio.Future[Any]:
        """Put the row's events in the producer's buffers, in order. The future is done when all are acknowledged."""
        events = [(event["k"], event["v"], list(map(tuple, event["h"]))) for event in row["events"]]
        return asyncio.gather(*await send_all(producer, self._name, self._kafka.partitions, events))

    def _acknowledged(self, id: str, refused: asyncio.Future[None], done: asyncio.Future[Any]) -> None:
        if done.cancelled() or refused.done():
            return
        if (error := done.exception()) is not None:
            refused.set_exception(error)  # not retriable: stop here, wait, and begin again from the database
        elif id in self._unmarked:
            self._unmarked[id] = True
            self._acknowledged_any.set()

    async def _mark_published_often(self, id: str) -> None:
        while True:
            await self._acknowledged_any.wait()
            await asyncio.sleep(_MARK_SECONDS)  # what is acknowledged meanwhile is marked by the same update
            self._acknowledged_any.clear()
            acknowledged = list(takewhile(self._unmarked.__getitem__, self._unmarked))
            if not acknowledged:
                continue
            try:
                await self._mark_published(acknowledged, id)
            except KAFKA_ERRORS as error:
                self._observer.retried("mark_published", type(error).__name__)
                self._acknowledged_any.set()
                continue  # they stay acknowledged; the next read of the id decides
            for row in acknowledged:
                self._unmarked.pop(row, None)
            self._room.set()
            self._observer.published(self.topic, len(acknowledged))

    async def _mark_published(self, rows: list[str], id: str) -> None:
        """Mark rows acknowledged since ``id`` was read, if the topic still has that id. Raises _TopicChanged."""
        if (await self._topics.read([self.topic])).get(self.topic) != id:
            raise _TopicChanged(self.topic)
        # the retention counts from the first time, else a broker that forgets every day would keep rows for ever
        first = {"$ifNull": ["$published", "$$NOW"]}  # the clock by which it is deleted
        await self._rows.update_many({"_id": {"$in": rows}}, [{"$set": {"topic_id": id, "published": first}}])

    async def _republish(self, producer: AIOKafkaProducer, id: str) -> None:
        """Send again, in order, all that earlier ids of this topic had (of every replica) and our own that wait."""
        position, count = "", 0
        lost = {"topic_id": {"$nin": [None, id]}}
        ours = {"topic_id": None, "owner": self._owner}
        while True:
            query = {"topic": self.topic, "_id": {"$gt": position}, "$or": [lost, ours]}
            rows = await self._rows.find(query).sort("_id", 1).limit(_PAGE_ROWS).max_time_ms(10_000).to_list(None)
            if not rows:
                break
            await asyncio.gather(*[await self._send(producer, row) for row in rows])
            await self._mark_published([row["_id"] for row in rows], id)
            if not await self._lease.acquire():
                raise _TopicChanged(self.topic)
            position = rows[-1]["_id"]
            count += len(rows)
        if count:
            self._observer.republished(self.topic, count)
