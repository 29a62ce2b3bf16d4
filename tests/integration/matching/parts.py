"""A whole matching service in this process, on the shared broker and database, and the events it lives on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from fastapi import FastAPI

from services.matching.domain.match_index import Pair
from services.matching.main import build
from services.matching.settings import MatchingSettings
from shared.access.api_keys import make_key
from shared.events import Event, EventType
from shared.events.data_classification import Model
from shared.events.envelope import from_kafka, to_kafka
from shared.events.topics.agencies import AGENCY_REGISTERED, Agency
from shared.events.topics.opportunities import JOB_POSTED, Opportunity
from shared.events.topics.people import PERSON_UPDATED, Person
from shared.kit.base.clock import Clock
from shared.reference import load_pack
from tests.support.broker import IDEMPOTENT, SESSION_TIMEOUT_MS
from tests.support.matching import numbered
from verification.oracle.matches import matches_of

PACK = load_pack("kr-gyeonggi")
NOON = datetime(2026, 11, 22, 3, tzinfo=UTC)  # twelve o'clock where the pack lives
RECORDED = datetime(2026, 11, 22, 2, tzinfo=UTC)
_BY_MODEL: dict[type[Model], EventType] = {Person: PERSON_UPDATED, Opportunity: JOB_POSTED, Agency: AGENCY_REGISTERED}


def told(data: Model, sequence: int = 1) -> Event[Any]:
    """The event that says this state."""
    type = _BY_MODEL[data.__class__]
    key = getattr(data, type.topic.key)
    id = f"{key}-{sequence}"
    return Event(
        id=id, source="/services/intake", type=type.name, version=1, time=NOON, key=key, data=data, sequence=sequence,
        correlationid=f"c-{id}", recordedtime=RECORDED,
    )  # fmt: skip


def agency(name: str, *, recipient_class: str = "service", reads: Iterable[str] = ("matches",)) -> tuple[str, Agency]:
    """A bearer token and the agency that it belongs to."""
    token, key = make_key(f"{name}-1")
    rights = {"reads": list(reads), "receives": True}
    state = {"agency": name, "name": {"en": name}, "recipient_class": recipient_class, "rights": rights}
    return token, Agency.model_validate({**state, "keys": [key.model_dump()]}, strict=False)


class Agreed(Clock):
    """A day of a test, on which MongoDB's clock agrees."""

    def heard(self, server: datetime, asked: float, result: float) -> None:
        """It does."""


class Setup:
    """Where everything of one test lives."""

    def __init__(self, kafka: str, mongo_url: str, database: str, prefix: str) -> None:
        self.kafka, self.mongo_url, self.database, self.prefix = kafka, mongo_url, database, prefix

    def settings(self, instance: str = "matching-1") -> MatchingSettings:
        """Quick leases and days, the rest as it is."""
        return MatchingSettings(
            profile="development", instance=instance,
            kafka=self.kafka, mongo_url=self.mongo_url, database=self.database, port=0,
            topic_prefix=self.prefix, kafka_idempotent=IDEMPOTENT, session_timeout_ms=SESSION_TIMEOUT_MS,
            lease_seconds=2.0, day_check_seconds=0.1, netting_seconds=0.2,
        )  # fmt: skip

    @asynccontextmanager
    async def running(
        self, instance: str = "matching-1", now: Callable[[], datetime] = lambda: NOON
    ) -> AsyncIterator[FastAPI]:
        """The service between start and stop."""
        app = build(self.settings(instance), Agreed(wall=now))
        async with app.router.lifespan_context(app):
            yield app

    async def publish(self, *events: Event[Any]) -> None:
        """Put events into their topics, in order."""
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka, acks="all")
        await producer.start()
        try:
            for event in events:
                key, value, headers = to_kafka(event)
                topic = self.prefix + event.event_type.topic.name
                await producer.send_and_wait(topic, value, key=key, headers=headers)
        finally:
            await producer.stop()

    async def emitted(self) -> list[Event[Any]]:
        """Everything on the topic `matches`, per partition in order, repeats (same id) left out."""
        found: dict[str, Event[Any]] = {}
        for event in await self.records():
            found.setdefault(event.id, event)
        return list(found.values())

    async def records(self) -> list[Event[Any]]:
        """Everything on the topic `matches`, per partition in order."""
        topic = f"{self.prefix}matches"
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.kafka, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            parts = [TopicPartition(topic, number) for number in range(4)]
            consumer.assign(parts)
            ends = await consumer.end_offsets(parts)
            found: list[Event[Any]] = []
            for part in parts:
                while await consumer.position(part) < ends[part]:
                    for record in (await consumer.getmany(part, timeout_ms=1_000)).get(part, []):
                        found.append(from_kafka(record.value, record.headers))
            return found
        finally:
            await consumer.stop()


async def standing(database: Any) -> dict[Pair, tuple[Any, ...]]:
    """The matches that stand in the database: state, score, band, what is asked."""
    return {
        (d["person"], d["opportunity"]): (
            d["match"]["state"],
            d["match"]["score"],
            d["match"]["band"],
            tuple(question["condition"] for question in d["match"].get("questions", [])),
        )
        async for d in database.matches.find({"standing": True})
    }


def expected(people: Iterable[Person], openings: Iterable[Opportunity], now: datetime = NOON) -> dict[Pair, Any]:
    """The same by the oracle."""
    found = matches_of(people, openings, PACK, now.date())
    return {pair: (match.state, match.score, match.band, match.asks) for pair, match in found.items()}


def client(app: FastAPI, token: str | None = None) -> httpx.AsyncClient:
    """Calls the service without a socket."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://matching", headers=headers)


HANAWON_ALIAS, GJF_ALIAS, KHF_ALIAS = numbered(0xAA1), numbered(0xAA2), numbered(0xAA3)
ALIASES = [
    {"agency": "hanawon", "alias": HANAWON_ALIAS},
    {"agency": "gjf", "alias": GJF_ALIAS},
    {"agency": "khf", "alias": KHF_ALIAS},
]
