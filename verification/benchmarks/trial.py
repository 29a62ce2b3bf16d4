"""One trial: a contender in a fresh process, a topic and a database of its own, watched only from outside.

What counts is what comes out: the outgoing topic is tailed, each event must come out once and be kept once. A trial
that lost or doubled anything raises InvalidTrial: there is nothing to compare then.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import AsyncMongoClient

from deploy.local.stack import LocalStack
from deploy.local.timeouts import scaled
from verification.benchmarks.arithmetic import percentile, rate
from verification.benchmarks.command import InvalidTrial
from verification.benchmarks.workload import (
    BEFORE,
    PARTITIONS,
    READS,
    STATE,
    WRITES,
    Names,
    Record,
    document,
    match_found,
)

STALLED_SECONDS = 30.0
TAIL_WAIT_MS = 5  # the embedded broker answers a fetch only when this is over


class Tail:
    """What has come out so far: how many at which moment, and when each one did."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._polls: list[tuple[float, list[Any]]] = []
        self.count = 0

    async def follow(self, total: int) -> None:
        """Until that many have come out. Raises InvalidTrial when nothing comes any more."""
        while self.count < total:
            try:
                async with asyncio.timeout(scaled(STALLED_SECONDS)):
                    polled = await self._consumer.getmany(timeout_ms=1_000)
                    while not polled:
                        polled = await self._consumer.getmany(timeout_ms=1_000)
            except TimeoutError:
                raise InvalidTrial(
                    f"{self.count} of {total} came out, then nothing for {scaled(STALLED_SECONDS):.0f} s"
                ) from None
            now = time.perf_counter()
            found = [record for records in polled.values() for record in records]
            self._polls.append((now, found))
            self.count += len(found)

    async def nothing_more(self) -> None:
        """Raises InvalidTrial when more comes out than went in."""
        if polled := await self._consumer.getmany(timeout_ms=300):
            raise InvalidTrial(f"{sum(map(len, polled.values()))} more came out than went in")

    def arrivals(self) -> list[tuple[float, int]]:
        """Moments and how many were out by then."""
        count, found = 0, []
        for moment, records in self._polls:
            count += len(records)
            found.append((moment, count))
        return found

    def moments(self) -> dict[bytes, float]:
        """When each event came out, by its correlation id."""
        return {
            value: moment
            for moment, records in self._polls
            for record in records
            for name, value in record.headers
            if name == "ce_correlationid"
        }


class Trials:
    """Makes trials on one stack."""

    def __init__(self, stack: LocalStack, kind: str) -> None:
        self._stack = stack
        self._idempotent = stack.broker.idempotent_producer
        self._kind = kind

    async def throughput(self, contender: str, records: Sequence[Record], warm_up: int, *, held: bool = False) -> float:
        """Events per second with all of them waiting in the topic; the first ones are not counted."""
        async with (
            self._trial(len(records) if held else 0) as names,
            self._contender(contender, names, len(records), 0) as process,
        ):
            await self._send(names, records)
            async with self._tail(names) as tail:
                await _go(process)
                await tail.follow(len(records))
                await self._check(names, tail, len(records))
                return rate(tail.arrivals(), warm_up)

    async def transactions(self, count: int, warm_up: int, *, held: bool = False) -> float:
        """Events per second of the group transactions."""
        async with (
            self._trial(count if held else 0) as names,
            self._contender("group", names, count, warm_up) as process,
        ):
            await _go(process)
            reached = float(await _line(process))
            await self._kept(names, count)
            return reached

    async def latencies(
        self, contender: str, records: Sequence[Record], per_second: float, seconds: float, warm_up_seconds: float
    ) -> tuple[float, float]:
        """p50 and p99 in milliseconds from the moment at which an event was due to be sent until what is said about it
        can be read, at a steady rate."""
        warm_up, total = int(per_second * warm_up_seconds), int(per_second * (warm_up_seconds + seconds))
        if total > len(records):
            raise ValueError("not enough records for that rate")
        async with self._trial() as names, self._contender(contender, names, total, 0) as process:
            first = records[:PARTITIONS]  # until these are through it is not counted as started
            await self._send(names, first)
            async with self._tail(names) as tail:
                await _go(process)
                await tail.follow(len(first))
                sending = asyncio.create_task(self._send_steadily(names, records[len(first) : total], per_second))
                try:
                    await tail.follow(total)
                finally:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
                due = sending.result()
                await self._check(names, tail, total)
                out = tail.moments()
                waits = [(out[id] - moment) * 1000 for id, moment in due[warm_up:]]
                return percentile(waits, 0.50), percentile(waits, 0.99)

    # --- the parts of a trial

    @asynccontextmanager
    async def _trial(self, held: int = 0) -> AsyncIterator[Names]:
        """``held``: how many matches are held when it begins."""
        kafka, mongo_url = self._stack.kafka, self._stack.mongo_url
        names = Names(kafka, mongo_url, self._idempotent, f"b{secrets.token_hex(4)}", held > 0)
        if held:
            await _hold(names, held)
        admin = AIOKafkaAdminClient(bootstrap_servers=names.kafka)
        await admin.start()
        try:
            topics = [names.prefix + topic for topic in (READS, WRITES, f"{READS}.dead")]
            await admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in topics])
            yield names
            await admin.delete_topics(topics)
        finally:
            await admin.close()
            mongo: AsyncMongoClient[dict[str, Any]]
            async with AsyncMongoClient(names.mongo_url) as mongo:
                await mongo.drop_database(names.database)

    @asynccontextmanager
    async def _contender(
        self, name: str, names: Names, count: int, warm_up: int
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "verification.benchmarks.contender",
            name, json.dumps(asdict(names)), str(count), str(warm_up),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            await _line(process)
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(scaled(20)):
                    await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()

    @asynccontextmanager
    async def _tail(self, names: Names) -> AsyncIterator[Tail]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=names.kafka,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=TAIL_WAIT_MS,
        )
        await consumer.start()
        try:
            consumer.assign([TopicPartition(names.prefix + WRITES, number) for number in range(PARTITIONS)])
            yield Tail(consumer)
        finally:
            await consumer.stop()

    @asynccontextmanager
    async def _producer(self, names: Names) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(bootstrap_servers=names.kafka, acks="all", linger_ms=1)
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def _send(self, names: Names, records: Sequence[Record]) -> None:
        async with self._producer(names) as producer:
            sent = [await producer.send(names.prefix + READS, v, key=k, headers=h) for k, v, h in records]
            await asyncio.gather(*sent)

    async def _send_steadily(
        self, names: Names, records: Sequence[Record], per_second: float
    ) -> list[tuple[bytes, float]]:
        """Correlation id of each and the moment it was due; late ones are sent at once, their delay counts."""
        due = []
        async with self._producer(names) as producer:
            begun = time.perf_counter()
            for n, (key, value, headers) in enumerate(records):
                moment = begun + n / per_second
                if (ahead := moment - time.perf_counter()) > 0:
                    await asyncio.sleep(ahead)
                await producer.send(names.prefix + READS, value, key=key, headers=headers)
                due.append((dict(headers)["ce_correlationid"], moment))
        return due

    async def _check(self, names: Names, tail: Tail, total: int) -> None:
        await tail.nothing_more()
        if len(tail.moments()) != total:
            raise InvalidTrial(f"{total - len(tail.moments())} of {total} did not come out, others twice")
        await self._kept(names, total)

    async def _kept(self, names: Names, total: int) -> None:
        mongo: AsyncMongoClient[dict[str, Any]]
        async with AsyncMongoClient(names.mongo_url) as mongo:
            kept = await mongo[names.database][STATE].count_documents({"sequence": {"$gt": BEFORE}})
        if kept != total:
            raise InvalidTrial(f"{kept} of {total} are kept")


async def _hold(names: Names, count: int) -> None:
    documents = [document(match_found(n).data, BEFORE) for n in range(count)]
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(names.mongo_url)
    async with client:
        await client[names.database][STATE].insert_many(documents)


async def _go(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.write(b"go\n")
    await process.stdin.drain()


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(scaled(60)):
        line = await process.stdout.readline()
    if not line:
        raise InvalidTrial("the contender ended by itself")
    return line.decode().strip()
