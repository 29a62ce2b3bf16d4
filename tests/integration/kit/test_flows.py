"""What comes in thousands for one does not hold up what comes for another; each is done once, over a stop, too."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

import pytest
from aiokafka import AIOKafkaProducer
from pymongo.errors import AutoReconnect

from shared.events import Event
from shared.events.envelope import to_kafka
from shared.events.topics.deliveries import Delivery
from shared.kit.store.unit_of_work import UnitOfWork
from tests.integration.kit.parts import Service, count, delivery, hex_id, publish, until

pytestmark = pytest.mark.integration
FLOOD, THINGS = 2_000, 40  # events, about so many things
OTHERS = range(FLOOD, FLOOD + 20)
FLOODED = {hex_id("thing", n).encode() for n in range(THINGS)}


async def flows(keys: Collection[bytes]) -> dict[bytes, Hashable]:
    return {key: "flood" if key in FLOODED else key for key in keys}


async def test_others_are_done_in_their_turn_and_each_once_over_a_stop(kafka: str, mongo_url: str) -> None:
    done: list[int] = []

    def noting(event: Event[Delivery], work: UnitOfWork) -> None:
        count(event, work)
        work.after_commit(lambda: done.append(event.data.attempts))

    def service() -> Service:
        database, prefix = f"test_{hex_id('flows')[:12]}", f"l{hex_id('flows')[:8]}."
        return Service(kafka, mongo_url, database, prefix, handler=noting, flows=flows, batch_max_records=200)

    first = service()
    await first.client.drop_database(first.database.name)
    await first.start(stream=False)
    await first.topics.declare(["deliveries"])
    flood = [delivery(n, thing=n % THINGS) for n in range(FLOOD)]
    others = [delivery(n, thing=100 + n % 4) for n in OTHERS]
    await publish(kafka, first.settings.physical("deliveries"), [*flood, *others])
    await first.stream.start()

    async def others_done() -> bool:
        return set(OTHERS) <= set(done)

    await until(others_done)
    waited_for = max(done.index(n) for n in OTHERS)
    await first.stop()
    assert waited_for < FLOOD / 2, "the flood was not done first"
    assert len(done) < FLOOD, "there is something left for the next"
    second = await service().start()
    kept = [each["ahead"] async for each in second.database.checkpoints.find()]
    assert any(kept), "what was done ahead is known to the next one"

    async def all_done() -> bool:
        return await second.database.effects.count_documents({}) == FLOOD + len(OTHERS)

    await until(all_done)
    assert set((await second.times()).values()) == {1}
    async for thing in second.database.things.find():
        assert thing["order"] == sorted(thing["order"]), "order per key"
    await second.client.drop_database(second.database.name)
    await second.stop()


async def test_what_was_read_on_comes_again_after_a_failure_though_nothing_follows_it(
    kafka: str, mongo_url: str
) -> None:
    """FastStream rewinds the partitions of the batch that failed, not one of which something was read on meanwhile."""
    lonely, failed = FLOOD + 1_000, False
    key = hex_id("thing", 500).encode()
    made: list[Service] = []

    async def failing(keys: Collection[bytes]) -> dict[bytes, Hashable]:
        nonlocal failed
        if not reading_on:
            reading_on.append(True)
            await publish_to(1, [delivery(lonely, thing=500)])
        if key in keys and not failed:
            failed = True
            raise AutoReconnect("away for a moment")
        return {each: each if each == key else "flood" for each in keys}

    async def publish_to(partition: int, events: Sequence[Event[Delivery]]) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
        await producer.start()
        try:
            for event in events:
                kept_as, value, headers = to_kafka(event)
                topic = made[0].settings.physical("deliveries")
                await producer.send_and_wait(topic, value, key=kept_as, headers=headers, partition=partition)
        finally:
            await producer.stop()

    reading_on: list[bool] = []
    name = hex_id("read on")
    service = Service(kafka, mongo_url, f"test_{name[:12]}", f"o{name[:8]}.", flows=failing, batch_max_records=200)
    made.append(service)
    await service.client.drop_database(service.database.name)
    await service.start(stream=False)
    await service.topics.declare(["deliveries"])
    await publish_to(0, [delivery(n, thing=n % THINGS) for n in range(300)])
    await service.stream.start()

    async def all_done() -> bool:
        return await service.database.effects.count_documents({}) == 301

    await until(all_done)
    assert failed, "it was read on, and failed"
    assert set((await service.times()).values()) == {1}
    await service.client.drop_database(service.database.name)
    await service.stop()
