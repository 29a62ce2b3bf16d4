"""aiokafka's producer as the outbox wants it: keeps order per partition, never gives a batch up by itself."""

from __future__ import annotations

import asyncio
import contextlib
import math

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.kit.kafka import KafkaSettings


def producer_of(kafka: KafkaSettings, lane: str) -> AIOKafkaProducer:
    """Not started. acks=all; idempotent if the broker knows how. One request per partition is under way at a time, so
    a retry keeps the order."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap,
        client_id=f"{kafka.instance}-{lane}",
        acks="all",
        enable_idempotence=kafka.idempotent,
        linger_ms=2,
        max_batch_size=64 * 1024,
        max_request_size=4 * 1024 * 1024,
        request_timeout_ms=20_000,
        metadata_max_age_ms=kafka.metadata_max_age_ms,
        retry_backoff_ms=100,
    )
    # A batch that expires while a later one survives would come after it: with no time limit aiokafka retries the head
    # of each partition until it is through. A log that is gone ends it: then the lane abandons the whole producer.
    producer._message_accumulator._batch_ttl = math.inf
    return producer


async def abandon(producer: AIOKafkaProducer, seconds: float = 2.0) -> None:
    """Close without flushing: what is in its buffers is not sent any more (its rows are in the outbox)."""
    producer._closed = True
    with contextlib.suppress(KafkaError, OSError, TimeoutError, asyncio.CancelledError):
        async with asyncio.timeout(seconds):
            await producer._sender.close()
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(seconds):
            await producer.client.close()
