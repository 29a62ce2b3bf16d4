"""`python -m verification.benchmarks.poison`: what 1 % bad records of every kind cost the healthy ones.

The last line is JSON. Five interleaved rounds, each the same healthy events through the same service with and without
poison between them; KAFKA=embedded|apache, ROUNDS= and EVENTS= choose. In every poisoned trial each bad record must be
on the dead topic exactly once with its reason, and a replay of all must work for those whose handler was mended: else
it is void.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.local.stack import LocalStack
from deploy.local.timeouts import scaled
from shared.events import Event
from shared.events.topics.agencies import AGENCY_CHANGED
from shared.events.topics.deliveries import NOTICE_DELIVERED, Delivery
from shared.kit.base import logs
from shared.kit.base.ids import Ids
from shared.kit.base.observer import Observer
from shared.kit.base.sealing import Sealer
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.kafka.topics import Topics
from shared.kit.runtime.cloudevent_codec import CloudEventCodec
from shared.kit.store import outbox
from shared.kit.store.mongo import connect, ensure_indexes
from shared.kit.store.outbox import Outbox
from shared.kit.store.store import Store
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.stream import checkpoints, quarantine
from shared.kit.stream.quarantine import Quarantine
from shared.kit.stream.stream import Stream
from tests.support.poison import BUGGY, KINDS, Bad, Raw, raw
from verification.benchmarks.command import InvalidTrial, command

SHARE = 0.01
WARM_UP = 0.15
GOAL, FLOOR = 0.80, 0.70
READS, SAYS, STATE = "deliveries", "agencies", "effects"
_STALLED_SECONDS = 60.0
_TIME = datetime(2026, 11, 20, 9, tzinfo=UTC)
_IDS = Ids(bytes(range(32)))
Records = Sequence[tuple[Bad | None, Raw]]


class Clock(Observer):
    """Everything that a service counts, and when how many healthy events were committed."""

    def __init__(self) -> None:
        super().__init__()
        self.healthy = 0
        self.moments: list[tuple[float, int]] = []
        self.news = asyncio.Event()

    def consumed(self, topic: str, event_type: str, count: int) -> None:
        """Events of a type were handled and committed."""
        super().consumed(topic, event_type, count)
        self.healthy += count
        self.moments.append((time.perf_counter(), self.healthy))
        self.news.set()


class Service:
    """A small service on the kit: one document and one event for each delivery. ``mended``: without its bug."""

    def __init__(self, stack: LocalStack, name: str) -> None:
        self.kafka = KafkaSettings(
            bootstrap=stack.kafka, instance="poisoned-1", prefix=f"{name}.",
            idempotent=stack.broker.idempotent_producer, session_timeout_ms=3_000, heartbeat_interval_ms=500,
        )  # fmt: skip
        self.mended = False
        self.clock = Clock()
        self.client = connect(stack.mongo_url)
        self.database = self.client[name]
        self.topics = Topics(self.kafka, self.clock)
        codec = CloudEventCodec()
        self.outbox = Outbox(self.database, self.topics, codec, self.clock)
        self.store = Store(self.database, self.outbox, self.clock)
        self.stream = Stream("poisoned", [READS])
        self.stream.subscriber(NOTICE_DELIVERED, needs=_needs)(self._handle)
        sealed = Quarantine(self.database, Sealer(bytes(range(32))), "poisoned", codec)
        self.stream.bind(self.store, self.topics, sealed, codec, self.clock)

    def _handle(self, event: Event[Delivery], work: UnitOfWork) -> None:
        held = work.get(STATE, event.id) or {"_id": event.id, "times": 0}
        work.save(STATE, {**held, "times": held["times"] + 1, "thing": event.key, "about": event.data.about})
        said = Event(
            id=_IDS.derived("said", event.source, event.id), source="/services/poisoned", type=AGENCY_CHANGED.name,
            version=1, time=work.now, key=event.key, data=_SAID, sequence=event.sequence,
        )  # fmt: skip
        work.emit(said)
        if event.source == BUGGY and not self.mended:
            raise KeyError("a bug")


def _needs(event: Event[Any], work: UnitOfWork) -> Iterable[Need]:
    return (Need.by_id(STATE, event.id),)


_SAID = AGENCY_CHANGED.bus.model_validate(AGENCY_CHANGED.example, strict=False)


@asynccontextmanager
async def serving(stack: LocalStack) -> AsyncIterator[Service]:
    """A service with topics and a database of its own, not reading yet."""
    service = Service(stack, f"poison_{secrets.token_hex(4)}")
    await ensure_indexes(service.database, {**outbox.INDEXES, **checkpoints.INDEXES, **quarantine.INDEXES})
    await service.topics.start([READS, f"{READS}.dead", SAYS])
    await service.store.start()
    await service.outbox.start([SAYS, f"{READS}.dead"])
    try:
        yield service
    finally:
        await service.stream.stop()
        await service.store.stop()
        await service.outbox.stop()
        await service.topics.stop()
        await service.client.drop_database(service.database.name)
        service.client.close()


def healthy_records(count: int) -> Records:
    """The same in every trial."""
    return [(None, raw(_delivery(n))) for n in range(count)]


def poisoned(records: Records, seed: int) -> Records:
    """The same with 1 % of all bad, every kind equally often, at random places."""
    dice = random.Random(seed)
    bad = round(len(records) * SHARE / (1 - SHARE))
    mixed = list(records)
    for n in range(bad):
        kind = KINDS[n % len(KINDS)]
        mixed.insert(dice.randrange(len(mixed) + 1), (kind, kind.make(_delivery(1_000_000 + n))))
    return mixed


def _delivery(n: int) -> Event[Delivery]:
    thing = _IDS.derived("thing", str(n % 1_000))
    data = Delivery(delivery=thing, recipient="gjf", channel="feed", about="notice", person=thing)
    return Event(
        id=_IDS.derived("event", str(n)), source="/benchmark", type=NOTICE_DELIVERED.name, version=1, time=_TIME,
        key=thing, data=data, sequence=n + 1,
    )  # fmt: skip


async def trial(stack: LocalStack, records: Records, seen: Counter[str]) -> float:
    """Healthy events per second after the warm-up; counts into ``seen`` what became of the bad ones."""
    healthy = sum(kind is None for kind, _ in records)
    async with serving(stack) as service:
        bad = await _sent(service, records)
        await service.stream.start()
        clock = service.clock
        while clock.healthy < healthy:
            clock.news.clear()
            try:
                async with asyncio.timeout(scaled(_STALLED_SECONDS)):
                    await clock.news.wait()
            except TimeoutError:
                raise InvalidTrial(f"stuck after {clock.healthy} of {healthy}") from None
        await _all_apart(service, len(bad))
        await _check(service, healthy, bad, seen)
        begun, before = next((at, count) for at, count in clock.moments if count >= healthy * WARM_UP)
        return (healthy - before) / (clock.moments[-1][0] - begun)


async def _sent(service: Service, records: Records) -> dict[str, Bad]:
    producer = AIOKafkaProducer(
        bootstrap_servers=service.kafka.bootstrap, acks="all", linger_ms=2, max_request_size=2_000_000
    )
    await producer.start()
    topic = service.kafka.physical(READS)
    sent = [(kind, await producer.send(topic, r.value, key=r.key, headers=r.headers)) for kind, r in records]
    placed = [(kind, await where) for kind, where in sent]
    await producer.stop()
    topic_id = service.topics.ids[READS]
    return {f"{READS}/{topic_id}/{at.partition}/{at.offset}": kind for kind, at in placed if kind is not None}


async def _all_apart(service: Service, bad: int) -> None:
    end = time.monotonic() + scaled(_STALLED_SECONDS)
    while await service.database[quarantine.COLLECTION].count_documents({}) < bad:
        if time.monotonic() > end:
            raise InvalidTrial("a bad record is not apart")
        await asyncio.sleep(0.05)


async def _check(service: Service, healthy: int, bad: dict[str, Bad], seen: Counter[str]) -> None:
    """Each effect once, each bad record named once and with its reason, each mended one worked once."""
    end = time.monotonic() + scaled(_STALLED_SECONDS)
    while (await service.outbox.state()).rows:
        if time.monotonic() > end:
            raise InvalidTrial("not everything was said")
        await asyncio.sleep(0.05)
    if await service.database[STATE].count_documents({"times": 1}) != healthy:
        raise InvalidTrial("an effect is missing or doubled")
    named: Counter[str] = Counter()
    for letter in await _everything(service, f"{READS}.dead"):
        origin, said = letter.key.decode(), json.loads(letter.value)
        named[origin] += 1
        if origin not in bad or said["reason"] != bad[origin].reason:
            raise InvalidTrial(f"a dead letter says {said['reason']}")
    if wrong := sum(named[origin] != 1 for origin in bad):
        raise InvalidTrial(f"{wrong} of {len(bad)} bad records are not on the dead topic exactly once")
    seen["bad"] += len(bad)
    seen["once"] += len(named)
    service.mended = True
    worked, still = await service.stream.replay()
    seen["replayed"] += worked
    mended = sum(kind.mended for kind in bad.values())
    if (worked, still) != (mended, len(bad) - mended):
        raise InvalidTrial(f"a replay mended {worked} of {mended}")
    effects = await service.database[STATE].count_documents({"times": 1})
    if effects != healthy + mended:
        raise InvalidTrial("a replay had no effect, or twice")


async def _everything(service: Service, topic: str) -> list[Any]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=service.kafka.bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        there = [TopicPartition(service.kafka.physical(topic), n) for n in range(service.kafka.partitions)]
        consumer.assign(there)
        ends, found = await consumer.end_offsets(there), list[Any]()
        for partition in there:
            while await consumer.position(partition) < ends[partition]:
                found += (await consumer.getmany(partition, timeout_ms=1_000)).get(partition, [])
        return found
    finally:
        await consumer.stop()


async def run(stack: LocalStack, rounds: int, count: int) -> dict[str, Any]:
    """All rounds; who begins changes from round to round."""
    logs.setup("poisoned", "poisoned-1", "error")
    clean = healthy_records(count)
    await trial(stack, clean[: max(count // 10, 2_000)], Counter())  # imports, caches, the broker's first topic
    ratios, seen = list[float](), Counter[str]()
    for number in range(rounds):
        rates: dict[str, float] = {}
        for name in ("clean", "poison") if number % 2 == 0 else ("poison", "clean"):
            records = clean if name == "clean" else poisoned(clean, number)
            rates[name] = await trial(stack, records, seen)
        ratios.append(rates["poison"] / rates["clean"])
        print(f"round {number + 1}: clean {rates['clean']:,.0f}/s, with poison {rates['poison']:,.0f}/s", flush=True)
    ratios.sort()
    return {
        "poison_vs_clean": round(ratios[len(ratios) // 2], 2),
        "spread": [round(ratios[0], 2), round(ratios[-1], 2)],
        "bad_records": seen["bad"],
        "set_apart_once": seen["once"],
        "replayed": seen["replayed"],
        "rounds": rounds,
        "floor_held": ratios[len(ratios) // 2] >= FLOOR,
        "goal_reached": ratios[len(ratios) // 2] >= GOAL,
    }


if __name__ == "__main__":
    sys.exit(command(run, events=20_000))
