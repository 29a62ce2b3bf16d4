"""The kit's README as another team would take it: its example runs, with a codec and events of its own."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

import shared.kit
from shared.kit.kafka.settings import KafkaSettings
from tests.integration.kit.parts import hex_id, until
from tests.support.broker import IDEMPOTENT

pytestmark = pytest.mark.integration
README = Path(shared.kit.__file__).with_name("README.md").read_text()


async def test_the_example_counts_each_order_once_and_sets_apart_what_is_none(
    kafka: str, mongo_url: str, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.setitem(sys.modules, "readme", module := ModuleType("readme"))
    exec(source, example := vars(module))
    settings = KafkaSettings(
        bootstrap=kafka,
        instance="totals-1",
        prefix=f"t{hex_id(database.name)[:8]}.",
        idempotent=IDEMPOTENT,
        session_timeout_ms=1_000,
        heartbeat_interval_ms=300,
    )
    event, codec = example["Event"], example["JsonCodec"]()
    async with example["running"](settings, mongo_url, database.name, bytes(range(32))):
        async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
            for id in ("1", "2", "2"):
                record = codec.encode(event("order-placed", id, "kim"))
                await producer.send_and_wait(settings.physical(record.topic), record.value, key=record.key)
            await producer.send_and_wait(settings.physical("orders"), b"{", key=b"kim")

        async def published() -> bool:
            return await database.outbox.count_documents({"topic_id": {"$ne": None}}) >= 2

        await until(published)
        assert (await database.totals.find_one({"_id": "kim"}))["orders"] == ["1", "2"]
        assert [kept["reason"] async for kept in database.quarantine.find()] == ["not-an-event"]
    assert await _said(kafka, settings.physical("totals"), codec) == [
        event("total-changed", "1/total", "kim", 1),
        event("total-changed", "2/total", "kim", 2),
    ]


async def _said(kafka: str, topic: str, codec: Any) -> list[Any]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    found: list[Any] = []
    async with consumer:
        while len(found) < 2:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [codec.decode(record, "totals") for record in records]
    return found
