"""aiokafka's producer as the outbox wants it: keeps order per partition, never gives a batch up by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

from shared.kit.kafka.aiokafka_internals import never_expire
from shared.kit.kafka.client import connection
from shared.kit.kafka.partitioning import partition_of
from shared.kit.kafka.settings import KafkaSettings

METADATA_MS = 60_000  # another leader is asked for when the old one refuses; another topic gets another producer
WHOLE_BATCHES = 200  # records at once; below about 100 one by one was seen to be quicker


def producer_of(kafka: KafkaSettings, topic: str) -> AIOKafkaProducer:
    """Not started. acks=all; idempotent if the broker knows how. One request per partition is under way at a time, so
    a retry keeps the order."""
    producer = AIOKafkaProducer(
        **connection(kafka),
        client_id=f"{kafka.instance}-{topic}",
        acks="all",
        enable_idempotence=kafka.idempotent,
        linger_ms=2,
        max_batch_size=64 * 1024,
        max_request_size=4 * 1024 * 1024,
        request_timeout_ms=20_000,
        metadata_max_age_ms=METADATA_MS,
        retry_backoff_ms=100,
    )
    never_expire(producer)  # a log that is gone ends it: then the relay abandons the whole producer
    return producer


async def send_all(
    producer: AIOKafkaProducer, topic: str, partitions: int, records: Sequence[tuple[bytes, bytes, Any]]
) -> list[asyncio.Future[Any]]:
    """Put key, value and headers of many records into the buffers, in order per key; each goes to the partition that
    ``producer.send`` would choose. The futures are done when all are acknowledged. Waits as long as the buffers are
    full.

    Many at once go in whole batches: a future and a look at the metadata for each record cost more than all the rest of
    sending it. A few are cheaper one by one: they share the batch that is open, and a whole one waits for its turn.
    """
    if len(records) < WHOLE_BATCHES:
        return [await producer.send(topic, value, key=key, headers=headers) for key, value, headers in records]
    builders = dict[int, list[Any]]()
    for key, value, headers in records:
        number = partition_of(key, partitions)
        if number not in builders:
            builders[number] = [producer.create_batch()]
        if builders[number][-1].append(timestamp=None, key=key, value=value, headers=headers) is None:  # it is full
            builders[number].append(producer.create_batch())
            builders[number][-1].append(timestamp=None, key=key, value=value, headers=headers)
    return [
        await _send_batch(producer, builder, topic, number)
        for number, of_partition in builders.items()
        for builder in of_partition
    ]


async def _send_batch(producer: AIOKafkaProducer, builder: Any, topic: str, number: int) -> asyncio.Future[Any]:
    while True:
        with contextlib.suppress(KafkaTimeoutError):  # a batch before it still waits: nothing was appended
            sent: asyncio.Future[Any] = await producer.send_batch(builder, topic, partition=number)
            return sent
