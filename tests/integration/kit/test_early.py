"""Who comes back reads on before its group has found together: only what is its own, without a gap, and never twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from shared.kit.kafka.consumer import Consumer
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.stream import early, stream
from shared.kit.stream.checkpoints import Partition
from shared.kit.stream.early import EarlyReader
from tests.integration.kit.parts import Seen, Service, delivery, hex_id, publish, until

pytestmark = pytest.mark.integration


@dataclass
class Group:
    """When it has found together, on whatever broker."""

    together: asyncio.Event


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> Group:
    waiting = Group(asyncio.Event())
    waiting.together.set()

    class Late(Consumer):
        async def start(self) -> None:
            await waiting.together.wait()
            await super().start()

    monkeypatch.setattr(stream, "Consumer", Late)
    monkeypatch.setattr(early, "PATIENCE", 0.1)
    return waiting


@asynccontextmanager
async def lives(kafka: str, mongo_url: str, *instances: str) -> AsyncIterator[list[Service]]:
    """Lives of one service, one after the other: none is started yet."""
    name = hex_id("early", *instances)
    made = [
        Service(
            kafka, mongo_url, f"test_{name[:12]}", f"t{name[:8]}.", instance=instance, session_timeout_ms=1_000,
            heartbeat_interval_ms=300,
        )
        for instance in instances
    ]  # fmt: skip
    yield made
    await made[-1].client.drop_database(made[-1].database.name)
    await made[-1].stop()


async def send(service: Service, kafka: str, numbers: Iterable[int]) -> None:
    await publish(kafka, service.settings.physical("deliveries"), [delivery(n) for n in numbers])


async def handled(service: Service, count: int) -> None:
    async def done() -> bool:
        return len(await service.times()) == count

    await until(done)


async def back(before: Service, after: Service, group: Group, kafka: str, more: Iterable[int]) -> asyncio.Task[Service]:
    """The first life has done 40 events; the second one begins with more waiting, and its group is not together."""
    await before.start()
    await send(before, kafka, range(40))
    await handled(before, 40)
    await before.stop()
    await send(after, kafka, more)
    group.together.clear()
    return asyncio.create_task(after.start())


async def test_what_was_ours_is_read_while_the_group_is_not_together_and_only_once(
    kafka: str, mongo_url: str, group: Group
) -> None:
    async with lives(kafka, mongo_url, "test-1", "test-1") as (before, after):
        starting = await back(before, after, group, kafka, range(40, 140))
        await handled(after, 140)
        assert not starting.done()
        group.together.set()
        await starting
        await send(after, kafka, range(140, 180))
        await handled(after, 180)
        assert set((await after.times()).values()) == {1}
        assert not after.seen.of("fenced")


async def test_what_another_replica_had_is_left_to_the_group(kafka: str, mongo_url: str, group: Group) -> None:
    async with lives(kafka, mongo_url, "test-1", "test-2") as (before, after):
        starting = await back(before, after, group, kafka, range(40, 80))
        await asyncio.sleep(3.0)
        assert len(await after.times()) == 40
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)


@dataclass
class Fetched:
    offset: int


class Log:
    """Stands in for aiokafka's consumer: what it is asked for comes in these portions."""

    def __init__(self, portions: Sequence[Sequence[int]]) -> None:
        self.portions = [list(map(Fetched, each)) for each in portions]
        self.sought: list[int] = []
        self.stopped, self.go_on = asyncio.Event(), asyncio.Event()
        self.go_on.set()
        self._client = self

    async def close(self) -> None:
        self.closed = True

    def __call__(self, **settings: Any) -> Log:
        self.made = True
        return self

    async def start(self) -> None: ...

    async def stop(self) -> None:
        self.stopped.set()

    def assign(self, partitions: Any) -> None: ...

    def seek(self, partition: Any, offset: int) -> None:
        self.sought.append(offset)

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[str, list[Fetched]]:
        await self.go_on.wait()
        await asyncio.sleep(0)
        at = next(iter(self.partitions))
        return {at: self.portions.pop(0)} if self.portions else {}

    partitions: Sequence[Any] = ()
    made = closed = False


@dataclass
class Owned:
    """Stands in for the claims: what was ours is done up to 9."""

    partitions: Sequence[int] = (0,)

    async def owned(self, ids: Mapping[str, str], partitions: int) -> dict[Partition, int]:
        return {Partition("deliveries", number): 9 for number in self.partitions}


def reader(
    monkeypatch: pytest.MonkeyPatch,
    log: Log,
    batch: Callable[[Sequence[Any]], Awaitable[None]],
    seen: Seen,
    owned: Sequence[int] = (0,),
) -> EarlyReader:
    settings = KafkaSettings(bootstrap="127.0.0.1:1", service="test", instance="test-1")
    log.partitions = [early.TopicPartition(settings.physical("deliveries"), 0)]
    monkeypatch.setattr(early, "AIOKafkaConsumer", log)
    monkeypatch.setattr(early, "PATIENCE", 0.0)
    claims: Any = Owned(owned)
    return EarlyReader(settings, claims, {"deliveries": "id"}, batch, seen)


@pytest.mark.parametrize("gap", [[13, 14], [11, 13], [3, 4]], ids=["later", "within", "from the beginning"])
async def test_at_a_gap_it_ends_and_the_group_s_reader_asks_again(
    monkeypatch: pytest.MonkeyPatch, gap: list[int]
) -> None:
    log, read = Log([[10], gap, [15]]), []

    async def batch(records: Sequence[Fetched]) -> None:
        read.extend(record.offset for record in records)

    made = reader(monkeypatch, log, batch, Seen())
    await log.stopped.wait()
    await made.stop()
    assert (log.sought, read) == ([10], [10])
    assert log.closed


async def test_a_batch_that_fails_is_its_last_one_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    log, seen, calls = Log([[10], [11]]), Seen(), []

    async def batch(records: Sequence[Fetched]) -> None:
        calls.append(records)
        raise ConnectionError

    made = reader(monkeypatch, log, batch, seen)
    await log.stopped.wait()
    await made.stop()
    assert len(calls) == 1
    assert seen.of("retried") == [("early", "ConnectionError")]


async def test_a_stop_lets_the_batch_in_hand_end(monkeypatch: pytest.MonkeyPatch) -> None:
    log, begun, go_on, ended = Log([[10], [11]]), asyncio.Event(), asyncio.Event(), []

    async def batch(records: Sequence[Fetched]) -> None:
        begun.set()
        await go_on.wait()
        ended.append([record.offset for record in records])

    made = reader(monkeypatch, log, batch, Seen())
    await begun.wait()
    stopping = asyncio.create_task(made.stop())
    await asyncio.sleep(0.05)
    assert not stopping.done()
    go_on.set()
    await stopping
    assert ended == [[10]]


async def test_what_comes_after_a_stop_is_not_read_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    log, read, begun = Log([[10], [11]]), [], asyncio.Event()

    async def batch(records: Sequence[Fetched]) -> None:
        read.extend(record.offset for record in records)
        log.go_on.clear()
        begun.set()

    made = reader(monkeypatch, log, batch, Seen())
    await begun.wait()
    await asyncio.sleep(0.01)  # it asks for more
    stopping = asyncio.create_task(made.stop())
    await asyncio.sleep(0)
    log.go_on.set()
    await stopping
    assert read == [10]
    assert log.stopped.is_set()


async def test_a_gap_in_one_partition_is_none_because_of_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    log, read = Log([]), []
    portions = [{0: [10], 1: [10, 11]}, {0: [11]}, {1: [13], 0: [12]}, {0: [13]}]

    async def getmany(timeout_ms: int, max_records: int) -> dict[Any, list[Fetched]]:
        await asyncio.sleep(0)
        topic = log.partitions[0].topic
        return {early.TopicPartition(topic, n): list(map(Fetched, some)) for n, some in portions.pop(0).items()}

    async def batch(records: Sequence[Fetched]) -> None:
        read.append([record.offset for record in records])

    monkeypatch.setattr(log, "getmany", getmany)
    made = reader(monkeypatch, log, batch, Seen(), (0, 1))
    await log.stopped.wait()
    await made.stop()
    assert read == [[10, 10, 11], [11]]


async def test_where_nothing_was_ours_nobody_reads_early(monkeypatch: pytest.MonkeyPatch) -> None:
    async def batch(records: Sequence[Fetched]) -> None:
        raise AssertionError("it read")

    log, seen = Log([[10]]), Seen()
    made = reader(monkeypatch, log, batch, seen, ())
    await asyncio.wait([made._life])
    await made.stop()
    assert not log.made
    assert not seen.of("retried")
