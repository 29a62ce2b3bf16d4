"""What a consumer group has given to whom, as its coordinator says."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.kit.kafka.aiokafka_internals import decoded_assignment
from shared.kit.kafka.client import connection
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.kafka.topics import KAFKA_ERRORS

ASK_SECONDS = 10.0


async def assigned_in(kafka: KafkaSettings, group: str) -> tuple[str, set[TopicPartition]]:
    """The group's state ("Stable": at rest) and all partitions that its members have.

    Raises KafkaError, TimeoutError.
    """
    admin = AIOKafkaAdminClient(**connection(kafka), request_timeout_ms=int(ASK_SECONDS * 1000))
    try:
        async with asyncio.timeout(ASK_SECONDS):
            await admin.start()
            answer: Any
            (answer,) = await admin.describe_consumer_groups([group])
    finally:
        with contextlib.suppress(*KAFKA_ERRORS):
            await admin.close()
    _, _, state, _, _, members = answer.groups[0][:6]
    return state, set().union(*(decoded_assignment(member[4]) for member in members if member[4]))
