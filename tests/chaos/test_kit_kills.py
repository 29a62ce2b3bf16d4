"""kill -9 at named points, and brokers that come back without their log: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from deploy.local.stack import LocalStack
from deploy.local.timeouts import scaled
from tests.integration.kit.parts import Service, delivery, everything, hex_id, publish, until

pytestmark = pytest.mark.chaos

POINTS = [
    ("in transaction", 2),
    ("before commit", 3),
    ("after commit", 2),  # committed, not yet published
    ("acknowledged, not marked", 1),
    ("before commit", 1),
]
ROUND = 400


class TestAProcessThatIsKilled:
    async def test_loses_and_doubles_nothing(
        self, kafka: str, mongo_url: str, database: Any, topic_prefix: str
    ) -> None:
        observer = Service(kafka, mongo_url, database.name, topic_prefix, instance="observer")
        await observer.topics.start(["deliveries", "agencies", "deliveries.dead"])
        for round, (point, times) in enumerate(POINTS):
            worker = await start(kafka, mongo_url, database.name, topic_prefix, point, times)
            try:
                numbers = range(round * ROUND, (round + 1) * ROUND)
                await publish(kafka, topic_prefix + "deliveries", [delivery(n) for n in numbers])
                async with asyncio.timeout(scaled(90)):
                    assert await worker.wait() == -signal.SIGKILL, point
            finally:
                if worker.returncode is None:
                    worker.kill()
                    await worker.wait()
        total = ROUND * len(POINTS)
        last = await start(kafka, mongo_url, database.name, topic_prefix, "", 0)
        try:

            async def done() -> bool:
                waiting = await database.outbox.count_documents({"topic_id": None})
                return await database.effects.count_documents({}) == total and not waiting

            await until(done, "every effect and every row published")
            last.send_signal(signal.SIGTERM)
            async with asyncio.timeout(scaled(40)):
                assert await last.wait() == 0
        finally:
            if last.returncode is None:
                last.kill()
                await last.wait()
        assert await database.effects.count_documents({"times": {"$ne": 1}}) == 0
        assert await database.quarantine.count_documents({}) == 0
        async for thing in database.things.find():
            mine = [n for n in range(total) if hex_id("thing", n % 10) == thing["_id"]]
            assert thing["order"] == mine, "in order, each once"
        said = await everything(kafka, topic_prefix + "agencies")
        assert len({dict(r.headers)["ce_id"] for r in said}) == total
        in_order(said)
        await observer.topics.stop()
        observer.client.close()


async def start(*arguments: object) -> asyncio.subprocess.Process:
    kafka, mongo_url, database, prefix, point, times = map(str, arguments)
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.kit.worker",
        kafka, mongo_url, database, prefix, "test-1", point, times,
    )  # fmt: skip


def in_order(said: list[Any]) -> None:
    """Per key the first time that each sequence came is in order (repeats are for consumers to drop)."""
    seen: dict[bytes, list[int]] = {}
    for record in said:
        sequence = int(dict(record.headers)["ce_sequence"])
        mine = seen.setdefault(record.key, [])
        if sequence not in mine:
            mine.append(sequence)
    for mine in seen.values():
        assert mine == sorted(mine)


class TestABrokerThatForgets:
    async def test_gets_everything_again_and_is_read_from_its_beginning(self, own_stack: LocalStack) -> None:
        kafka, prefix = own_stack.kafka, "p."
        service = Service(kafka, own_stack.mongo_url, "forgetting", prefix)
        try:
            await service.start()
            for round in range(3):
                numbers = range(round * 100, round * 100 + 100)
                before = dict(service.topics.ids)
                await publish(kafka, prefix + "deliveries", [delivery(n) for n in numbers])

                async def done(total: int = round * 100 + 100) -> bool:
                    return await service.database.effects.count_documents({}) == total

                if round == 1:  # in the middle of work
                    await asyncio.to_thread(forget, own_stack)
                    await until(new_ids(service, before), "new topic ids")
                    await publish(kafka, prefix + "deliveries", [delivery(n) for n in numbers])  # as its writer would
                await until(done, f"the effects of round {round}")
                assert await service.published(60)
                before = dict(service.topics.ids)
                await asyncio.to_thread(forget, own_stack)
                await until(new_ids(service, before), "new topic ids")

                async def again(total: int = round * 100 + 100) -> bool:
                    held = {"topic": "agencies", "topic_id": service.topics.ids.get("agencies")}
                    rows = [row async for row in service.database.outbox.find(held)]
                    return sum(len(row["events"]) for row in rows) >= total

                await until(again, "everything published again")
                said = await everything(kafka, prefix + "agencies")
                assert len({dict(r.headers)["ce_id"] for r in said}) >= round * 100 + 100
                in_order(said)
        finally:
            await service.stop()


def forget(stack: LocalStack) -> None:
    """The broker is killed and comes back empty: the embedded one always does, Apache Kafka when its disk was lost."""
    stack.broker.kill()
    if stack.broker.keeps_its_log:
        shutil.rmtree(stack.folder / "kafka")
    stack.broker.start()


def new_ids(service: Service, before: dict[str, str]) -> Callable[[], Awaitable[bool]]:
    async def changed() -> bool:
        now = service.topics.ids
        return all(topic in now and now[topic] != id for topic, id in before.items())

    return changed
