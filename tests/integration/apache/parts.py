"""Users, topics and groups of a real Apache Kafka, and who may do what.

What is expected stands here by hand, not taken from `deploy/rights`: a right that is given by mistake is to be seen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.apache.broker import ApacheBroker
from deploy.local.timeouts import scaled
from deploy.rights.login import READER, Login
from shared.kit.kafka.client import (
    why_refused,
)
from shared.kit.kafka.settings import KafkaSecurity, KafkaSettings

TOPICS = ("people", "opportunities", "agencies", "prohibitions", "matches", "deliveries")
WRITES = {
    "intake": {"people", "opportunities", "agencies", "prohibitions", "matches.dead", "deliveries.dead"},
    "matching": {"matches", "people.dead", "opportunities.dead", "agencies.dead", "prohibitions.dead"},
    "notifications": {"deliveries", "people.dead", "matches.dead", "agencies.dead", "prohibitions.dead"},
    "reader": set(),
    "stranger": set(),
}
READS = {
    "intake": {"matches", "deliveries", "people", "opportunities", "agencies", "prohibitions"},
    "matching": {"people", "opportunities", "agencies", "prohibitions"},
    "notifications": {"people", "matches", "agencies", "prohibitions"},
    "reader": {name for names in WRITES.values() for name in names},
    "stranger": set(),
}
GROUPS = {
    "intake": {"intake"},
    "matching": {"matching"},
    "notifications": {"notifications"},
    "reader": set(),
    "stranger": set(),
}
USERS = tuple(WRITES)
ALL_TOPICS = tuple(sorted({name for names in WRITES.values() for name in names}))
ALL_GROUPS = tuple(sorted({group for groups in GROUPS.values() for group in groups} | {"somebody"}))
STRANGER = "stranger"
ACTS = {
    "Read": 3,
    "Write": 4,
    "Create": 5,
    "Delete": 6,
    "Alter": 7,
    "Describe": 8,
    "DescribeConfigs": 10,
    "AlterConfigs": 11,
}
PASSWORD = "5ec7e7" * 8


def login_of(broker: ApacheBroker, user: str) -> Login:
    return Login(broker.address, STRANGER, PASSWORD) if user == STRANGER else broker.login(user)


def settings_of(broker: ApacheBroker, of: str, **security: Any) -> KafkaSettings:
    login = login_of(broker, of)
    given = {"security_protocol": "SASL_PLAINTEXT", "user": of, "password": login.password} | security
    return KafkaSettings(
        bootstrap=login.address, instance=f"test-{of}-1", idempotent=True, watch_seconds=0.2,
        session_timeout_ms=6_000, heartbeat_interval_ms=500, security=KafkaSecurity(**given),
    )  # fmt: skip


async def ends(broker: ApacheBroker) -> dict[TopicPartition, int]:
    async with AIOKafkaConsumer(**broker.login(READER).arguments) as consumer:
        found: dict[TopicPartition, int] = await consumer.end_offsets(
            [TopicPartition(topic, n) for topic in ALL_TOPICS for n in range(4)]
        )
        return found


async def lets_in(settings: KafkaSettings) -> bool:
    return await why_refused(settings, 5_000) is None


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    end = time.monotonic() + scaled(seconds)
    while not await true():
        assert time.monotonic() < end, "never happened"
        await asyncio.sleep(0.05)
