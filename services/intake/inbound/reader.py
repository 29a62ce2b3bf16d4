"""Reads one agency's topic: a portion of records becomes one transaction with its checkpoint, effects and answers.

Promises: the effect of every record is committed exactly once, whatever is killed when; every record is answered, what
is no event too, and none stops those behind it; nothing more is read before the answers are published. An agency that
sends faster than its quota waits in its own topic, and one whose topic of answers does not take anything stands still
alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from pymongo.errors import PyMongoError

from services.intake import metrics
from services.intake.dependencies import Dependencies
from services.intake.event_operation import decision
from services.intake.event_validation import Validated, Validation
from services.intake.inbound.answers import ANSWERS, Answered, AnswersDocument, document_of, records_of
from services.intake.inbound.records import IDENTITY, item_of, opened
from services.intake.receipts import MOST_ANSWERED, failed, shortened
from services.intake.schemas import Receipt
from shared.access.api_keys import BY_TOPIC, Caller
from shared.events.identity_boxes import BoxKeys
from shared.events.refusal import MOST
from shared.events.topics.agencies import Agency
from shared.kit.base.backoff import Backoff
from shared.kit.base.ids import random_id
from shared.kit.base.logs import logger
from shared.kit.base.observer import Observer
from shared.kit.kafka.aiokafka_internals import abandon, close, consumer_of, fetched
from shared.kit.kafka.client import KAFKA_ERRORS, connection
from shared.kit.kafka.producer import producer_of
from shared.kit.kafka.records import Origin, Partition, Record
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.store.mongo import DriverSession
from shared.kit.store.store import Operation, Store, Unavailable
from shared.kit.store.transaction_io import Condition
from shared.kit.store.unit_of_work import UnitOfWork
from shared.kit.stream.backlog import Position
from shared.kit.stream.checkpoints import Fenced, PartitionCheckpoints
from shared.kit.web.quotas import Quotas
from shared.screening.findings import Budget

GROUP = "inbound"  # of the checkpoints; there is no group at Kafka
PORTION_RECORDS = 100  # in one transaction; their answers are one document
FETCH_BYTES = 1_048_576  # of one partition, held in memory until it is decided
POLL_MS = 1_000
PUBLISH_SECONDS = 20.0
LONGEST_PAUSE = 5.0
_log = logger("inbound")


@dataclass(frozen=True, slots=True)
class Inbound:
    """An agency's two topics, by name without prefix; of the one that is read also what it is now."""

    agency: str
    topic: str
    topic_id: str
    partitions: int
    answers: str


@dataclass(frozen=True, slots=True)
class Means:
    """What all readers share. ``turn``: one of their transactions waits for the store at a time, in the order of
    asking: however many agencies send, HTTP has every second turn."""

    kafka: KafkaSettings
    store: Store
    dependencies: Dependencies
    boxes: BoxKeys
    quotas: Quotas
    observer: Observer
    turn: asyncio.Lock


class Reader:
    """Of one agency."""

    def __init__(self, inbound: Inbound, agency: Agency, means: Means) -> None:
        """`agency`: which it is; its rights are those that it has in each transaction."""
        self._inbound, self._means = inbound, means
        self._agency = inbound.agency
        self._caller = Caller(agency, BY_TOPIC)
        self._validation = Validation(means.dependencies)
        self._topic = means.kafka.physical(inbound.topic)

    async def run(self) -> None:
        """Until it is cancelled. Whatever fails begins again where the checkpoints are."""
        backoff = Backoff(0.2, 10.0)
        while True:
            try:
                await self._session(backoff)
            except (*KAFKA_ERRORS, PyMongoError, Unavailable, Fenced) as error:
                self._means.observer.retried("inbound", type(error).__name__)
                metrics.inbound_failures.of(agency=self._agency, reason=type(error).__name__).inc()
            except Exception as error:  # a bug of ours ends nobody's reading, and is seen
                _log.exception("inbound_failed", agency=self._agency)
                metrics.inbound_failures.of(agency=self._agency, reason=type(error).__name__).inc()
            await backoff.wait()

    async def _session(self, backoff: Backoff) -> None:
        async with self._clients() as (consumer, producer):
            checkpoints = await self._claimed(consumer)
            await self._publish_left(producer)
            while True:
                if records := await fetched(consumer, wait_ms=POLL_MS, most=PORTION_RECORDS):
                    await self._within_quota(len(records))
                    answers = await self._take(records, checkpoints)
                    await self._publish(producer, answers)
                    backoff.reset()

    @asynccontextmanager
    async def _clients(self) -> AsyncIterator[tuple[AIOKafkaConsumer, AIOKafkaProducer]]:
        kafka = self._means.kafka
        consumer = consumer_of(
            **connection(kafka),
            client_id=f"{kafka.instance}-{self._inbound.topic}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",  # the checkpoint is gone by retention: what is left is read
            isolation_level="read_committed",
            metadata_max_age_ms=kafka.metadata_max_age_ms,
            fetch_max_wait_ms=kafka.fetch_wait_ms,
            max_partition_fetch_bytes=FETCH_BYTES,
        )
        producer = producer_of(kafka, self._inbound.answers)
        try:
            await consumer.start()
            await producer.start()
            yield consumer, producer
        finally:
            await abandon(producer)  # what it holds is kept here, and published by whoever comes next
            await close(consumer)

    async def _claimed(self, consumer: AIOKafkaConsumer) -> PartitionCheckpoints:
        """All partitions, each from its checkpoint on."""
        store, kafka = self._means.store, self._means.kafka
        checkpoints = PartitionCheckpoints(store.database, GROUP, kafka.instance)
        places = [TopicPartition(self._topic, number) for number in range(self._inbound.partitions)]
        consumer.assign(places)
        for place in places:
            partition = Partition(self._inbound.topic, place.partition)
            held = await checkpoints.claim(partition, self._inbound.topic_id, store.session_id)
            consumer.seek(place, held.position.offset + 1)
        return checkpoints

    async def _within_quota(self, count: int) -> None:
        """Wait until the agency may send so many more. Only its own topic waits."""
        charged = 0
        while charged < count:  # one by one: a quota may be smaller than a portion
            over = self._means.quotas.over("events", f"inbound {self._agency}")
            if over is None:
                charged += 1
            else:
                await asyncio.sleep(min(float(over.headers["Retry-After"]), LONGEST_PAUSE))

    async def _take(self, records: Sequence[Record], checkpoints: PartitionCheckpoints) -> AnswersDocument:
        """One transaction: the events, their answers, and how far the topic is done."""
        validated = await self._validated(records)
        answers: dict[int, Receipt] = {at: one for at, one in enumerate(validated) if isinstance(one, Receipt)}
        id, kept, written = random_id(), list[AnswersDocument](), list[AnswersDocument]()
        done: dict[Partition, Position] = {}
        origins = []
        for record in records:
            partition = Partition(self._inbound.topic, record.partition)
            if (held := checkpoints.get(partition)) is not None and record.offset <= held.position.offset:
                await checkpoints.begin_again(partition, held)  # the log was cut back, and others take these places
            done[partition] = Position(record.offset)
            origins.append(Origin(partition, self._inbound.topic_id, record.offset))
        operations = [
            self._operation(at, one, answers) for at, one in enumerate(validated) if isinstance(one, Validated)
        ]

        def keep(work: UnitOfWork) -> None:
            shown, _ = shortened([answers[at] for at in range(len(records))], MOST_ANSWERED)
            said = [Answered(*each) for each in zip(origins, (record.key for record in records), shown, strict=True)]
            parts = self._means.dependencies
            document = document_of(said, id, self._agency, work.trusted, parts.ids, parts.sealer)
            ANSWERS.save(work, document)
            kept[:] = [document]

        def advance(_: DriverSession) -> Condition | None:
            if not kept:
                raise RuntimeError("answers that cannot be kept")  # then nothing is
            written[:] = [kept.pop()]  # a repeated transaction that refuses them must not find those of before
            return checkpoints.advance(done)

        async with self._means.turn:
            operations.append(Operation(lambda work: (), keep))
            await self._means.store.perform(operations, in_transaction=advance)
        checkpoints.advanced(done)
        metrics.inbound_records.of(agency=self._agency).inc(len(records))
        return written[0]

    def _operation(self, at: int, one: Validated, answers: dict[int, Receipt]) -> Operation[None]:
        decided = decision(one, self._caller, self._means.dependencies)

        def do(work: UnitOfWork) -> None:
            answers[at] = decided.do(work)

        def otherwise(work: UnitOfWork, error: Exception) -> None:
            answers[at] = failed(one.echo, self._agency, error, self._means.dependencies.pack)

        return Operation(decided.needs, do, otherwise)

    async def _validated(self, records: Sequence[Record]) -> list[Validated | Receipt]:
        """Each as an event; of what met a fault of ours, the receipt."""
        parts = self._means.dependencies
        now, budget = parts.clock.calendar(), Budget()
        found: list[Validated | Receipt] = []
        async with parts.slices.work() as pause:
            for record in records:
                try:
                    found.append(self._one(record, now, budget))
                except Exception as error:
                    found.append(failed(self._validation.echo({}), self._agency, error, parts.pack))
                await pause()
        return found

    def _one(self, record: Record, now: datetime, budget: Budget) -> Validated:
        event = opened(item_of(record), self._means.boxes)
        one = self._validation.validate(event.item, self._agency, now, budget)
        if not event.refusals:
            return one
        others = [each for each in one.refusals if not each.field.startswith(IDENTITY)]
        return replace(one, event=None, rest=None, warnings=(), refusals=(*event.refusals, *others)[:MOST])

    async def _publish_left(self, producer: AIOKafkaProducer) -> None:
        """What a crash left, in the order in which it was decided."""
        left = ANSWERS.of(self._means.store.database).find({"agency": self._agency}).sort("at", 1)
        async for document in left:
            await self._publish(producer, document)

    async def _publish(self, producer: AIOKafkaProducer, document: AnswersDocument) -> None:
        topic = self._means.kafka.physical(self._inbound.answers)
        async with asyncio.timeout(PUBLISH_SECONDS):
            sent = [
                await producer.send(topic, one.value, key=one.key, headers=one.headers)
                for one in records_of(document, self._means.dependencies.sealer)
            ]
            await asyncio.gather(*sent)
        await ANSWERS.of(self._means.store.database).delete_one({"_id": document["_id"]})
