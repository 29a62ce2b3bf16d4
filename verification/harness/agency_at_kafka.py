"""An agency at its own door on Kafka: sealed events in, answers out."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from deploy.local.timeouts import scaled
from deploy.rights.agency import AgencyDoor
from deploy.rights.login import Login
from samples.world.envelope import Json
from shared.events.identity_boxes import seal

HEADERS = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
SECONDS = 120.0  # until a new user is let in, and for all answers of an agency


class AgencyAtKafka:
    """As one agency, with its own user."""

    def __init__(self, door: AgencyDoor, producer: Any, consumer: Any) -> None:
        self._door, self._producer, self._consumer = door, producer, consumer
        self.answers: dict[int, Json] = {}
        """By the offset of the record; an answer may come twice."""

    @classmethod
    @asynccontextmanager
    async def at(cls, door: AgencyDoor, login: Login) -> AsyncIterator[AgencyAtKafka]:
        """Once it is let in. Raises KafkaError."""
        producer = await _let_in(lambda: AIOKafkaProducer(**login.arguments, acks="all"))
        consumer = await _let_in(lambda: AIOKafkaConsumer(**login.arguments, auto_offset_reset="earliest"))
        try:
            consumer.assign([TopicPartition(door.answers, 0)])
            yield cls(door, producer, consumer)
        finally:
            await producer.stop()
            await consumer.stop()

    async def publish(self, *values: bytes) -> None:
        """One record each, in order."""
        sent = [await self._producer.send(self._door.inbound, each, key=b"one", headers=HEADERS) for each in values]
        await asyncio.gather(*sent)

    async def wait_for(self, count: int) -> None:
        """Until there are so many answers, or no longer."""
        until = time.monotonic() + scaled(SECONDS)
        while len(self.answers) < count and time.monotonic() < until:
            for records in (await self._consumer.getmany(timeout_ms=200)).values():
                answers = [json.loads(record.value) for record in records]
                self.answers |= {answer["offset"]: answer for answer in answers}


def sealed(event: Mapping[str, Any], public: bytes) -> bytes:
    """As it is published: the identity in a box that only intake opens."""
    data = event["data"]
    if "identity" in data:
        data = {**data, "identity": seal(data["identity"], public, event["source"], event["id"])}
    return json.dumps({**event, "data": data}, ensure_ascii=False).encode()


async def _let_in(make: Callable[[], Any]) -> Any:
    """Started: a new password counts a moment after it was acknowledged."""
    until = time.monotonic() + scaled(SECONDS)
    while True:
        client = make()
        try:
            await client.start()
            return client
        except KafkaError:
            await client.stop()
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.3)
