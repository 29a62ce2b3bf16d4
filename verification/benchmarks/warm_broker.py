"""A broker that has worked before: Apache Kafka's virtual machine compiles what runs often only after some thousand
requests, which would otherwise be paid for by the phase that is measured first (some 3 ms of each request in place of
one, seen on 30 November)."""

from __future__ import annotations

import asyncio
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

WARM_SECONDS = 20.0
LOOPS = 4
TOPIC = "warming-up"


async def warm(bootstrap: str, seconds: float = WARM_SECONDS) -> int:
    """One record at a time is sent and read again, in a few loops, in a topic of its own. How many it were."""
    topics = [f"{TOPIC}-{n}" for n in range(LOOPS)]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1) for topic in topics])
    finally:
        await admin.close()
    until = time.monotonic() + seconds
    return sum(await asyncio.gather(*(_loop(bootstrap, topic, until) for topic in topics)))


async def _loop(bootstrap: str, topic: str, until: float) -> int:
    turns = 0
    async with (
        AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer,
        AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer,
    ):
        while time.monotonic() < until:
            await producer.send_and_wait(topic, bytes(1_000))
            await consumer.getone()
            turns += 1
    return turns
