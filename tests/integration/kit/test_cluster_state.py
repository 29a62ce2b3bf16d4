"""Where a log ends is known to the record, on both brokers: a log that only seems shorter would be done once more."""

from __future__ import annotations

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.kit.kafka.cluster_state import log_ends
from shared.kit.kafka.settings import KafkaSettings
from tests.integration.kit.parts import hex_id

pytestmark = pytest.mark.integration


async def test_the_end_is_after_the_last_record_of_the_last_batch(kafka: str) -> None:
    topic = f"t{hex_id('log ends')[:8]}.deliveries"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 2, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", linger_ms=50)
    await producer.start()
    for size in (10, 5, 3):  # the embedded broker says 16, asked for the end
        for sent in [await producer.send(topic, b"x", partition=0) for _ in range(size)]:
            await sent
    await producer.stop()
    full, empty = TopicPartition(topic, 0), TopicPartition(topic, 1)
    settings = KafkaSettings(bootstrap=kafka, instance="test-1")
    assert await log_ends(settings, [full, empty]) == {full: 18, empty: 0}
