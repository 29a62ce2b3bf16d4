"""Where logs end, asked on a connection of its own: the one that reads them may be what has stopped, or be behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.kit.kafka.client import connection
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.kafka.topics import KAFKA_ERRORS

ASK_SECONDS = 10.0
CLOSE_SECONDS = 1.0
POLL_MS = 20


async def log_ends(kafka: KafkaSettings, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
    """The offset after the last record that a reader of committed records may see. Raises KafkaError, TimeoutError.

    The higher of two answers: the embedded broker, asked for the end (ListOffsets), names the first record but one of
    the last batch and says the truth with the records; with Apache Kafka it is a new leader that may still be behind
    with the records, while it answers the question only when it knows.
    """
    consumer = AIOKafkaConsumer(
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


async def close(consumer: AIOKafkaConsumer) -> None:
    """Close a consumer, whatever state its broker is in. aiokafka's own ``stop`` can end half-way when a fetch is
    waiting to be tried again, and leave the connections behind.

    In a task of its own: inside aiokafka a cancel can be lost, and whoever is cancelled here must still end.
    """
    closing = asyncio.create_task(_close(consumer))
    try:
        await asyncio.shield(closing)
    except asyncio.CancelledError:
        await asyncio.wait([closing])
        raise


async def _close(consumer: AIOKafkaConsumer) -> None:
    client: Any = consumer._client
    for part in (consumer.stop, client.close):
        with contextlib.suppress(*KAFKA_ERRORS, asyncio.CancelledError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await part()
