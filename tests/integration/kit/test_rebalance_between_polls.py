"""A rebalance between the records in hand and those that are read on: each is done once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from shared.events.envelope import to_kafka
from shared.kit.kafka.consumer import Consumer
from shared.kit.stream import session as session_module
from shared.kit.stream.backlog import Backlog
from shared.kit.stream.session import Session
from tests.integration.kit.parts import Service, delivery, hex_id, publish, until

pytestmark = pytest.mark.integration
FIRST, ALL = 40, 80  # events


async def test_a_rebalance_between_two_polls_does_nothing_twice_and_leaves_nothing_out(
    kafka: str, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = hex_id("between", time.time())
    first, second = (
        Service(kafka, mongo_url, f"test_{name[:12]}", f"b{name[:8]}.", instance=f"test-{n}") for n in (1, 2)
    )
    await first.start(stream=False)
    await first.topics.declare(["deliveries"])
    topic = first.settings.physical("deliveries")

    async def done(count: int) -> bool:
        return await first.database.effects.count_documents({}) >= count

    # before there is a reader, which keeps this method; else it depends on the broker whether something lay ready
    monkeypatch.setattr(Consumer, "_asked", lambda reader, lay_ready: setattr(reader, "lay_ready", True))
    await publish(kafka, topic, [delivery(n) for n in range(FIRST)])
    await first.stream.start()
    await until(lambda: done(FIRST))

    joined: list[asyncio.Task[Any]] = []
    take_in_what_came = Session._take_in_what_came

    async def after_a_rebalance(session: Session, backlog: Backlog, ready: int) -> None:
        if not joined and session is first.stream._session and session.reader is not None:
            joined.append(asyncio.create_task(second.start()))
            consumer = session.reader.kafka
            assert consumer is not None
            subscription, before = consumer._subscription, consumer.assignment()

            async def begun() -> bool:
                """Or over: one of Apache Kafka may take less time than passes between two looks."""
                return bool(subscription.reassignment_in_progress) or consumer.assignment() != before

            await until(begun)
        await take_in_what_came(session, backlog, ready)

    monkeypatch.setattr(Session, "_take_in_what_came", after_a_rebalance)
    session = first.stream._session
    assert session is not None
    assert session.reader is not None
    session.reader.lay_ready = True  # also of the poll that waits already
    monkeypatch.setattr(session_module, "MEANWHILE_MS", 300)  # for whoever runs this on a busy machine

    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    for n in range(FIRST, ALL):
        key, value, headers = to_kafka(delivery(n))
        await producer.send(topic, value, key=key, headers=headers, partition=0)
    await producer.stop()
    await until(lambda: done(ALL))
    assert joined, "nothing was read on"
    await joined[0]
    times = await first.times()
    assert len(times) == ALL
    assert set(times.values()) == {1}
    await second.stop()
    await first.client.drop_database(first.database.name)
    await first.stop()
