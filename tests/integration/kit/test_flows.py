"""What comes in thousands for one does not hold up what comes for another; each is done once, over a stop, too."""

from __future__ import annotations

from collections.abc import Collection, Hashable

import pytest

from shared.events import Event
from shared.events.topics.deliveries import Delivery
from shared.kit.store.unit_of_work import UnitOfWork
from tests.integration.kit.parts import Service, count, delivery, hex_id, publish, until

pytestmark = pytest.mark.integration
FLOOD, THINGS = 2_000, 40  # events, about so many things
OTHERS = range(FLOOD, FLOOD + 20)
OTHER_THINGS = range(100, 104)
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
