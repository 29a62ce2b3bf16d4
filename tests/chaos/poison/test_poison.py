"""Bad records of every kind among healthy ones, with kills in the middle: nothing stuck, each apart once, each tried
again once."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from typing import Any

import bson
import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.timeouts import scaled
from tests.integration.kit.parts import Service, count, data_of, delivery, everything, hex_id, until
from tests.support.poison import KINDS, PLANTED, Bad, odd_but_healthy, odd_names_can_be_sent, raw

pytestmark = pytest.mark.chaos
HEALTHY = 440
OF_EACH, OF_THE_BUG = 3, 103  # more than one transaction of a replay holds
BAD = [kind for kind in KINDS for _ in range(OF_THE_BUG if kind.mended else OF_EACH)]
MENDED = range(HEALTHY, HEALTHY + OF_THE_BUG)


async def test_each_is_apart_once_with_its_reason_and_works_once_it_is_mended(
    kafka: str, mongo_url: str, database: Any, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd_names_can_be_sent(monkeypatch)
    here = (kafka, mongo_url, database.name, topic_prefix)
    service = Service(*here, instance="operator", handler=count)
    await service.start(stream=False)
    try:
        bad = await sent(service)
        assert await ended(await started(*here, "read", "after commit", 3)) == -signal.SIGKILL
        reader = await started(*here, "read", "", 0)

        async def read() -> bool:
            known = await database.effects.count_documents({}), await database.quarantine.count_documents({})
            return known == (HEALTHY, len(BAD)) and not await database.outbox.count_documents({"topic_id": None})

        await until(read, "all read, and said")
        reader.send_signal(signal.SIGTERM)
        assert await ended(reader) == 0
        await as_it_should_be(service, bad, healthy=HEALTHY, apart=len(BAD))
        await the_letters(service, bad)

        # one that is mended, twice, and one that is bad for ever
        mended, hopeless = (next(id for id, kind in bad.items() if kind.mended is yes) for yes in (True, False))
        assert await service.stream.replay([mended]) == (1, 0)
        assert await service.stream.replay([mended, hopeless]) == (0, 1)
        await as_it_should_be(service, bad, healthy=HEALTHY + 1, apart=len(BAD) - 1)

        # all, killed in the middle (committed, neither told nor sent), then to the end
        assert await ended(await started(*here, "replay", "after commit", 1)) == -signal.SIGKILL
        mended_now, still = await service.stream.replay()
        assert still == len(BAD) - OF_THE_BUG
        assert 0 < mended_now < OF_THE_BUG - 1, "the one that was killed had begun"
        await as_it_should_be(service, bad, healthy=HEALTHY + OF_THE_BUG, apart=still)
        await the_letters(service, bad)
    finally:
        await service.stop()


async def sent(service: Service) -> dict[str, Bad]:
    """Everything published, well mixed. What is bad, by where it is."""
    mixed: list[Bad | int] = [*range(HEALTHY), *BAD]
    random.Random(7).shuffle(mixed)
    bugs = iter(MENDED)
    producer = AIOKafkaProducer(bootstrap_servers=service.settings.bootstrap, acks="all", max_request_size=2_000_000)
    await producer.start()
    placed = []
    for each in mixed:
        if isinstance(each, Bad):
            record = each.make(delivery(next(bugs) if each.mended else 1_000_000))
        else:
            record = odd_but_healthy(delivery(each)) if each % 10 == 0 else raw(delivery(each))
        where = await producer.send(
            service.settings.physical("deliveries"), record.value, key=record.key, headers=record.headers
        )
        placed.append((each, where))
    found = [(each, await where) for each, where in placed]
    await producer.stop()
    topic_id = service.topics.ids["deliveries"]
    return {f"deliveries/{topic_id}/{at.partition}/{at.offset}": kind for kind, at in found if isinstance(kind, Bad)}


async def as_it_should_be(service: Service, bad: dict[str, Bad], *, healthy: int, apart: int) -> None:
    """Every effect once, nobody's else; what is apart is sealed and says why."""
    known = {hex_id("event", n) for n in range(HEALTHY + OF_THE_BUG)}
    times = await service.times()
    assert set(times) <= known
    assert sorted(times.values()) == [1] * healthy
    kept = [document async for document in service.database.quarantine.find({"state": "apart"})]
    assert len(kept) == apart
    for document in kept:
        assert document["reason"] == bad[document["_id"]].reason, bad[document["_id"]].kind
        assert nothing_personal(bson.encode(document))


async def the_letters(service: Service, bad: dict[str, Bad]) -> None:
    """One dead letter for every bad record. A kill between publishing and its mark repeats one, under the same id."""
    letters = await everything(service.settings.bootstrap, service.settings.physical("deliveries.dead"))
    assert {letter.key.decode() for letter in letters} == set(bad)
    assert len({dict(letter.headers)["ce_id"] for letter in letters}) == len(bad)
    for letter in letters:
        kind = bad[letter.key.decode()]
        said = data_of(letter)
        assert set(said) == {"service", "origin", "reason", "field", "type"}
        assert said["reason"] == kind.reason, kind.kind
        assert nothing_personal(letter.value + b"".join(name.encode() + value for name, value in letter.headers))


def nothing_personal(content: bytes) -> bool:
    return not any(planted.encode() in content for planted in PLANTED)


async def started(*arguments: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.chaos.poison.worker", *map(str, arguments))


async def ended(process: asyncio.subprocess.Process) -> int:
    try:
        async with asyncio.timeout(scaled(90)):
            return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
