"""FastStream as the stream wants it: raw batches, rewound on any failure, static membership, no surprises.

What its defaults would do to us is measured: ACK_FIRST loses, ``latest`` skips, the batch parser fails healthy
neighbours of one bad header, a ``reply_to`` header makes it publish, its logger writes values of input.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka import TopicPartition as AssignedPartition
from faststream.kafka.message import FAKE_CONSUMER, KafkaAckableMessage

from shared.kit.base.clock import machine_time
from shared.kit.kafka.aiokafka_internals import (
    close,
    consumer_of,
    fetched,
    heard,
    hold_fetches,
    leave_group,
    next_offset,
    resume_fetches,
    wait_at_most,
)
from shared.kit.kafka.client import KAFKA_ERRORS, faststream_security
from shared.kit.kafka.cluster_state import assigned_in, log_ends
from shared.kit.kafka.records import Record
from shared.kit.kafka.settings import KafkaSettings

Batch = Callable[[Sequence[Any]], Awaitable[None]]
STOP_SECONDS = 10.0
POLL_MS = 1_000
COMMIT_SECONDS = 1.0


class _Listener(ConsumerRebalanceListener):
    def __init__(self, assigned: Callable[[], None], revoked: Callable[[Iterable[Any]], None]) -> None:
        self._assigned, self._revoked = assigned, revoked

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        self._revoked(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        self._assigned()


class _Sample(NamedTuple):
    """How many batches had come, where each partition of ours was read next, and where its log ended."""

    batches: int
    positions: dict[TopicPartition, int | None]
    ends: dict[TopicPartition, int]


class _NoCommits(NamedTuple):
    """What a message of FastStream's asks of its consumer, where no group keeps offsets."""

    consumer: AIOKafkaConsumer

    async def commit(self) -> None:
        """Our checkpoints alone say how far it is."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.consumer.seek(partition, offset)


class Consumer:
    """One consumer session. Make another one when a topic has a new id: what this one fetched or buffers belongs to
    the ids of before.

    ``batch`` is awaited with the records of several partitions; when it raises, all are rewound and come again; when it
    returns, Kafka's offsets are committed. ``assigned`` is called when other partitions are ours, ``revoked`` is told
    which are no longer.

    Without a ``group`` it is a standalone consumer: every replica reads every partition, by checkpoints of its own.
    There is nothing to join, so nobody waits for a group that finds together or for a member that died; the price is
    that each replica does the work again, so it must be harmless.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        group: str | None,
        topics: Sequence[str],
        batch: Batch,
        assigned: Callable[[], None],
        revoked: Callable[[Iterable[Any]], None],
    ) -> None:
        self._settings = kafka
        self._group = group
        self._topics = [kafka.physical(topic) for topic in topics]
        self._batch = batch
        self._assigned = assigned
        self._batches, self._in_hand = 0, False
        self.lay_ready = False  # whether the batch in hand was there already when it was asked for
        self._last_sample: _Sample | None = None
        self._broker = KafkaBroker(
            kafka.bootstrap,
            security=faststream_security(kafka),
            client_id=kafka.instance,
            consumer_only=True,
            ack_policy=AckPolicy.NACK_ON_ERROR,
            metadata_max_age_ms=kafka.metadata_max_age_ms,
            allow_auto_create_topics=False,
            graceful_timeout=STOP_SECONDS,
            logger=None,
            apply_types=False,
        )
        self.subscriber = self._broker.subscriber(
            *(self._topics if group is not None else ()),
            partitions=[] if group is not None else [AssignedPartition(*each) for each in sorted(self._partitions())],
            batch=True,
            group_id=group,
            group_instance_id=None if group is None else f"{group}-{kafka.instance}",
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_records=kafka.batch_max_records,
            batch_timeout_ms=POLL_MS,
            session_timeout_ms=kafka.session_timeout_ms,
            heartbeat_interval_ms=kafka.heartbeat_interval_ms,
            fetch_max_wait_ms=kafka.fetch_wait_ms,
            listener=_Listener(assigned, revoked),
            parser=self._parse,
            decoder=_raw,
            no_reply=True,
        )
        self.subscriber(self._take)

    async def start(self) -> None:
        """Join the group, if there is one. Raises KafkaError when the broker does not answer; whoever called it stops
        it then."""
        await self._broker.connect()
        config: Any = self._broker.config.broker_config
        # instead of aiokafka's own
        config.builder = partial(_waiting_consumer, self._settings, self._asked, **config.builder.keywords)
        if self._group is None:
            self._assigned()
        await self._broker.start()

    async def stop(self) -> None:
        """Let the batch in hand end, then leave quietly (a static member keeps its place for the session time-out)."""
        consumer = self.kafka
        with contextlib.suppress(*KAFKA_ERRORS):
            async with asyncio.timeout(STOP_SECONDS + 5):
                await self._broker.stop()
        if consumer is not None:
            await close(consumer)

    async def abandon(self) -> None:
        """Let the batch in hand end, leave the group, drop the connections. A clean stop keeps a static member's place,
        and with it what the group gave it: seen on Apache Kafka, a member that came back on its own before its topics
        were made again was given nothing, and so was everybody who took its place."""
        self.subscriber.running = False
        if self._group is not None and (consumer := self.kafka) is not None:
            in_hand: Any = self.subscriber.lock
            await in_hand.wait_release(STOP_SECONDS)
            await leave_group(consumer)
        await self.stop()

    @property
    def kafka(self) -> AIOKafkaConsumer | None:
        """aiokafka's consumer underneath: positions, high-water marks, assignment."""
        return self.subscriber.consumer

    async def unassigned_partitions(self) -> set[TopicPartition]:
        """Partitions of our topics that the group, at rest, has given to nobody. Raises KafkaError, TimeoutError.

        Apache Kafka gives a static member that comes back what it had, without asking anybody what there is now: not
        the topics that its new version reads as well, nor those that were not there yet when it had joined before.
        """
        each = self._partitions()
        if self._group is None or self.kafka is None or each <= self.kafka.assignment():
            return set()
        state, given = await assigned_in(self._settings, self._group)
        return each - given if state == "Stable" else set()

    def position(self, partition: TopicPartition) -> int | None:
        """Which offset is read next, as far as is known without asking anybody."""
        return None if self.kafka is None else next_offset(self.kafka, partition)

    async def read_on(self, most: int, wait_ms: int = 0) -> Sequence[Record]:
        """Records that were fetched meanwhile, at most so many, while a batch is in hand. They are of that batch: when
        it fails, they come again only because its reader asks for what is missing. Where none are there it waits for
        the broker's next answer, at most so long."""
        if self.kafka is None:
            return ()
        resume_fetches(self.kafka)
        return await fetched(self.kafka, wait_ms=wait_ms, most=most)

    def is_done(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Whether everything before these offsets was taken in, and nothing is in hand."""
        positions = {partition: self.position(partition) for partition in ends}
        return not self._in_hand and all((positions[each] or 0) >= end for each, end in ends.items())

    def is_current(self, seconds: float) -> bool:
        """Whether the broker has told of every partition of ours within so many seconds where its log ends, and all
        before that is taken in."""
        if self.kafka is None or self._in_hand or not (partitions := heard(self.kafka)):
            return False
        now = machine_time().timestamp() * 1_000  # as aiokafka notes it; a clock that was set makes this false
        return all(
            each.is_read and each.told is not None and abs(now - each.told) <= 1_000 * seconds for each in partitions
        )

    async def ends_before(self, partition: TopicPartition, offset: int) -> bool:
        """Whether the log's end is below this offset. What this consumer has heard may be old: as long as it has
        records in store it does not ask for more. Raises KafkaError, TimeoutError."""
        if self.kafka is None:
            return False
        heard = self.kafka.highwater(partition)
        if heard is not None and heard >= offset:
            return False
        return (await log_ends(self._settings, [partition]))[partition] < offset

    async def stalled_partitions(self) -> set[TopicPartition]:
        """Partitions of ours that held records at the last sample already, of which none has come since, nor any of
        others: something in the client has stopped for good. Raises KafkaError, TimeoutError.

        The samples must lie further apart than a rebalance takes. One partition that stands still while others flow is
        not found here: it may just have to wait for its turn.
        """
        before, self._last_sample = self._last_sample, None
        if self._in_hand or self.kafka is None:
            return set()
        batches, positions = self._batches, {each: self.position(each) for each in self.kafka.assignment()}
        found = set[TopicPartition]()
        if before is not None and before[:2] == (batches, positions):
            found = {each for each, position in positions.items() if before.ends[each] > (position or 0)}
        ends = await log_ends(self._settings, positions) if positions else {}
        self._last_sample = _Sample(batches, positions, ends)
        return found if not self._in_hand and self._batches == batches else set()

    def _partitions(self) -> set[TopicPartition]:
        return {TopicPartition(topic, n) for topic in self._topics for n in range(self._settings.partitions)}

    async def _take(self, records: Sequence[Any]) -> None:
        self._batches, self._in_hand = self._batches + 1, True
        try:
            await self._batch(records)
        finally:
            self._in_hand = False

    def _asked(self, lay_ready: bool) -> None:
        self.lay_ready = lay_ready

    async def _parse(self, records: Any) -> KafkaAckableMessage:
        """Nothing is decoded here, so nothing can fail here."""
        consumer: Any = self.subscriber.consumer or FAKE_CONSUMER
        if self._group is None:
            consumer = _NoCommits(consumer)
        # a constant id, which nobody asks for: FastStream would draw a random one
        return KafkaAckableMessage(body=b"", raw_message=records, consumer=consumer, headers={}, correlation_id="batch")


async def _raw(message: KafkaAckableMessage) -> Any:
    return message.raw_message


def _waiting_consumer(kafka: KafkaSettings, asked: Callable[[bool], None], **arguments: Any) -> AIOKafkaConsumer:
    """A consumer whose ``getmany`` returns when there are records. FastStream sleeps after an empty one for as long as
    that one waited: short waits were a third of what an idle service cost, and in long sleeps records would lie there.
    ``asked`` is told whether some lay there already.

    When it returns all that the broker had, nothing is fetched until it is asked again. A fetch beside the batch in
    hand would be answered with the first record that comes, and those that come after it would need another one; the
    fetch after the batch brings all of them at once. Whoever is behind fetches as ever.

    ``commit`` tells the group's position, a hint, once a second.
    """
    consumer = consumer_of(**arguments)
    poll, commit = consumer.getmany, cast(Callable[[], Awaitable[None]], consumer.commit)
    told, untold = 0.0, False

    async def now_and_then() -> None:
        nonlocal told, untold
        untold = True
        if time.monotonic() - told >= COMMIT_SECONDS:
            await commit()
            told, untold = time.monotonic(), False

    async def until_records(**how: Any) -> Mapping[TopicPartition, Sequence[Any]]:
        resume_fetches(consumer)
        records = await poll(**(how | {"timeout_ms": 0}))
        asked(bool(records))
        while not records:
            if not (records := await poll(**how)):
                wait_at_most(consumer, kafka.fetch_wait_ms)
                if untold:
                    with contextlib.suppress(*KAFKA_ERRORS):
                        await now_and_then()
        wait_at_most(consumer, kafka.busy_fetch_wait_ms)
        if all(each.is_read for each in heard(consumer)):
            hold_fetches(consumer)
        return records

    vars(consumer).update(getmany=until_records, commit=now_and_then)
    return consumer
