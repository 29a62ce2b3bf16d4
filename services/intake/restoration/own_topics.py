"""Intake's own topics, read as they are now: each partition from its beginning to where it ended when it was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.intake.restoration.to_do import STARTED, TO_DO
from shared.events import Event
from shared.kit.base.clock import machine_time
from shared.kit.kafka.aiokafka_internals import close, consumer_of, fetched, next_offset
from shared.kit.kafka.client import KAFKA_ERRORS, connection
from shared.kit.kafka.cluster_state import log_ends
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.kafka.topics import Topics, WrongPartitionCount
from shared.kit.runtime.cloudevent_codec import CloudEventCodec
from shared.kit.runtime.connect import KAFKA_MISSING, CannotStart
from shared.kit.store.mongo import Database
from shared.kit.store.outbox import COLLECTION, ORPHAN_SECONDS, OWNERS, RETENTION
from shared.kit.store.outbox_relay import OPENED

REFUSED = 1
AT_ONCE = 500
WAIT_MS = 10_000
SILENT = 3  # waits without a record, of a partition that is not at its end
_MARGIN = timedelta(hours=1)


def latest_time(event: Event[Any]) -> datetime:
    """By the sender's clock and by ours: whatever was said before this event is stamped no later."""
    return max(event.time, event.recordedtime or event.time)


class OwnTopics:
    """What intake has said and Kafka still has."""

    def __init__(self, kafka: KafkaSettings, database: Database) -> None:
        self._kafka = kafka
        self._database = database

    async def check(self, topics: tuple[str, ...]) -> None:
        """Raises CannotStart where they cannot say all that was said since the copy, or while somebody writes there."""
        since = timedelta(seconds=ORPHAN_SECONDS)
        alive: Any = {"$gt": ["$seen", {"$subtract": ["$$NOW", int(since.total_seconds() * 1000)]}]}
        if await self._database[OWNERS].find_one({"$expr": alive}) is not None:
            raise _refused("a replica runs, or was stopped within the last seconds: stop all of them, then again.")
        if await TO_DO.of(self._database).find_one({"_id": STARTED}) is not None:
            raise _refused(
                "intake was started on this copy, and counted on from it: put the copy back again, then this."
            )
        ids = await self._ids(topics)
        opened = {row["_id"]: row["topic_id"] async for row in self._database[OPENED].find({})}
        for topic in topics:
            if ids.get(topic) is None or opened.get(topic, ids[topic]) != ids[topic]:
                raise _refused(f"topic {topic} is not the one that the copy knows: what was said since stands nowhere.")

    async def _ids(self, topics: tuple[str, ...]) -> Mapping[str, str]:
        known = Topics(self._kafka)
        try:
            return await known.read(topics)
        except KAFKA_ERRORS:
            raise CannotStart(KAFKA_MISSING, "Kafka", "Kafka does not answer: start it, or set IEUM_KAFKA.") from None
        except WrongPartitionCount as wrong:
            raise CannotStart(KAFKA_MISSING, "Kafka", f"A topic has another number of partitions: {wrong}.") from None
        finally:
            await known.stop()

    async def said(self, topic: str) -> AsyncIterator[list[Event[Any]]]:
        """Its events, those of one thing in their order; what nobody could read is left out here, too. Raises
        CannotStart."""
        try:
            async with self._consumer() as consumer:
                async for events in self._from_the_beginning(topic, consumer):
                    yield events
        except KAFKA_ERRORS as error:
            remedy = f"Kafka failed ({type(error).__name__}). A part was done; run it again, that is safe."
            raise CannotStart(KAFKA_MISSING, "Kafka", remedy) from None

    async def last_said(self, topic: str) -> list[Event[Any]]:
        """The newest event of each partition. Raises KafkaError, TimeoutError."""
        places, codec = self._places(topic), CloudEventCodec()
        ends = await log_ends(self._kafka, places)
        async with self._consumer() as consumer:
            consumer.assign(places)
            for place in places:
                consumer.seek(place, max(0, ends[place] - 1))
            records = []
            while any((next_offset(consumer, place) or 0) < ends[place] for place in places):
                found = await fetched(consumer, wait_ms=WAIT_MS, most=AT_ONCE)
                if not found:
                    raise TimeoutError
                records += found
        return [event for event in (codec.decode(record, topic) for record in records) if isinstance(event, Event)]

    def _places(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(self._kafka.physical(topic), number) for number in range(self._kafka.partitions)]

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = consumer_of(
            **connection(self._kafka),
            client_id=f"{self._kafka.instance}-restored",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            metadata_max_age_ms=self._kafka.metadata_max_age_ms,
            fetch_max_wait_ms=self._kafka.fetch_wait_ms,
        )
        try:
            await consumer.start()
            yield consumer
        finally:
            await close(consumer)

    async def _from_the_beginning(self, topic: str, consumer: AIOKafkaConsumer) -> AsyncIterator[list[Event[Any]]]:
        places = self._places(topic)
        consumer.assign(places)
        begins, ends = await consumer.beginning_offsets(places), await log_ends(self._kafka, places)
        if any(begins.values()) and not await self._is_young():
            raise _refused(f"the copy is older than what topic {topic} still holds: take a younger one.")
        for place in places:
            consumer.seek(place, begins[place])
        codec, silent = CloudEventCodec(), 0
        while any((next_offset(consumer, place) or 0) < ends[place] for place in places):
            records = await fetched(consumer, wait_ms=WAIT_MS, most=AT_ONCE)
            silent = 0 if records else silent + 1
            if silent == SILENT:
                raise TimeoutError
            decoded = [codec.decode(record, topic) for record in records]
            yield [event for event in decoded if isinstance(event, Event)]

    async def _is_young(self) -> bool:
        """Whether all that was said since the copy was made must still be there."""
        moments: list[datetime] = []
        async for row in self._database[OWNERS].find({}, {"seen": 1}).sort("seen", -1).limit(1):
            moments.append(row["seen"])
        async for row in self._database[COLLECTION].find({}, {"created": 1}).sort("_id", -1).limit(1):
            moments.append(row["created"])
        return bool(moments) and machine_time() - max(moments) < RETENTION - _MARGIN


def _refused(why: str) -> CannotStart:
    return CannotStart(REFUSED, "intake", why)
