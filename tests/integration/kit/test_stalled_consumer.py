"""A consumer that has stopped reading, although all is well for its group and its broker, is noticed and replaced.

Why a client stops is not known beforehand, or it would be mended. Here aiokafka is told to pause, which nothing in the
kit ever does: the member stays in its group, its heartbeats go on, records wait and none comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.kit.parts import Service, delivery, hex_id, publish, until

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def service(kafka: str, mongo_url: str) -> AsyncIterator[Service]:
    name = hex_id("asleep")
    made = Service(
        kafka, mongo_url, f"test_{name[:12]}", f"t{name[:8]}.", session_timeout_ms=1_000, heartbeat_interval_ms=300
    )
    await made.start()
    yield made
    await made.client.drop_database(made.database.name)
    await made.stop()


async def handle(service: Service, kafka: str, numbers: range) -> None:
    await publish(kafka, service.settings.physical("deliveries"), [delivery(n) for n in numbers])

    async def done() -> bool:
        return set(await service.times()) >= {hex_id("event", n) for n in numbers}

    await until(done)


async def test_what_waits_is_read_by_a_new_consumer(service: Service, kafka: str) -> None:
    await handle(service, kafka, range(20))
    asleep = service.stream._session
    consumer = asleep and asleep.reader and asleep.reader.kafka
    assert consumer is not None
    consumer.pause(*consumer.assignment())
    await handle(service, kafka, range(20, 60))
    assert ("stream", "StalledPartitions") in service.seen.of("retried")
    assert service.stream._session is not asleep
    assert set((await service.times()).values()) == {1}


async def test_nothing_is_replaced_while_nothing_waits(service: Service, kafka: str) -> None:
    await handle(service, kafka, range(20))
    awake = service.stream._session
    await asyncio.sleep(5.0)  # two looks and more, each two session time-outs after the one before
    assert service.stream._session is awake
    assert not service.seen.of("retried")
