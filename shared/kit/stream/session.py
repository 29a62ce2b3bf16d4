"""One consumer session of a stream: from the records that its reader brings to committed transactions.

It ends with the ids of its topics. Its checkpoints are its own: a batch that outlasts it can only move those.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

from aiokafka import TopicPartition

from shared.kit.base.adaptive_batch_size import AdaptiveBatchSize, too_much
from shared.kit.base.backoff import Backoff, wait_or_stop
from shared.kit.base.cpu_slices import in_slices
from shared.kit.base.observer import Observer
from shared.kit.kafka.client import KAFKA_ERRORS
from shared.kit.kafka.consumer import Consumer
from shared.kit.kafka.records import Origin, Partition, Record
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.store.store import Operation, Store, TooLargeTogether, Unavailable
from shared.kit.stream.backlog import SHARE, Backlog, Item
from shared.kit.stream.checkpoints import Checkpoint, Fenced, PartitionCheckpoints
from shared.kit.stream.event_dispatch import Routes, bad_of

READ_ON = 4_000  # records, between two transactions
READ_STEP = 500  # records that are taken in without a break: a few milliseconds
FEW = 100  # records: with fewer in hand it is worth while to ask what else has come, and
MEANWHILE_MS = 4  # so long that answer is waited for
Flows = Callable[[Collection[bytes]], Awaitable[Mapping[bytes, Hashable]]]


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """How far one partition is: ``done`` is the last offset committed (-1: none; before the first record of a
    session: where it is read from), ``lag`` what the broker has beyond it as far as the consumer has heard."""

    topic: str
    partition: int
    done: int
    lag: int


@dataclass(frozen=True, slots=True)
class SessionParts:
    """What all sessions of a stream work with; ``alone``, ``everywhere`` and ``flows`` as of `Stream`."""

    store: Store
    kafka: KafkaSettings
    routes: Routes
    observer: Observer
    group: str
    alone: bool
    everywhere: bool
    flows: Flows | None
    batch_size: AdaptiveBatchSize
    stopping: asyncio.Event


class Session:
    """``ids``: those that the topics have when it begins. All it will ever fetch is of these or later ones.
    ``reader``: as long as it runs."""

    def __init__(self, parts: SessionParts, ids: Mapping[str, str]) -> None:
        self.ids = ids
        self._parts = parts
        self._kafka = parts.kafka
        self._observer = parts.observer
        self.checkpoints = PartitionCheckpoints(parts.store.database, parts.group, self._kafka.instance)
        self._done: dict[Partition, int] = {}  # outlives the checkpoints, which go with every batch that fails
        self._assigned = asyncio.Event()
        self._ending = False
        self._backoff = Backoff(0.2, 10.0)
        self.reader: Consumer | None = self._new_reader()

    async def start(self) -> None:
        """Begin to read. Raises KafkaError, and is over then."""
        assert self.reader is not None, "a session runs once"
        try:
            await self.reader.start()
        except BaseException:
            reader, self.reader = self.reader, None
            await asyncio.gather(reader.stop(), return_exceptions=True)
            raise

    async def end(self) -> None:
        """After the batch in hand; as whoever comes back soon, or at once, if nobody has said that it is to stop."""
        self._ending = True
        if self.reader is not None:
            try:
                await (self.reader.stop() if self._parts.stopping.is_set() else self.reader.abandon())
            except Exception as error:
                self._observer.retried("stream", type(error).__name__)
        self.reader = None
        self.checkpoints.drop()

    def progress(self) -> list[PartitionProgress]:
        """Of the partitions that are ours now, without asking anybody."""
        reader, found = self.reader, list[PartitionProgress]()
        if reader is None or reader.kafka is None:
            return found
        for assigned in sorted(reader.kafka.assignment()):
            partition, end = self._logical(assigned), reader.kafka.highwater(assigned)
            # before the first record of this session: where it is read from, our checkpoint or about to be
            next = self._done[partition] + 1 if partition in self._done else reader.position(assigned)
            lag = max(0, end - next) if end is not None and next is not None else 0
            found.append(PartitionProgress(*partition, (next or 0) - 1, lag))
        return found

    async def watch_assignment(self) -> None:
        """Whenever partitions become ours, read on where our checkpoints end; returns when the group is to be joined
        anew, because it leaves partitions to nobody, or because records wait and none comes.

        Kafka's own position is a hint, and where it is ahead (a database that was put back from a copy) it would be
        believed until the next record comes, in a quiet partition for days.
        """
        assert self.reader is not None
        backoff = Backoff(0.2, 10.0)
        look_again = 2 * self._kafka.session_timeout_ms / 1000
        while True:
            try:
                if await wait_or_stop(self._assigned, look_again):
                    self._assigned.clear()
                    await self._seek_to_checkpoints()
                elif await self.reader.unassigned_partitions():
                    self._observer.retried("stream", "UnassignedPartitions")
                    return
                elif await self.reader.stalled_partitions():
                    self._observer.retried("stream", "StalledPartitions")
                    return
                backoff.reset()
            except Exception as error:  # also what nobody foresaw: the next attempt decides
                self._observer.retried("stream", type(error).__name__)
                await backoff.wait()
                self._assigned.set()

    # --- what it reads, and from where

    def _new_reader(self) -> Consumer:
        kafka = replace(self._kafka, instance="active") if self._parts.alone else self._kafka
        group = None if self._parts.everywhere else self._parts.group
        return Consumer(kafka, group, list(self.ids), self.batch, self._given, self._revoked)

    def _given(self) -> None:
        """Nothing is claimed yet: a claim that came only after a revocation knows holes of another time."""
        self.checkpoints.drop()
        self._assigned.set()

    def _revoked(self, partitions: Iterable[TopicPartition]) -> None:
        lost = [self._logical(each) for each in partitions]
        self.checkpoints.drop(lost)
        for partition in lost:
            self._done.pop(partition, None)

    async def _seek_to_checkpoints(self) -> None:
        done = await self.checkpoints.done({each: self.ids[each.topic] for each in self._not_begun()})
        for partition in self._not_begun():  # what was begun meanwhile has read its checkpoint itself
            if partition in done:
                self._seek(partition, done[partition] + 1)

    def _not_begun(self) -> list[Partition]:
        """Partitions that are ours, but for all we know nothing of them was read yet in this session."""
        kafka = self.reader.kafka if self.reader is not None else None
        mine = [self._logical(each) for each in kafka.assignment()] if kafka is not None else []
        return [partition for partition in mine if self.checkpoints.get(partition) is None]

    def _seek(self, partition: Partition, offset: int) -> None:
        if self.reader is None or self.reader.kafka is None:  # it is over, and somebody else's
            raise Fenced(partition.topic)
        self.reader.kafka.seek(self._physical(partition), offset)

    async def _cut_back(self, partition: Partition, held: Checkpoint, expected: int) -> bool:
        """Whether the log ends before what we have done: records were lost under the same topic id (a volume that was
        restored, an unclean election), and others will take their places. It is read from its beginning then."""
        if self.reader is None or not await self.reader.ends_before(self._physical(partition), expected):
            return False
        await self.checkpoints.begin_again(partition, held)
        self._done[partition] = held.position.offset
        self._observer.cut_back(partition.topic, partition.number)
        return True

    def _logical(self, partition: TopicPartition) -> Partition:
        return Partition(self._kafka.logical(partition.topic), partition.partition)

    def _physical(self, partition: Partition) -> TopicPartition:
        return TopicPartition(self._kafka.physical(partition.topic), partition.number)

    # --- a batch

    async def batch(self, records: Sequence[Record]) -> None:
        """Raises when it must come again; its reader rewinds all partitions of the batch then. What was read on beside
        it is asked for anew from our checkpoints."""
        backlog, size, part = Backlog(), self._parts.batch_size, list[Item]()
        try:
            await self._take_in(backlog, records)
            if self._parts.flows is not None and len(records) >= self._kafka.batch_max_records:
                await self._read_on(backlog)  # behind much of one flow there may be a little of another
            elif self.reader is not None and self.reader.lay_ready:
                await self._take_in_what_came(backlog, len(records))
            while part := backlog.take(size.size):
                await self._transaction(backlog, part)
                size.worked(len(part))
                if self._parts.flows is not None and not await self._read_on(backlog):
                    break
            self._backoff.reset()
        except BaseException as error:
            self.checkpoints.drop()  # whatever it was: the next attempt reads the checkpoints, which know
            self._assigned.set()  # what came with the batch is rewound, not what was read on
            if isinstance(error, Fenced):
                self._observer.fenced(str(error))
            else:
                if too_much(error) or (isinstance(error, Unavailable) and error.too_much):
                    size.was_too_much(len(part) if isinstance(error, TooLargeTogether) else None)
                self._observer.retried("stream", type(error).__name__)
            if isinstance(error, Exception) and self.reader is not None:  # else nobody will try again
                await self._backoff.wait(self._parts.stopping)
            raise

    async def _take_in_what_came(self, backlog: Backlog, ready: int) -> None:
        """aiokafka fetches nothing more while records of one partition lie ready: what else came during a transaction
        would wait for the next one to end, too. Where few lay ready one more answer of the broker is waited for.

        Records of two polls are never joined before they are taken in: a rebalance or a seek may lie between them, and
        each is compared with what is in hand. What aiokafka raises here it raises again at the next poll, between two
        batches; the wait is short but for a rebalance, for which aiokafka waits as in any other poll."""
        if self.reader is None or not 0 < ready < FEW or not (room := backlog.room):
            return
        came: Sequence[Record] = ()
        with contextlib.suppress(*KAFKA_ERRORS):
            came = await self.reader.read_on(min(FEW - ready, room), MEANWHILE_MS)
        await self._take_in(backlog, came)

    async def _read_on(self, backlog: Backlog) -> bool:
        """What has come meanwhile waits beside what waits already. False when this session is to end: what waits is
        read again by the next, from our checkpoints."""
        if self._parts.stopping.is_set() or self._ending or self.reader is None:
            return False
        if backlog and (room := backlog.room):
            await self._take_in_what_came(backlog, await self._read_in_steps(backlog, min(room, READ_ON)))
        return True

    async def _read_in_steps(self, backlog: Backlog, most: int) -> int:
        """What lies ready, at most so much; others have the loop in between. How many records it was."""
        total = 0
        while self.reader is not None and total < most:
            ready = await self.reader.read_on(min(READ_STEP, most - total))
            await self._take_in(backlog, ready)
            total += len(ready)
            if len(ready) < READ_STEP:
                break
            await asyncio.sleep(0)
        return total

    async def _take_in(self, backlog: Backlog, records: Sequence[Record]) -> None:
        """Put what was not done yet into the backlog; in flows when it is more than one of them may have at once."""
        by_partition: dict[Partition, list[Record]] = {}
        for (topic, number), those in groupby(records, attrgetter("topic", "partition")):
            by_partition.setdefault(Partition(self._kafka.logical(topic), number), []).extend(those)
        fresh = {partition: await self._fresh(backlog, partition, those) for partition, those in by_partition.items()}
        flows: Mapping[bytes, Hashable] = {}
        if self._parts.flows is not None and len(backlog) + sum(map(len, fresh.values())) > SHARE:
            keys = {record.key for items in fresh.values() for _, record in items if record.key}
            flows = await self._parts.flows(keys)
        for partition, items in fresh.items():
            backlog.add(partition, items, flows)

    async def _fresh(self, backlog: Backlog, partition: Partition, records: Sequence[Record]) -> list[Item]:
        """What was not done yet and is not in hand, by our checkpoint. Kafka's position is a hint: when it leaves out
        records, it is set back once; only what is still missing then (retention, markers) is believed to be missing."""
        reached, topic_id = backlog.reached(partition), self.ids[partition.topic]
        if (held := self.checkpoints.get(partition)) is None:
            if reached is not None or self.reader is None:  # it was somebody else's meanwhile, or this session is over
                raise Fenced(partition.topic)
            # what came waits, also when nobody lets us claim it
            self._done.setdefault(partition, records[0].offset - 1)
            held = await self.checkpoints.claim(partition, topic_id, self._parts.store.session_id)
            if ahead := held.position.ahead:  # a log that was cut back behind its first hole shows it nowhere else
                await self._cut_back(partition, held, max(ahead) + 1)
            self._done[partition] = held.position.offset
        expected = (held.position.offset if reached is None else reached) + 1
        if records[0].offset < expected and await self._cut_back(partition, held, expected):
            if reached is not None:  # the next attempt begins with nothing in hand
                raise Fenced(partition.topic)
            expected = held.position.offset + 1
        if records[0].offset > expected and held.asked_again != expected:
            self._seek(partition, expected)
            held.asked_again = expected
            return []
        if records[-1].offset < expected - 1:
            self._seek(partition, expected)
            return []
        if reached is None:
            backlog.begin(partition, held.position)
        return [(Origin(partition, topic_id, each.offset), each) for each in records if each.offset >= expected]

    async def _transaction(self, backlog: Backlog, records: Sequence[Item]) -> None:
        started = time.monotonic()
        routes, observer = self._parts.routes, self._observer
        positions = backlog.positions(records)
        passed, handled = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        operations: list[Operation[None]] = []
        names: list[tuple[str, str]] = []
        async for origin, record in in_slices(records):
            event = routes.codec.decode(record, origin.partition.topic)
            name = (origin.partition.topic, event.type)
            if routes.passes_over(event):
                passed[name] += 1
            else:
                operations.append(routes.operation(event, origin, record))
                names.append(name)
        results = await self._parts.store.perform(
            operations, in_transaction=lambda _: self.checkpoints.advance(positions)
        )
        self.checkpoints.advanced(positions)
        backlog.done(records, positions)
        self._done |= {partition: position.offset for partition, position in positions.items()}
        for (topic, type_), result in zip(names, results, strict=True):
            if isinstance(result, Exception):
                observer.set_apart(topic, bad_of(result, type_).reason)
            else:
                handled[topic, type_] += 1
        for (topic, type_), count in handled.items():
            observer.consumed(topic, type_, count)
        for (topic, type_), count in passed.items():
            observer.passed_over(topic, type_, count)
        observer.batch(len(records), time.monotonic() - started)
