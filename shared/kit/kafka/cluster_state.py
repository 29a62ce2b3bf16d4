"""Where logs end and what a group has given to whom, asked on connections of their own: the one that reads may be what
has stopped, or be behind."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from aiokafka import TopicPartition

from shared.kit.kafka.aiokafka_internals import close, consumer_of, decoded_assignment
from shared.kit.kafka.client import admin_client, connection
from shared.kit.kafka.settings import KafkaSettings

ASK_SECONDS = 10.0
POLL_MS = 20


async def log_ends(kafka: KafkaSettings, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
    """The offset after the last record that a reader of committed records may see. Raises KafkaError, TimeoutError.

    The higher of two answers: the embedded broker, asked for the end (ListOffsets), names the first record but one of
    the last batch and says the truth with the records; with Apache Kafka it is a new leader that may still be behind
    with the records, while it answers the question only when it knows.
    """
    consumer = consumer_of(
        **connection(kafka),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        request_timeout_ms=int(ASK_SECONDS * 1000),
        fetch_max_wait_ms=POLL_MS,
    )
    try:
        async with asyncio.timeout(ASK_SECONDS):
            await consumer.start()
            answered: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
            consumer.assign(list(partitions))
            for partition, end in answered.items():
                consumer.seek(partition, max(0, end - 1))
            while any(consumer.last_stable_offset(each) is None for each in partitions):
                await consumer.getmany(timeout_ms=POLL_MS)
            return {each: max(end, consumer.last_stable_offset(each) or 0) for each, end in answered.items()}
    finally:
        await close(consumer)


async def assigned_in(kafka: KafkaSettings, group: str) -> tuple[str, set[TopicPartition]]:
    """A consumer group's state ("Stable": at rest) and all partitions that its members have, as its coordinator says.

    Raises KafkaError, TimeoutError.
    """
    answer: Any
    async with asyncio.timeout(ASK_SECONDS), admin_client(kafka) as admin:
        (answer,) = await admin.describe_consumer_groups([group])
    _, _, state, _, _, members = answer.groups[0][:6]
    return state, set().union(*(decoded_assignment(member[4]) for member in members if member[4]))
