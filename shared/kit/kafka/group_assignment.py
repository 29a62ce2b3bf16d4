"""What a consumer group has given to whom, as its coordinator says."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import TopicPartition

from shared.kit.kafka.aiokafka_internals import decoded_assignment
from shared.kit.kafka.client import admin_client
from shared.kit.kafka.settings import KafkaSettings

ASK_SECONDS = 10.0


async def assigned_in(kafka: KafkaSettings, group: str) -> tuple[str, set[TopicPartition]]:
    """The group's state ("Stable": at rest) and all partitions that its members have.

    Raises KafkaError, TimeoutError.
    """
    answer: Any
    async with asyncio.timeout(ASK_SECONDS), admin_client(kafka) as admin:
        (answer,) = await admin.describe_consumer_groups([group])
    _, _, state, _, _, members = answer.groups[0][:6]
    return state, set().union(*(decoded_assignment(member[4]) for member in members if member[4]))
