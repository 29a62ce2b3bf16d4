"""From Kafka through one transaction per batch to the outbox and back onto Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.kit.parts import Service, agency_event, data_of, delivery, everything, hex_id, publish

pytestmark = pytest.mark.integration


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture(loop_scope="session")
async def service(kafka: str, mongo_url: str, database: Any, topic_prefix: str) -> AsyncIterator[Service]:
    made = Service(kafka, mongo_url, database.name, topic_prefix)
    await made.start()
    yield made
    await made.stop()


class TestAHealthyStream:
    async def test_every_event_has_its_effect_once_and_says_one_thing(self, service: Service, kafka: str) -> None:
        topic = service.settings.physical("deliveries")
        await publish(kafka, topic, [delivery(n) for n in range(300)])

        async def done() -> bool:
            return await service.database.effects.count_documents({}) == 300

        await until(done)
        assert set((await service.times()).values()) == {1}
        ok = await service.outbox.wait_until_published(3)
        assert ok, (service.seen.of('retried')[-5:], service.seen.of('published'), {k: vars(l) for k, l in service.outbox._lanes.items()})
        said = await everything(kafka, service.settings.physical("agencies"))
        assert len(said) == 300
        for n in range(10):
            mine = [int(dict(r.headers)["ce_sequence"]) for r in said if r.key.decode() == hex_id("thing", n)]
            assert mine == list(range(1, 31)), "order per key"
