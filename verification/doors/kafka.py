"""The door on Kafka: an Apache Kafka with users, where every agency has its own topics, and intake is killed while they
publish."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from deploy.local.apache.broker import ApacheBroker
from deploy.local.login import ADMIN, Login
from deploy.local.ports import free_port
from deploy.local.timeouts import scaled
from deploy.rights.agency import AgencyDoor
from deploy.rights.own_topics import provide
from samples.world.envelope import Json
from shared.events.boxes import seal
from verification.harness.child_processes import Program

HEADERS = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
SECONDS = 120.0  # until a new user is let in, and for all answers of an agency


class KafkaDoor:
    """A broker of its own: the others of a run have no users."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.broker = ApacheBroker(free_port(), folder, users=True)
        self._inbound_key = secrets.token_hex(32)

    @property
    def variables(self) -> Mapping[str, str]:
        """How intake comes to it, without a prefix: its rights name the topics as they are."""
        return {
            **self.broker.login("intake").variables,
            "IEUM_KAFKA_IDEMPOTENT": "true",
            "IEUM_TOPIC_PREFIX": "",
            "IEUM_INBOUND_KEYS": self._inbound_key,
            "IEUM_INBOUND_LEASE_SECONDS": "2",
        }

    def send(self, program: Program, agency: str, events: list[Json]) -> None:
        """Publish, kill intake once the first answers are there, and wait for one answer to each record. Raises
        RuntimeError for any that was not taken."""
        asyncio.run(self._send(program, AgencyDoor(agency), events))

    async def _send(self, program: Program, door: AgencyDoor, events: list[Json]) -> None:
        password = secrets.token_hex(16)
        await provide(self.broker.login(ADMIN).arguments, door, password, replication=1)
        login = Login(self.broker.address, door.user, password)
        async with httpx.AsyncClient() as http:
            told = (await http.get(f"{program.url}/doors/kafka")).json()
        public = base64.b64decode(told["keys"][0]["public_key"])
        producer = await _let_in(lambda: AIOKafkaProducer(**login.arguments, acks="all"))
        consumer = await _let_in(lambda: AIOKafkaConsumer(**login.arguments, auto_offset_reset="earliest"))
        try:
            consumer.assign([TopicPartition(door.answers, 0)])
            sent = [
                await producer.send(door.inbound, _sealed(event, public), key=b"one", headers=HEADERS)
                for event in events
            ]
            await asyncio.gather(*sent)
            answers = await _answers(consumer, 1)
            program.kill()
            program.start()
            answers |= await _answers(consumer, len(events), answers)
        finally:
            await producer.stop()
            await consumer.stop()
        bad = [answer for answer in answers.values() if answer["status"] in ("refused", "failed")]
        if bad or len(answers) != len(events):
            raise RuntimeError(f"{len(answers)} of {len(events)} answered, {len(bad)} not taken")


def _sealed(event: Json, public: bytes) -> bytes:
    data = event["data"]
    if "identity" in data:
        data = {**data, "identity": seal(data["identity"], public, event["source"], event["id"])}
    return json.dumps({**event, "data": data}, ensure_ascii=False).encode()


async def _answers(
    consumer: Any, count: int, before: Mapping[int, dict[str, Any]] | None = None
) -> dict[int, dict[str, Any]]:
    """By the offset of the record, once there are so many; an answer may come twice."""
    found, until = dict(before or {}), time.monotonic() + scaled(SECONDS)
    while len(found) < count and time.monotonic() < until:
        for records in (await consumer.getmany(timeout_ms=200)).values():
            answers = [json.loads(record.value) for record in records]
            found |= {answer["offset"]: answer for answer in answers}
    return found


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
