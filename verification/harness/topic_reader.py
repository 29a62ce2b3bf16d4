"""The topics as they are on the broker: how long they are, and every record in them."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.timeouts import scaled
from deploy.rights.acls import SERVICES, topics_read_by
from deploy.rights.login import Login

READS = {service: topics_read_by(service) for service in SERVICES}
"""Which service reads which topics: what it says of itself when it asks for rights."""

SECONDS = 5.0  # for the ends: who asks for them in a row asks again
PATIENCE = 60.0  # for records: one answer may be as large as a topic

# A broker that was just killed is nothing to print here: whoever asks gets the exception. No level is set: the tests of
# logs share this process.
logging.getLogger("aiokafka").addHandler(logging.NullHandler())


@asynccontextmanager
async def _consumer(login: Login, seconds: float) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        **login.arguments,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        request_timeout_ms=round(1_000 * scaled(seconds)),
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def _partitions(login: Login) -> list[TopicPartition]:
    """All of them, asked for by name: a consumer without a subscription is told none by Apache Kafka."""
    admin = AIOKafkaAdminClient(**login.arguments, request_timeout_ms=round(1_000 * scaled(SECONDS)))
    await admin.start()
    try:
        described = await admin.describe_topics()
    finally:
        await admin.close()
    return [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in sorted(described, key=lambda one: str(one["topic"]))
        if not topic["topic"].startswith("__")
        for partition in topic["partitions"]
    ]


async def end_offsets(login: Login) -> dict[tuple[str, int], int]:
    """The offset after the last record of every partition. Raises KafkaError when the broker is away.

    Taken from what the broker says with its records: the embedded one, asked for the end of a log (ListOffsets),
    names the beginning of the last batch.
    """
    partitions = await _partitions(login)
    if not partitions:
        return {}
    async with _consumer(login, SECONDS) as consumer:
        near = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        for partition, end in near.items():
            consumer.seek(partition, max(0, end - 1))
        end_of_waiting = time.monotonic() + scaled(SECONDS)
        while any(consumer.highwater(partition) is None for partition in partitions):
            if time.monotonic() > end_of_waiting:
                raise TimeoutError
            await consumer.getmany(timeout_ms=20)
        return {(p.topic, p.partition): consumer.highwater(p) or 0 for p in partitions}


async def records(login: Login) -> list[ConsumerRecord[bytes, bytes]]:
    """Every record of every topic, from offset 0. Raises TimeoutError when nothing comes any more before the ends."""
    left = {TopicPartition(*partition): end for partition, end in (await end_offsets(login)).items() if end > 0}
    found: list[ConsumerRecord[bytes, bytes]] = []
    async with _consumer(login, PATIENCE) as consumer:
        consumer.assign(list(left))
        moved_at = time.monotonic()
        while left:
            for partition, some in (await consumer.getmany(timeout_ms=1_000)).items():
                found += some
                moved_at = time.monotonic()
                if some and partition in left and some[-1].offset + 1 >= left[partition]:
                    del left[partition]
            if time.monotonic() - moved_at > scaled(PATIENCE):
                raise TimeoutError(f"{len(found)} records, then nothing; not at its end: {sorted(left)}")
    return found


def lag(ends: dict[tuple[str, int], int], checkpoints: dict[tuple[str, str, int], int]) -> dict[str, int]:
    """How many records each service has still to read; ``checkpoints``: (service, topic, partition) to the last done.

    A checkpoint beyond the end belongs to a log that the broker forgot: then the new one is still to be read.
    """
    return {
        f"{service} reads {topic}/{partition}": abs(end - (checkpoints.get((service, topic, partition), -1) + 1))
        for service, topics in READS.items()
        for (topic, partition), end in ends.items()
        if topic in topics
    }
