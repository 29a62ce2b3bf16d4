"""The outbox against a real broker: rows that others left behind, and a topic that is another one than before."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.events.envelope import to_kafka
from shared.kit.kafka.records import Outgoing
from shared.kit.store.store import Operation
from tests.integration.kit.outbox.parts import saying, sequences
from tests.integration.kit.parts import Service, agency_event, until

pytestmark = pytest.mark.integration


class TestSweep:
    async def orphan(self, service: Service, owner: str, age: timedelta) -> None:
        (row,) = service.outbox.rows([Outgoing("agencies", b"k", b"{}", [("ce_sequence", b"7")])], datetime.now(UTC))
        row |= {"_id": f"{0:020d}/{owner}", "owner": owner, "created": datetime.now(UTC) - age}
        await service.database.outbox.insert_one(row)

    async def test_takes_over_the_old_rows_of_the_dead(self, service: Service) -> None:
        await self.orphan(service, "dead", timedelta(hours=1))
        assert await service.outbox.sweep() <= 1  # the service's own sweeper may have been first
        assert await service.published()
        assert await sequences(service) == [7]

    async def test_a_row_of_our_own_that_was_missed_is_found(self, service: Service) -> None:
        await service.store.perform([saying(1)])
        assert await service.published()
        await self.orphan(service, service.settings.instance, timedelta(hours=1))  # before the relay's position
        await service.outbox._look_for_rows_left_behind()
        assert await service.published()
        assert sorted(await sequences(service)) == [1, 7]

    async def test_leaves_young_rows_and_those_of_the_living(self, service: Service) -> None:
        await service.database.outbox_owners.update_one({"_id": "alive"}, [{"$set": {"seen": "$$NOW"}}], upsert=True)
        await self.orphan(service, "dead", timedelta(seconds=1))
        await self.orphan(service, "alive", timedelta(hours=1))
        assert await service.outbox.sweep() == 0
        assert await sequences(service) == []


class TestUrgentTopics:
    """Of these, what lies unpublished goes out at once, whoever wrote it: late is worse than twice."""

    async def test_what_lay_there_at_the_last_look_too_is_taken_over_from_the_living(
        self, kafka: str, mongo_url: str, database: Any, topic_prefix: str
    ) -> None:
        service = Service(kafka, mongo_url, database.name, topic_prefix, urgent=["agencies"])
        await service.start(stream=False)
        try:
            await service.published()
            await self.written_by_another(service, 7)
            await until(lambda: self.said(service))
            assert await sequences(service) == [7]
            await service.published()
            assert await service.database.outbox.count_documents({"owner": "test-9"}) == 0
        finally:
            await service.stop()

    async def test_one_look_takes_only_what_was_seen_before_and_nothing_of_other_topics(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service.outbox, "_urgent", frozenset({"agencies"}))
        await until(lambda: _of(all(relay.idle for relay in service.outbox._relays.values())))
        await self.written_by_another(service, 1, "deliveries.dead")
        await self.written_by_another(service, 2)
        owners = service.database.outbox.distinct
        seen = await service.outbox.take_over_urgent(set())
        assert (len(seen), await owners("owner")) == (1, ["test-9"])
        assert await service.outbox.take_over_urgent(seen) == seen
        assert await owners("owner", {"topic": "agencies"}) == ["test-1"]
        assert await owners("owner", {"topic": "deliveries.dead"}) == ["test-9"]

    async def test_who_has_something_under_way_takes_nothing(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service.outbox, "_urgent", frozenset({"agencies"}))
        await until(lambda: _of(all(relay.idle for relay in service.outbox._relays.values())))
        await self.written_by_another(service, 2)
        service.outbox._relays["agencies"]._unmarked["mine"] = False
        assert await service.outbox.take_over_urgent(set()) == set()
        service.outbox._relays["agencies"]._unmarked.clear()

    async def test_a_topic_whose_rows_do_not_get_on_holds_up_no_other(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stuck = service.outbox._relays["deliveries.dead"]

        async def never(*_: Any) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(stuck, "_send", never)

        def many(work: Any) -> None:
            for n in range(500):
                work.emit_record(Outgoing("deliveries.dead", b"k", b"%d" % n, []))

        for _ in range(5):
            await service.store.submit(Operation(lambda work: (), many))
        await service.store.submit(saying(3))
        await until(lambda: self.said(service))
        assert await service.database.outbox.count_documents({"topic": "deliveries.dead", "topic_id": None}) == 5
        monkeypatch.undo()

    @staticmethod
    async def said(service: Service) -> bool:
        return bool(await sequences(service))

    @staticmethod
    async def written_by_another(service: Service, n: int, topic: str = "agencies") -> None:
        """A row of a replica that is alive but does not get on."""
        key, value, headers = to_kafka(agency_event("gjf", n))
        event = {"k": key, "v": value, "h": [list(each) for each in headers]}
        now = datetime.now(UTC)
        row = {"_id": f"{n:020d}/test-9", "owner": "test-9", "topic": topic, "created": now, "events": [event]}
        await service.database.outbox.insert_one({**row, "topic_id": None})
        await service.database.outbox_owners.update_one({"_id": "test-9"}, [{"$set": {"seen": "$$NOW"}}], upsert=True)


async def _of(value: bool) -> bool:
    return value


class TestANewTopicId:
    async def test_an_acknowledgement_from_a_log_that_died_is_not_believed(self, service: Service) -> None:
        """The id read after the ack differs from the one read before: the row is not stamped, and sent again."""
        await service.store.perform([saying(1)])
        assert await service.published()
        true_id = service.topics.ids["agencies"]
        relay: Any = service.outbox._relays["agencies"]
        real = service.topics.read
        lies = iter([{"agencies": "f" * 32}])

        async def read(topics: Any = None) -> dict[str, str]:
            found = await real(topics)
            return next(lies, found) if topics == ["agencies"] else found

        service.topics.read = read  # type: ignore[method-assign]  # the broker's word for one moment
        await service.store.perform([saying(2)])
        assert await service.published()
        service.topics.read = real  # type: ignore[method-assign]  # back to the truth
        assert await sequences(service) == [1, 2, 2]
        rows = [row async for row in service.database.outbox.find()]
        assert {row["topic_id"] for row in rows} == {true_id}
        assert relay is service.outbox._relays["agencies"]

    async def test_everything_that_another_id_had_is_published_again_in_order_by_one(
        self, service: Service, kafka: str, mongo_url: str
    ) -> None:
        for n in range(30):
            await service.store.perform([saying(n)])
        assert await service.published()
        await service.outbox.stop()
        service.seen.calls.clear()
        first = {row["_id"]: row["published"] async for row in service.database.outbox.find()}
        gone = "0" * 32  # as if they had been in a topic that does not exist any more
        await service.database.outbox.update_many({}, {"$set": {"topic_id": gone}})
        await service.database.outbox_opened.update_one({"_id": "agencies"}, {"$set": {"topic_id": gone}})
        second = Service(kafka, mongo_url, service.database.name, service.settings.prefix, instance="test-2")
        await second.start(stream=False)
        await service.outbox.start(["agencies"])
        await service.store.perform([saying(30)])
        assert await service.published()
        assert await sequences(service) == [*range(30), *range(31)]

        async def counted() -> bool:  # a moment after the last row
            again = [*service.seen.of("republished"), *second.seen.of("republished")]
            return sum(count for topic, count in again if topic == "agencies") in (30, 31)

        await until(counted, "how many were published again")
        again = service.database.outbox.find({"_id": {"$in": list(first)}})
        after = {row["_id"]: row["published"] async for row in again}
        assert after == first, "the retention counts from the first time"
        await second.stop()
