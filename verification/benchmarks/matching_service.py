"""What scoring takes from a matcher with very many people and openings: adverts that it takes from Kafka and assesses a
second, beside the same service with the same openings where nobody takes part; and how long after an advert its first
match is told."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pymongo import AsyncMongoClient

from deploy.local.stack import LocalStack
from deploy.local.timeouts import scaled
from services.matching.documents import OPPORTUNITIES, PROGRESS
from shared.events import Event
from shared.events.envelope import to_kafka
from shared.events.topics.matches import MATCHES
from shared.events.topics.opportunities import JOB_POSTED
from shared.kit.store.mongo import Document
from shared.reference import Pack
from verification.benchmarks.arithmetic import percentile, ratio
from verification.benchmarks.backlog import make_topics
from verification.benchmarks.command import InvalidTrial
from verification.benchmarks.matching_restart import Filling, event_of, fill
from verification.benchmarks.process import ServiceProcess

WITH, WITHOUT = "with", "without"
MOST_SECONDS, POLL_SECONDS = 600.0, 0.05


@dataclass(frozen=True, slots=True)
class Size:
    """``adverts`` wait on Kafka in each of the ``rounds``; then ``per_second`` come for so many ``seconds``."""

    rounds: int = 3
    adverts: int = 2_000
    per_second: int = 100
    seconds: int = 20


def service(pack: Pack, people: int, openings: int, seed: int, size: Size) -> dict[str, Any]:
    """Measure it on a stack of its own."""
    with tempfile.TemporaryDirectory() as folder:
        stack = LocalStack(Path(folder) / "stack", kind="embedded", cache_gb=2.0)
        stack.start()
        try:
            filling = fill(stack, pack, people, openings, seed, WITH)
            return asyncio.run(_measure(stack, Path(folder), filling, openings, size))
        finally:
            stack.kill()


async def _measure(stack: LocalStack, folder: Path, filling: Filling, openings: int, size: Size) -> dict[str, Any]:
    client = AsyncMongoClient[Document](stack.mongo_url)
    for collection in (OPPORTUNITIES, PROGRESS):
        copied = await client[WITH][collection].aggregate([{"$out": {"db": WITHOUT, "coll": collection}}])
        await copied.to_list()
    rates: dict[str, list[float]] = {WITH: [], WITHOUT: []}
    async with AsyncExitStack() as running:
        running.push_async_callback(client.close)
        producer = AIOKafkaProducer(bootstrap_servers=stack.kafka, acks="all")
        await producer.start()
        running.push_async_callback(producer.stop)
        trials = [
            await running.enter_async_context(_trial(stack, folder, client[name], producer, openings))
            for name in (WITH, WITHOUT)
        ]
        for number in range(size.rounds):
            some = [_advert(filling) for _ in range(size.adverts)]
            for trial in trials[:: 1 if number % 2 == 0 else -1]:
                rates[trial.name].append(await trial.throughput(some))
        waits, told = await trials[0].latencies(
            [_advert(filling) for _ in range(size.per_second * size.seconds)], size.per_second
        )
    found = ratio(zip(rates[WITH], rates[WITHOUT], strict=True))
    return {
        "service_on_vs_off": round(found.median, 3), "service_on_vs_off_spread": [found.lowest, found.highest],
        "seconds_until_told": max(trials[0].told_s),
        "adverts_per_s": round(max(rates[WITH])), "adverts_per_s_off": round(max(rates[WITHOUT])),
        "event_to_match_p50_ms": round(1_000 * percentile(waits, 0.5)),
        "event_to_match_p99_ms": round(1_000 * percentile(waits, 0.99)), "adverts_with_a_match": told,
    }  # fmt: skip


@asynccontextmanager
async def _trial(
    stack: LocalStack, folder: Path, database: Any, producer: AIOKafkaProducer, openings: int
) -> AsyncIterator[Trial]:
    """A service that has loaded everything."""
    name = str(database.name)
    prefix = f"{name}-"
    await make_topics(stack, prefix, "matching")
    settings = {"IEUM_DATABASE": name, "IEUM_TOPIC_PREFIX": prefix, "IEUM_INSTANCE": name}
    process = ServiceProcess(stack, folder, "matching", settings=settings)
    consumer = AIOKafkaConsumer(prefix + MATCHES.name, bootstrap_servers=stack.kafka, auto_offset_reset="latest")
    try:
        await process.start()
        trial = Trial(name, process, producer, consumer, openings)
        await trial.settled()
        await consumer.start()
        yield trial
    finally:
        await consumer.stop()
        await process.end(kill=True)


class Trial:
    """One of the two."""

    def __init__(
        self,
        name: str,
        process: ServiceProcess,
        producer: AIOKafkaProducer,
        consumer: AIOKafkaConsumer,
        openings: int,
    ) -> None:
        self.name = name
        self._process, self._producer, self._consumer, self._openings = process, producer, consumer, openings
        self.told_s: list[float] = []

    async def settled(self) -> None:
        """All openings are there, nobody waits to be assessed, and all is told. Raises InvalidTrial."""
        await self._until(lambda progress: progress.get("waiting") == 0)

    async def throughput(self, adverts: list[Event[Any]]) -> float:
        """Adverts a second from the first until all are in the lists that they enter; what is told of these, and when
        they are stored, comes later, once in a window (`netting_seconds`)."""
        began = time.monotonic()
        self._openings += len(adverts)
        await asyncio.gather(*[self._send(one) for one in adverts])
        await self._until(lambda progress: True)
        rate = len(adverts) / (time.monotonic() - began)
        await self.settled()
        self.told_s.append(round(time.monotonic() - began, 1))
        return rate

    async def _until(self, is_there: Callable[[dict[str, Any]], bool]) -> None:
        """All openings are assessed, and that. Raises InvalidTrial."""
        end, seen = time.monotonic() + scaled(MOST_SECONDS), None
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(scaled(30.0))) as http:
            while time.monotonic() < end:
                async with http.get(f"http://127.0.0.1:{self._process.port}/ready") as answer:
                    seen = (await answer.json()).get("progress") or {}
                if seen.get("loaded") == seen.get("of") == self._openings and is_there(seen):
                    return
                await asyncio.sleep(POLL_SECONDS)
        raise InvalidTrial(f"{self.name}: {seen} of {self._openings}: {self._process.end_of_log()}")

    async def latencies(self, adverts: list[Event[Any]], per_second: int) -> tuple[list[float], int]:
        """Seconds from the moment at which an advert was due on Kafka until its first match could be read there, and of
        how many adverts there was one."""
        due, waits = dict[str, float](), dict[str, float]()
        self._openings += len(adverts)
        await self._consumer.seek_to_end()
        reading = asyncio.create_task(self._read(due, waits))
        began = time.monotonic()
        for number, one in enumerate(adverts):
            due[one.key] = began + number / per_second
            await asyncio.sleep(due[one.key] - time.monotonic())
            await self._send(one)
        await self.settled()
        await asyncio.sleep(scaled(2.0))
        reading.cancel()
        if not waits:
            raise InvalidTrial("no advert had a match")
        return list(waits.values()), len(waits)

    async def _read(self, due: dict[str, float], waits: dict[str, float]) -> None:
        while True:
            polled = await self._consumer.getmany(timeout_ms=5)
            now = time.monotonic()
            for record in (record for records in polled.values() for record in records):
                if (opening := json.loads(record.value or b"{}").get("opportunity")) in due:
                    waits.setdefault(opening, now - due[opening])

    async def _send(self, advert: Event[Any]) -> None:
        key, value, headers = to_kafka(advert)
        await self._producer.send(f"{self.name}-{JOB_POSTED.topic.name}", value, key=key, headers=headers)


def _advert(filling: Filling) -> Event[Any]:
    one = filling.another()
    return event_of(JOB_POSTED.name, one.opportunity, one)
