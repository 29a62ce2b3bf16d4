"""An agency with its own user and topics at Kafka, as tests of the door there use it."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.local.apache.broker import ApacheBroker
from deploy.local.timeouts import scaled
from deploy.rights.agency import AgencyDoor
from deploy.rights.login import ADMIN, Login
from deploy.rights.own_topics import provide
from shared.events.identity_boxes import BoxKeys, seal
from shared.kit.kafka.settings import KafkaSecurity, KafkaSettings
from tests.integration.apache.parts import lets_in, until

NEW, OLD = secrets.token_bytes(32), secrets.token_bytes(32)
KEYS = f"{NEW.hex()},{OLD.hex()}"


class Agency:
    """One agency's Kafka client, with its own user."""

    def __init__(self, name: str, login: Login) -> None:
        self.name, self.login = name, login
        self.inbound, self.answers = f"inbound.{name}", f"answers.{name}"
        self._number = 0

    def event(self, type: str, data: Any, **attributes: Any) -> dict[str, Any]:
        self._number += 1
        return {
            "specversion": "1.0", "id": f"{self.name}-{self._number}", "source": f"/agencies/{self.name}", "type": type,
            "time": "2026-11-20T09:00:00+09:00", "data": data, **attributes,
        }  # fmt: skip

    def sealed(self, event: dict[str, Any], key: bytes = NEW, **bound: str) -> dict[str, Any]:
        public = base64.b64decode(next(iter(BoxKeys([key]).public.values())))
        to = {"source": event["source"], "id": event["id"], **bound}
        box = seal(event["data"]["identity"], public, **to)
        return {**event, "data": {**event["data"], "identity": box}}

    async def publish(self, *records: tuple[bytes | None, Sequence[tuple[str, bytes]]], topic: str = "") -> None:
        async with AIOKafkaProducer(**self.login.arguments, acks="all") as producer:
            for value, headers in records:
                await producer.send_and_wait(topic or self.inbound, value, key=b"k", headers=headers)

    async def answered(self, count: int, seconds: float = 60) -> list[dict[str, Any]]:
        """The answers from the beginning on, without repeats of the same one, once there are so many."""
        found: dict[bytes, dict[str, Any]] = {}
        consumer = AIOKafkaConsumer(**self.login.arguments, auto_offset_reset="earliest")
        await consumer.start()
        try:
            consumer.assign([TopicPartition(self.answers, 0)])
            end = time.monotonic() + scaled(seconds)
            while len(found) < count and time.monotonic() < end:
                for records in (await consumer.getmany(timeout_ms=300)).values():
                    for record in records:
                        headers = dict(record.headers)
                        assert headers["ce_type"] == b"event-answered"
                        assert record.value is not None
                        found[headers["ce_id"]] = json.loads(record.value)
        finally:
            await consumer.stop()
        return list(found.values())


def structured(event: dict[str, Any]) -> tuple[bytes, list[tuple[str, bytes]]]:
    return json.dumps(event).encode(), [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def binary(event: dict[str, Any]) -> tuple[bytes, list[tuple[str, bytes]]]:
    headers = [(f"ce_{name}", str(value).encode()) for name, value in event.items() if name != "data"]
    return json.dumps(event["data"]).encode(), [*headers, ("content-type", b"application/json")]


async def new_agency(broker: ApacheBroker, name: str) -> Agency:
    password = secrets.token_hex(16)
    assert await provide(broker.login(ADMIN).arguments, AgencyDoor(name), password, replication=1) == [
        f"inbound.{name}", f"answers.{name}",
    ]  # fmt: skip
    login = Login(broker.address, f"agency-{name}", password)
    known = KafkaSecurity(security_protocol="SASL_PLAINTEXT", user=login.user, password=password)
    settings = KafkaSettings(bootstrap=broker.address, instance="test", security=known)
    await until(partial(lets_in, settings))  # a new password counts a moment after it was acknowledged
    return Agency(name, login)


def security(broker: ApacheBroker) -> dict[str, Any]:
    login = broker.login("intake")
    return {
        "kafka_security_protocol": "SASL_PLAINTEXT", "kafka_user": "intake", "kafka_password": login.password,
        "kafka_idempotent": True, "inbound_keys": KEYS, "inbound_lease_seconds": 2,
    }  # fmt: skip
