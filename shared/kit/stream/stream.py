"""From Kafka to the store: a batch of records becomes one transaction with its checkpoint, its effects and its outbox.
What is promised and what is not: README.md of the kit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aiokafka import TopicPartition

from shared.kit.base.adaptive_batch_size import AdaptiveBatchSize
from shared.kit.base.backoff import Backoff
from shared.kit.base.observer import Observer
from shared.kit.base.supervise import end_all
from shared.kit.kafka.cluster_state import log_ends
from shared.kit.kafka.records import EventCodec, EventType
from shared.kit.kafka.topics import Topics
from shared.kit.store.store import Store, Unavailable
from shared.kit.stream.event_dispatch import Handler, Needs, Routes
from shared.kit.stream.quarantine import Quarantine
from shared.kit.stream.session import Flows, PartitionProgress, Session, SessionParts

CAUGHT_UP_SECONDS = 0.02


class Stream:
    """What one service reads. Make it at import time, register handlers, ``bind`` it to its parts, then ``start``."""

    def __init__(
        self,
        service: str,
        topics: Sequence[str],
        *,
        alone: bool = False,
        everywhere: bool = False,
        flows: Flows | None = None,
    ) -> None:
        """``alone``: under a lease, only one replica reads at a time. They share one membership then, so a successor
        takes its predecessor's place in the group at once instead of waiting until the broker has given that one up.
        ``everywhere``: each replica reads all, in no group, with checkpoints of its own. Its handlers must be harmless
        when several replicas do the same, and its transactions do not wait for those of other streams.
        ``flows``: whom records are for, by key; when more waits than one transaction holds, it is done in turns between
        them (backlog.py), and what comes meanwhile is read on. One that is not known shares a flow with its like."""
        self.service = service
        self.everywhere = everywhere
        self._alone = alone
        self._flows = flows
        self.topics = tuple(topics)
        self._routes = Routes(service, self.topics)

    def subscriber(self, *types: EventType, needs: Needs) -> Callable[[Handler], Handler]:
        """Register a handler for all versions of these types, as `@broker.subscriber` of FastStream does for topics.
        ``needs(event, work)`` names what it reads.

        The handler is pure over its unit of work. It must drop what is not newer than what it holds.
        """

        def register(handler: Handler) -> Handler:
            for each in types:
                self._routes.add(each, handler, needs)
            return handler

        return register

    def bind(
        self, store: Store, topics: Topics, quarantine: Quarantine, codec: EventCodec, observer: Observer | None = None
    ) -> None:
        """Give it what it works with. Once, before ``start``."""
        self._known = topics
        self._kafka = topics.kafka
        self._routes.quarantine, self._routes.codec = quarantine, codec
        self._observer = observer or Observer()
        self._stopping = asyncio.Event()
        name = f"{self.service}@{self._kafka.instance}" if self.everywhere else self.service
        self._parts = SessionParts(
            store=store,
            kafka=self._kafka,
            routes=self._routes,
            observer=self._observer,
            group=self._kafka.physical(name),
            alone=self._alone,
            everywhere=self.everywhere,
            flows=self._flows,
            batch_size=AdaptiveBatchSize(self._kafka.batch_max_records),
            stopping=self._stopping,
        )
        self._session: Session | None = None
        self.opened = asyncio.Event()  # its topics are there; a group may still take long to find together
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Join the group and begin. May be called again after ``stop``. Raises KafkaError, WrongPartitionCount."""
        self._stopping.clear()
        await self._known.start(self.topics)
        await self._begin()
        self._running = asyncio.create_task(self._run(), name=f"stream {self.service}")

    async def stop(self) -> None:
        """End after the batch in hand. Nothing of the stream uses MongoDB once this has returned."""
        self._stopping.set()
        if self._running is not None:
            await self._running
            self._running = None

    def progress(self) -> list[PartitionProgress]:
        """How far its partitions are, without asking anybody. None although it has run for a while: nobody gives us
        work, which is an alarm."""
        return self._session.progress() if self._session is not None else []

    async def caught_up(self) -> None:
        """Wait until all is done that its topics hold at this moment. For one that reads ``everywhere``, once it is
        ``opened``. Raises KafkaError, TimeoutError."""
        physical = self._kafka.physical
        ends = await log_ends(
            self._kafka,
            [TopicPartition(physical(topic), n) for topic in self.topics for n in range(self._kafka.partitions)],
        )
        while not ((session := self._session) and session.reader and session.reader.is_done(ends)):  # noqa: ASYNC110  positions tell nobody
            await asyncio.sleep(CAUGHT_UP_SECONDS)

    def is_current(self, seconds: float) -> bool:
        """Whether all is done that its topics held at some moment within the last so many seconds. Asks nobody."""
        reader = self._session.reader if self._session is not None else None
        return reader is not None and reader.is_current(seconds)

    async def replay(self, ids: Iterable[str] | None = None) -> tuple[int, int]:
        """Try again what is in quarantine (all, without ids). Returns how many worked and how many are still apart."""
        wanted = list(ids) if ids is not None else await self._routes.quarantine.ids(limit=100_000)
        results: list[Any] = []
        for start in range(0, len(wanted), 100):
            results += await self._parts.store.perform([self._routes.again(id) for id in wanted[start : start + 100]])
        return sum(result is True for result in results), sum(isinstance(result, Exception) for result in results)

    async def _begin(self) -> Session:
        """A new session for the ids that the topics have now."""
        ids = await self._known.declare(self.topics)
        if len(ids) < len(self.topics):
            raise Unavailable("TopicMissing")
        self._session = session = Session(self._parts, ids)
        if not self.everywhere:
            self.opened.set()
        try:
            await session.start()
        except BaseException:
            self._session = None
            raise
        self.opened.set()
        return session

    async def _run(self) -> None:
        backoff = Backoff(0.2, 10.0)
        while self._session is not None or not self._stopping.is_set():
            try:
                session = self._session or await self._begin()
                backoff.reset()
            except Exception as error:  # also what nobody foresaw: without this task nothing is read any more
                self._observer.retried("stream", type(error).__name__)
                await backoff.wait(self._stopping)
                continue
            waiting: list[asyncio.Task[Any]] = [
                asyncio.create_task(self._known.changed(topic, id)) for topic, id in session.ids.items()
            ]
            waiting.append(asyncio.create_task(self._stopping.wait()))
            waiting.append(asyncio.create_task(session.watch_assignment()))
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            await end_all(waiting)
            if not self._stopping.is_set():
                for topic, id in session.ids.items():
                    if self._known.ids.get(topic) != id:
                        self._observer.reopened(topic)
            await session.end()
            self._session = None
