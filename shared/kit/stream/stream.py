"""From Kafka to the store: a batch of records becomes one transaction with its checkpoint, its effects and its outbox.
What is promised and what is not: README.md of the kit."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from aiokafka import TopicPartition

from shared.kit.base.adaptive_batch_size import AdaptiveBatchSize, too_much
from shared.kit.base.backoff import Backoff, wait_or_stop
from shared.kit.base.cpu_slices import in_slices
from shared.kit.base.observer import Observer
from shared.kit.base.supervise import end_all
from shared.kit.kafka.consumer import Batch, Consumer, Reader
from shared.kit.kafka.end_offsets import log_ends
from shared.kit.kafka.records import EventCodec, EventType, Origin, Partition, Record
from shared.kit.kafka.standalone_consumer import StandaloneConsumer
from shared.kit.kafka.topics import Topics
from shared.kit.store.store import Operation, Store, Unavailable
from shared.kit.stream.backlog import SHARE, Backlog, Item
from shared.kit.stream.checkpoints import Fenced, PartitionCheckpoints
from shared.kit.stream.event_dispatch import Handler, Needs, Routes, bad_of
from shared.kit.stream.progress import Progress, progress_of
from shared.kit.stream.quarantine import Quarantine

CAUGHT_UP_SECONDS = 0.02
READ_ON = 4_000  # records, between two transactions
Flows = Callable[[Collection[bytes]], Awaitable[Mapping[bytes, Hashable]]]


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
        self._store = store
        self._known = topics
        self._kafka = topics.kafka
        self._quarantine = quarantine
        self._routes.quarantine, self._routes.codec = quarantine, codec
        self._observer = observer or Observer()
        name = f"{self.service}@{self._kafka.instance}" if self.everywhere else self.service
        self._group = self._kafka.physical(name)
        self._checkpoints = self._new_checkpoints()
        self._done: dict[Partition, int] = {}  # outlives the checkpoints, which go with every batch that fails
        self._ids: dict[str, str] = {}
        self._consumer: Reader | None = None
        self._stopping = asyncio.Event()
        self._ending = False
        self._assigned = asyncio.Event()
        self.opened = asyncio.Event()  # its topics are there; a group may still take long to find together
        self._backoff = Backoff(0.2, 10.0)
        self._batch_size = AdaptiveBatchSize(self._kafka.batch_max_records)
        self._moved = time.monotonic()
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

    def progress(self) -> Progress:
        """Where we are now, without asking anybody."""
        return progress_of(self._consumer, self._kafka, self._done, self._moved)

    async def caught_up(self) -> None:
        """Wait until all is done that its topics hold at this moment. For one that reads ``everywhere``, once it is
        ``opened``. Raises KafkaError, TimeoutError."""
        physical = self._kafka.physical
        ends = await log_ends(
            self._kafka,
            [TopicPartition(physical(topic), n) for topic in self.topics for n in range(self._kafka.partitions)],
        )
        while not (self._consumer is not None and self._consumer.is_done(ends)):  # noqa: ASYNC110  positions tell nobody
            await asyncio.sleep(CAUGHT_UP_SECONDS)

    def is_current(self, seconds: float) -> bool:
        """Whether all is done that its topics held at some moment within the last so many seconds. Asks nobody."""
        return self._consumer is not None and self._consumer.is_current(seconds)

    async def replay(self, ids: Iterable[str] | None = None) -> tuple[int, int]:
        """Try again what is in quarantine (all, without ids). Returns how many worked and how many are still apart."""
        wanted = list(ids) if ids is not None else await self._quarantine.ids(limit=100_000)
        results: list[Any] = []
        for start in range(0, len(wanted), 100):
            results += await self._store.perform([self._routes.again(id) for id in wanted[start : start + 100]])
        return sum(result is True for result in results), sum(isinstance(result, Exception) for result in results)

    # --- consumer sessions

    async def _begin(self) -> None:
        """A new consumer for the ids that the topics have now. All it will ever fetch is of these ids or later ones.

        It has checkpoints of its own: a batch that outlasts its session can only move the checkpoints of that session.
        """
        ids = await self._known.declare(self.topics)
        if len(ids) < len(self.topics):
            raise Unavailable("TopicMissing")
        self._checkpoints.drop()
        self._done.clear()
        self._ids, self._checkpoints = ids, self._new_checkpoints()
        self._moved = time.monotonic()
        checkpoints = self._checkpoints

        self._consumer = consumer = self._new_consumer(partial(self._batch, checkpoints, ids), checkpoints)
        try:
            if not self.everywhere:
                self.opened.set()
            await consumer.start()
            self.opened.set()
        except BaseException:
            self._consumer = None
            await asyncio.gather(consumer.stop(), return_exceptions=True)
            raise

    def _new_consumer(self, batch: Batch, checkpoints: PartitionCheckpoints) -> Reader:
        given, revoked = partial(self._given, checkpoints), partial(self._revoked, checkpoints)
        if self.everywhere:
            return StandaloneConsumer(self._kafka, self.topics, batch, given, self._observer)
        kafka = replace(self._kafka, instance="active") if self._alone else self._kafka
        return Consumer(kafka, self._group, self.topics, batch, given, revoked)

    async def _run(self) -> None:
        while True:
            if self._consumer is None:
                if self._stopping.is_set():
                    return
                try:
                    await self._begin()
                    self._backoff.reset()
                except Exception as error:  # also what nobody foresaw: without this task nothing is read any more
                    self._observer.retried("stream", type(error).__name__)
                    await self._backoff.wait(self._stopping)
                    continue
            consumer = self._consumer
            assert consumer is not None
            waiting: list[asyncio.Task[Any]] = [
                asyncio.create_task(self._known.changed(topic, id)) for topic, id in self._ids.items()
            ]
            waiting.append(asyncio.create_task(self._stopping.wait()))
            waiting.append(asyncio.create_task(self._watch_assignment(consumer, self._checkpoints, self._ids)))
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            await end_all(waiting)
            self._ending = True
            try:
                if self._stopping.is_set():
                    await consumer.stop()
                else:
                    for topic, id in self._ids.items():
                        if self._known.ids.get(topic) != id:
                            self._observer.reopened(topic)
                    await consumer.abandon()
            except Exception as error:
                self._observer.retried("stream", type(error).__name__)
            self._consumer = None
            self._ending = False
            self._checkpoints.drop()

    async def _watch_assignment(
        self, consumer: Reader, checkpoints: PartitionCheckpoints, ids: Mapping[str, str]
    ) -> None:
        """Whenever partitions become ours, read on where our checkpoints end; returns when the group is to be joined
        anew, because it leaves partitions to nobody, or because records wait and none comes.

        Kafka's own position is a hint, and where it is ahead (a database that was put back from a copy) it would be
        believed until the next record comes, in a quiet partition for days.
        """
        backoff = Backoff(0.2, 10.0)
        look_again = 2 * self._kafka.session_timeout_ms / 1000
        while True:
            try:
                if await wait_or_stop(self._assigned, look_again):
                    self._assigned.clear()
                    await self._seek_to_checkpoints(checkpoints, ids)
                elif await consumer.unassigned_partitions():
                    self._observer.retried("stream", "UnassignedPartitions")
                    return
                elif await consumer.stalled_partitions():
                    self._observer.retried("stream", "StalledPartitions")
                    return
                backoff.reset()
            except Exception as error:  # also what nobody foresaw: the next attempt decides
                self._observer.retried("stream", type(error).__name__)
                await backoff.wait()
                self._assigned.set()

    async def _seek_to_checkpoints(self, checkpoints: PartitionCheckpoints, ids: Mapping[str, str]) -> None:
        done = await checkpoints.done({each: ids[each.topic] for each in self._not_begun(checkpoints)})
        for partition in self._not_begun(checkpoints):  # what was begun meanwhile has read its checkpoint itself
            if partition in done:
                self._seek(checkpoints, partition, done[partition] + 1)

    def _not_begun(self, checkpoints: PartitionCheckpoints) -> list[Partition]:
        """Partitions that are ours, but for all we know nothing of them was read yet in this session."""
        kafka = self._consumer.kafka if self._consumer else None
        mine = kafka.assignment() if kafka is not None else ()
        assigned = [Partition(self._kafka.logical(each.topic), each.partition) for each in mine]
        return [partition for partition in assigned if checkpoints.get(partition) is None]

    def _new_checkpoints(self) -> PartitionCheckpoints:
        return PartitionCheckpoints(self._store.database, self._group, self._kafka.instance)

    def _given(self, checkpoints: PartitionCheckpoints) -> None:
        """Nothing is claimed yet: a claim that came only after a revocation knows holes of another time."""
        checkpoints.drop()
        self._assigned.set()

    def _revoked(self, checkpoints: PartitionCheckpoints, partitions: Iterable[Any]) -> None:
        lost = [Partition(self._kafka.logical(each.topic), each.partition) for each in partitions]
        checkpoints.drop(lost)
        if checkpoints is self._checkpoints:
            for partition in lost:
                self._done.pop(partition, None)

    def _note(self, checkpoints: PartitionCheckpoints, offsets: Mapping[Partition, int]) -> None:
        if checkpoints is self._checkpoints:  # else it is the end of an earlier session
            self._done |= offsets

    # --- a batch

    async def _batch(
        self, checkpoints: PartitionCheckpoints, ids: Mapping[str, str], records: Sequence[Record]
    ) -> None:
        """Raises when it must come again; FastStream rewinds all partitions of the batch then."""
        backlog = Backlog()
        try:
            await self._take_in(backlog, checkpoints, ids, records)
            while part := backlog.take(self._batch_size.size):
                await self._transaction(checkpoints, backlog, part)
                self._batch_size.worked(len(part))
                if self._flows is not None and not await self._read_on(backlog, checkpoints, ids):
                    break
            self._backoff.reset()
        except BaseException as error:
            checkpoints.drop()  # whatever it was: the next attempt reads the checkpoints, which know
            if checkpoints is self._checkpoints:  # FastStream rewinds what came with the batch, not what was read on
                self._assigned.set()
            if isinstance(error, Fenced):
                self._observer.fenced(str(error))
            else:
                if too_much(error) or (isinstance(error, Unavailable) and error.too_much):
                    self._batch_size.was_too_much()
                self._observer.retried("stream", type(error).__name__)
            if isinstance(error, Exception) and checkpoints is self._checkpoints:  # else nobody will try again
                await self._backoff.wait(self._stopping)
            raise

    async def _read_on(self, backlog: Backlog, checkpoints: PartitionCheckpoints, ids: Mapping[str, str]) -> bool:
        """What has come meanwhile waits beside what waits already. False when this session is to end: what waits is
        read again by the next, from our checkpoints."""
        if self._stopping.is_set() or self._ending or checkpoints is not self._checkpoints:
            return False
        if self._consumer is not None and backlog and (room := backlog.room):
            await self._take_in(backlog, checkpoints, ids, await self._consumer.read_on(min(room, READ_ON)))
        return True

    async def _take_in(
        self,
        backlog: Backlog,
        checkpoints: PartitionCheckpoints,
        ids: Mapping[str, str],
        records: Sequence[Record],
    ) -> None:
        """Put what was not done yet into the backlog; in flows when it is more than one of them may have at once."""
        fresh = await self._fresh(backlog, checkpoints, ids, records)
        count = len(backlog) + sum(map(len, fresh.values()))
        flows: Mapping[bytes, Hashable] = {}
        if self._flows is not None and count > SHARE:
            flows = await self._flows({record.key for each in fresh.values() for _, record in each if record.key})
        for partition, items in fresh.items():
            backlog.add(partition, items, flows)

    async def _fresh(
        self,
        backlog: Backlog,
        checkpoints: PartitionCheckpoints,
        ids: Mapping[str, str],
        records: Sequence[Record],
    ) -> dict[Partition, list[Item]]:
        """What was not done yet and is not in hand, by our checkpoints. Kafka's position is a hint: when it leaves out
        records, it is set back once; only what is still missing then (retention, markers) is believed to be missing. A
        log that was cut back is read from its beginning."""
        by_partition: dict[Partition, list[Record]] = {}
        for record in records:
            by_partition.setdefault(Partition(self._kafka.logical(record.topic), record.partition), []).append(record)
        fresh: dict[Partition, list[Item]] = {}
        for partition, those in by_partition.items():
            topic_id = ids[partition.topic]
            if (held := checkpoints.get(partition)) is None:
                if backlog.reached(partition) is not None:  # it was somebody else's meanwhile
                    raise Fenced(partition.topic)
                if partition not in self._done:  # what came waits, also when nobody lets us claim it
                    self._note(checkpoints, {partition: those[0].offset - 1})
                held = await checkpoints.claim(partition, topic_id, self._store.session_id)
                ahead = held.position.ahead  # a log that was cut back behind its first hole shows it nowhere else
                if ahead and await self._cut_back(checkpoints, partition, max(ahead) + 1):
                    await checkpoints.begin_again(partition, held)
                    self._observer.cut_back(partition.topic, partition.number)
                self._note(checkpoints, {partition: held.position.offset})
            reached = backlog.reached(partition)
            expected = (held.position.offset if reached is None else reached) + 1
            if those[0].offset < expected and await self._cut_back(checkpoints, partition, expected):
                if reached is not None:  # the next attempt begins with nothing in hand
                    raise Fenced(partition.topic)
                await checkpoints.begin_again(partition, held)
                self._note(checkpoints, {partition: held.position.offset})
                self._observer.cut_back(partition.topic, partition.number)
                expected = held.position.offset + 1
            if those[0].offset > expected and held.asked_again != expected:
                self._seek(checkpoints, partition, expected)
                held.asked_again = expected
                continue
            if those[-1].offset < expected - 1:
                self._seek(checkpoints, partition, expected)
                continue
            if reached is None:
                backlog.begin(partition, held.position)
            fresh[partition] = [(Origin(partition, topic_id, r.offset), r) for r in those if r.offset >= expected]
        return fresh

    async def _cut_back(self, checkpoints: PartitionCheckpoints, partition: Partition, expected: int) -> bool:
        """Whether the log ends before what we have done: records were lost under the same topic id (a volume that was
        restored, an unclean election), and others will take their places."""
        if self._consumer is None or checkpoints is not self._checkpoints:  # what is read now is not what was read then
            return False
        at = TopicPartition(self._kafka.physical(partition.topic), partition.number)
        return await self._consumer.ends_before(at, expected)

    def _seek(self, checkpoints: PartitionCheckpoints, partition: Partition, offset: int) -> None:
        consumer = self._consumer.kafka if self._consumer and checkpoints is self._checkpoints else None
        if consumer is None:  # what is read with these checkpoints, is not read by the consumer of now
            raise Fenced(partition.topic)
        consumer.seek(TopicPartition(self._kafka.physical(partition.topic), partition.number), offset)

    async def _transaction(self, checkpoints: PartitionCheckpoints, backlog: Backlog, records: Sequence[Item]) -> None:
        started = time.monotonic()
        positions = backlog.positions(records)
        passed, handled = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        operations: list[Operation[None]] = []
        names: list[tuple[str, str]] = []
        async for origin, record in in_slices(records):
            event = self._routes.codec.decode(record, origin.partition.topic)
            name = (origin.partition.topic, event.type)
            if self._routes.passes_over(event):
                passed[name] += 1
            else:
                operations.append(self._routes.operation(event, origin, record))
                names.append(name)
        results = await self._store.perform(
            operations, in_transaction=lambda session: checkpoints.advance(positions, session)
        )
        checkpoints.advanced(positions)
        backlog.done(records, positions)
        self._note(checkpoints, {partition: position.offset for partition, position in positions.items()})
        self._moved = time.monotonic()
        for (topic, type_), result in zip(names, results, strict=True):
            if isinstance(result, Exception):
                self._observer.set_apart(topic, bad_of(result, type_).reason)
            else:
                handled[topic, type_] += 1
        for (topic, type_), count in handled.items():
            self._observer.consumed(topic, type_, count)
        for (topic, type_), count in passed.items():
            self._observer.passed_over(topic, type_, count)
        self._observer.batch(len(records), self._moved - started)
