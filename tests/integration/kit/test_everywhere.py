"""A stream that every replica reads whole, in no group: nobody waits for anybody, and each goes on where it was."""

from __future__ import annotations

from typing import Any

import pytest

from shared.events import Event
from shared.events.topics.deliveries import Delivery
from shared.kit.base.backoff import Backoff
from shared.kit.store.unit_of_work import UnitOfWork
from shared.kit.stream.checkpoints import Fenced
from tests.integration.kit.parts import Service, delivery, hex_id, publish, until

pytestmark = pytest.mark.integration


def highest(event: Event[Delivery], work: UnitOfWork) -> None:
    """Keeps the highest number heard of a thing, as a floor; a repeat changes nothing."""
    work.get("effects", event.id)
    thing = work.get("things", event.key)
    if thing is None or thing["highest"] < event.data.attempts:
        work.save("things", {"_id": event.key, "highest": event.data.attempts})


async def heard(*services: Service, count: int) -> bool:
    return all(sum(each[2] for each in service.seen.of("consumed")) >= count for service in services)


@pytest.fixture
def replica(kafka: str, mongo_url: str, database: Any, topic_prefix: str) -> Any:
    def make(instance: str) -> Service:
        return Service(
            kafka, mongo_url, database.name, topic_prefix, instance=instance, handler=highest, everywhere=True
        )

    return make


class TestEveryReplica:
    async def test_hears_all_although_they_write_the_same_at_once(self, replica: Any, kafka: str) -> None:
        first, second = await replica("test-1").start(), await replica("test-2").start()
        try:
            await publish(kafka, first.settings.physical("deliveries"), [delivery(n) for n in range(300)])
            await until(lambda: heard(first, second, count=300))
            things = {d["_id"]: d["highest"] async for d in first.database.things.find()}
            assert things == {hex_id("thing", n): 290 + n for n in range(10)}
            assert first.seen.of("set_apart") == second.seen.of("set_apart") == []
            for each in (first, second):
                assert [partition.lag for partition in each.stream.progress()] == [0, 0, 0, 0]
        finally:
            await first.stop()
            await second.stop()

    async def test_goes_on_after_its_own_checkpoints(self, replica: Any, kafka: str) -> None:
        first = await replica("test-1").start()
        topic = first.settings.physical("deliveries")
        await publish(kafka, topic, [delivery(n) for n in range(50)])
        await until(lambda: heard(first, count=50))
        await first.stop()
        await publish(kafka, topic, [delivery(n) for n in range(50, 60)])
        again, new = await replica("test-1").start(), await replica("test-2").start()
        try:
            await until(lambda: heard(again, count=10))
            await until(lambda: heard(new, count=60))
            assert sum(each[2] for each in again.seen.of("consumed")) == 10
        finally:
            await again.stop()
            await new.stop()

    async def test_reads_a_batch_again_that_failed(
        self, replica: Any, kafka: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Backoff, "delay", lambda self: 0.01)
        service = await replica("test-1").start()
        session, failures = service.stream._session, iter([Fenced("test"), RuntimeError("test")])
        assert session is not None
        transaction = session._transaction

        async def failing(*given: Any) -> None:
            if (error := next(failures, None)) is not None:
                raise error
            await transaction(*given)

        monkeypatch.setattr(session, "_transaction", failing)
        try:
            await publish(kafka, service.settings.physical("deliveries"), [delivery(n) for n in range(20)])
            await until(lambda: heard(service, count=20))
            assert next(failures, None) is None
            assert sum(each[2] for each in service.seen.of("consumed")) == 20
        finally:
            await service.stop()
