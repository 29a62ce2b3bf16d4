"""Where logs end, asked on a connection of its own: by who has to know whether his consumer has fallen asleep."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.kit.topics import KAFKA_ERRORS

ASK_SECONDS = 10.0


async def log_ends(bootstrap: str, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
    """The offset after the last record that a reader of committed records may see. Raises KafkaError, TimeoutError.

    At least: the embedded broker names the beginning of the last batch.
    """
    asking = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        request_timeout_ms=int(ASK_SECONDS * 1000),
    )
    try:
        async with asyncio.timeout(ASK_SECONDS):
            await asking.start()
            found: dict[TopicPartition, int] = await asking.end_offsets(partitions)
    finally:
        with contextlib.suppress(*KAFKA_ERRORS):
            await asking.stop()
    return found
