"""The outbox against a real broker: stamps, orphans, a topic that is another one than before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

import pytest
import pytest_asyncio
from aiokafka.errors import TopicAuthorizationFailedError

from deploy.local.stack import LocalStack
from shared.events.envelope import to_kafka
from shared.kit.base.backoff import Backoff
from shared.kit.kafka.producer import WHOLE_BATCHES, producer_of, send_all
from shared.kit.kafka.topics import Topics, WrongPartitionCount
from shared.kit.store import relay as relay
from shared.kit.store.outbox import LARGEST_ROW
from shared.kit.store.relay import OutboxRelay
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import NotWritten, Outgoing
from tests.integration.kit.parts import Service, agency_event, delivery, everything, publish, until
from tests.support.topics import CreateTopics

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture(loop_scope="session")
async def service(kafka: str, mongo_url: str, database: Any, topic_prefix: str) -> AsyncIterator[Service]:
    made = Service(kafka, mongo_url, database.name, topic_prefix)
    await made.start(stream=False)
    yield made
    await made.stop()


def saying(*numbers: int, key: str = "gjf") -> Operation[None]:
    def do(work: Any) -> None:
        for n in numbers:
            work.emit(agency_event(key, n))

    return Operation(lambda work: (), do)


async def sequences(service: Service) -> list[int]:
    said = await everything(service.settings.bootstrap, service.settings.physical("agencies"))
    return [int(dict(record.headers)["ce_sequence"]) for record in said]


class TestPublishing:
    async def test_rows_are_sent_in_order_and_stamped_with_the_topics_id(self, service: Service) -> None:
        for n in range(20):
            await service.store.submit(saying(n))
        assert await service.outbox.wait_until_published()
        assert await sequences(service) == list(range(20))
        rows = [row async for row in service.database.outbox.find().sort("_id")]
        assert {row["topic_id"] for row in rows} == {service.topics.ids["agencies"]}
        assert all(row["published"] for row in rows)
        assert (await service.outbox.state()).rows == 0

    async def test_what_a_failed_task_said_is_not_said(self, service: Service) -> None:
        def do(work: Any) -> None:
            work.emit(agency_event("gjf", 1))
            raise ValueError

        await service.store.perform([Operation(lambda work: (), do), saying(2)])
        assert await service.outbox.wait_until_published()
        assert await sequences(service) == [2]

    async def test_what_waits_from_the_time_before_is_sent_first(self, service: Service) -> None:
        await service.outbox.stop()
        await service.store.perform([saying(1)])
        await service.store.perform([saying(2)])
        assert (await service.outbox.state()).rows == 2, "counted, whoever is to publish them"
        await service.outbox.start(["agencies"])
        await service.store.perform([saying(3)])
        assert await service.outbox.wait_until_published()
        assert await sequences(service) == [1, 2, 3]

    async def test_more_than_fits_in_memory_is_sent_in_order(self, service: Service) -> None:
        relay: Any = service.outbox._relays["agencies"]
        for n in range(60):
            relay._behind = relay._behind or n % 7 == 0  # as after an overflow
            await service.store.perform([saying(n)])
        assert await service.outbox.wait_until_published()
        assert await sequences(service) == list(range(60))


class TestSending:
    @pytest.mark.parametrize("at_once", [(500,), (50,), (500, 1, 50, 300, 7)], ids=["many", "few", "mixed"])
    async def test_goes_where_a_producer_would_send_each_record_and_keeps_their_order(
        self, service: Service, kafka: str, at_once: Sequence[int]
    ) -> None:
        small = [(b"%032x" % (n % 50), b"%d" % n, [("n", b"%d" % n)]) for n in range(2_000)]
        large = [(b"large%d" % (n % 3), b"%d" % n + b"x" * 100_000, []) for n in range(9)]  # none fits in a batch
        records = [*small, *large]
        await service.topics.declare(["agencies", "deliveries"])
        theirs, ours = (service.settings.physical(topic) for topic in ("deliveries", "agencies"))
        await publish(kafka, theirs, [(key, value, list(headers)) for key, value, headers in records])
        producer = producer_of(service.settings, "test")
        await producer.start()
        try:
            start, sent = 0, list[Any]()
            for size in cycle(at_once):
                sent += await send_all(producer, ours, 4, records[start : start + size])
                if (start := start + size) >= len(records):
                    break
            await asyncio.gather(*sent)
        finally:
            await producer.stop()

        async def found(topic: str) -> list[Any]:
            return [(r.partition, r.key, r.value, list(r.headers)) for r in await everything(kafka, topic)]

        assert await found(ours) == await found(theirs)

    async def test_waits_as_long_as_the_broker_is_away(self, own_stack: LocalStack) -> None:
        """A producer that gave up would come back under another producer id, and send its neighbours again."""
        service = await Service(own_stack.kafka, own_stack.mongo_url, "away", "away.").start(stream=False)
        try:
            producer = producer_of(service.settings, "test")
            producer._request_timeout_ms = 300  # how long it waits for room; 20 s otherwise
            await producer.start()
            topic = service.settings.physical("agencies")
            records = [(b"%d" % n, b"x" * 1_000, []) for n in range(2 * WHOLE_BATCHES)]
            own_stack.broker.pause()
            sending = asyncio.create_task(send_all(producer, topic, 4, records))
            await asyncio.sleep(1.5)
            assert not sending.done()
            own_stack.broker.resume()
            await asyncio.gather(*await sending)
            assert len(await everything(own_stack.kafka, topic)) >= len(records)
            await producer.stop()
        finally:
            await service.stop()


class TestABrokerThatRefuses:
    async def test_holds_the_topic_up_with_growing_waits_and_is_overtaken_by_nothing(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No right to write, an invalid topic: errors that the client does not try again by itself."""
        waits = list[float]()

        class Quick(Backoff):
            def delay(self) -> float:
                waits.append(super().delay())
                return 0.02

        await service.outbox.stop()
        monkeypatch.setattr(relay, "Backoff", Quick)
        await service.outbox.start(["agencies"])
        await service.store.perform([saying(1)])
        assert await service.outbox.wait_until_published(), "the topic is open, what follows is sent at once"
        send, refusals = OutboxRelay._send, iter(range(5))

        async def refusing(self: OutboxRelay, producer: Any, row: Any) -> Any:
            sent = await send(self, producer, row)
            if dict(row["events"][0]["h"])["ce_sequence"] == b"3" and next(refusals, None) is not None:
                loop = asyncio.get_running_loop()
                sent = loop.create_future()
                # late enough for what follows to be acknowledged, and stamped if nobody minded the order
                loop.call_later(0.5, sent.set_exception, TopicAuthorizationFailedError())
            return sent

        monkeypatch.setattr(OutboxRelay, "_send", refusing)
        for n in range(2, 21):
            await service.store.perform([saying(n)])
        waiting = await service.outbox.state()
        assert (waiting.rows >= 18, waiting.oldest_seconds > 0) == (True, True), "what the alert looks at"
        assert await service.outbox.wait_until_published()
        last = {n: at for at, n in enumerate(await sequences(service))}
        assert sorted(last, key=lambda n: last[n]) == list(range(1, 21))
        assert service.seen.of("retried").count(("outbox", "TopicAuthorizationFailedError")) == 5
        assert len(waits) == 5
        assert waits[4] > 4 * waits[0], "it grows"


class TestATopicThatIsNotWrittenHere:
    async def test_refuses_the_one_task_that_says_something_there(self, service: Service) -> None:
        def do(work: Any) -> None:
            work.save("effects", {"_id": "kept?"})
            work.emit(delivery(1))

        wrong, right = await service.store.perform([Operation(lambda work: (), do), saying(2)])
        assert isinstance(wrong, NotWritten)
        assert right is None
        assert await service.database.effects.count_documents({}) == 0
        assert await service.outbox.wait_until_published()
        assert await sequences(service) == [2]

    async def test_waits_for_somebody_who_writes_it_while_the_outbox_is_not_started(self, service: Service) -> None:
        await service.outbox.stop()
        (said,) = await service.store.perform([Operation(lambda work: (), lambda work: work.emit(delivery(1)))])
        assert said is None
        await service.outbox.start(["agencies"])
        state = await service.outbox.state()
        assert (state.rows, state.oldest_seconds > 0) == (1, True), "seen, although nobody publishes it"
        await service.outbox.stop()
        await service.outbox.start(["agencies", "deliveries"])
        assert await service.outbox.wait_until_published()
        assert (await service.outbox.state()).rows == 0

    async def test_is_found_by_an_index_alone(self, service: Service) -> None:
        rows = [
            {"_id": f"{n:020d}/other", "topic": "t", "topic_id": "x", "created": datetime.now(UTC)} for n in range(500)
        ]
        await service.database.outbox.insert_many(rows)
        await service.database.command({"profile": 2})
        assert (await service.outbox.state()).rows == 0
        await service.database.command({"profile": 0})
        read = [d async for d in service.database["system.profile"].find({"command.distinct": "outbox"})]
        assert read
        assert max(d["docsExamined"] + d["keysExamined"] for d in read) < 10


class TestRows:
    async def test_are_by_topic_in_order_and_never_too_large(self, service: Service) -> None:
        big = b"x" * 800_000
        rows = service.outbox.rows(
            [Outgoing("a" if n % 2 else "b", b"%d" % n, big, []) for n in range(20)], datetime.now(UTC)
        )
        assert [row["_id"] for row in rows] == sorted({row["_id"] for row in rows})
        for topic, first in (("a", 1), ("b", 0)):
            mine = [int(event["k"]) for row in rows if row["topic"] == topic for event in row["events"]]
            assert mine == list(range(first, 20, 2))
        assert all(sum(len(event["v"]) for event in row["events"]) <= LARGEST_ROW for row in rows)


class TestStart:
    async def test_goes_on_after_the_newest_row_of_all_without_reading_them(
        self, service: Service, kafka: str, mongo_url: str
    ) -> None:
        await service.outbox.stop()
        ahead = f"{2 * 10**19:020d}/other"  # somebody whose clock is far ahead
        rows = [{"_id": f"{n:020d}/other", "owner": "other", "topic": "t"} for n in range(2_000)]
        await service.database.outbox.insert_many([*rows, {"_id": ahead, "owner": "other", "topic": "t"}])
        await service.database.command({"profile": 2})
        new = Service(kafka, mongo_url, service.database.name, service.settings.prefix, instance="new")
        try:
            await new.outbox.start([])
        finally:
            await service.database.command({"profile": 0})
            await new.stop()
        read = [d["docsExamined"] async for d in service.database["system.profile"].find({"op": "query"})]
        assert read
        assert max(read) < 10
        assert new.outbox._next_id() > ahead


class TestSweep:
    async def orphan(self, service: Service, owner: str, age: timedelta) -> None:
        (row,) = service.outbox.rows([Outgoing("agencies", b"k", b"{}", [("ce_sequence", b"7")])], datetime.now(UTC))
        row |= {"_id": f"{0:020d}/{owner}", "owner": owner, "created": datetime.now(UTC) - age}
        await service.database.outbox.insert_one(row)

    async def test_takes_over_the_old_rows_of_the_dead(self, service: Service) -> None:
        await self.orphan(service, "dead", timedelta(hours=1))
        assert await service.outbox.sweep() <= 1  # the service's own sweeper may have been first
        assert await service.outbox.wait_until_published()
        assert await sequences(service) == [7]

    async def test_a_row_of_our_own_that_was_missed_is_found(self, service: Service) -> None:
        await service.store.perform([saying(1)])
        assert await service.outbox.wait_until_published()
        await self.orphan(service, service.settings.instance, timedelta(hours=1))  # before the relay's position
        await service.outbox._look_for_rows_left_behind()
        assert await service.outbox.wait_until_published()
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
            await service.outbox.wait_until_published()
            await self.written_by_another(service, 7)
            await until(lambda: self.said(service))
            assert await sequences(service) == [7]
            await service.outbox.wait_until_published()
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
        assert await service.outbox.wait_until_published()
        true_id = service.topics.ids["agencies"]
        relay: Any = service.outbox._relays["agencies"]
        real = service.topics.read
        lies = iter([{"agencies": "f" * 32}])

        async def read(topics: Any = None) -> dict[str, str]:
            found = await real(topics)
            return next(lies, found) if topics == ["agencies"] else found

        service.topics.read = read  # type: ignore[method-assign]  # the broker's word for one moment
        await service.store.perform([saying(2)])
        assert await service.outbox.wait_until_published()
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
        assert await service.outbox.wait_until_published()
        await service.outbox.stop()
        service.seen.calls.clear()
        gone = "0" * 32  # as if they had been in a topic that does not exist any more
        await service.database.outbox.update_many({}, {"$set": {"topic_id": gone}})
        await service.database.outbox_opened.update_one({"_id": "agencies"}, {"$set": {"topic_id": gone}})
        second = Service(kafka, mongo_url, service.database.name, service.settings.prefix, instance="test-2")
        await second.start(stream=False)
        await service.outbox.start(["agencies"])
        await service.store.perform([saying(30)])
        assert await service.outbox.wait_until_published()
        assert await sequences(service) == [*range(30), *range(31)]
        again = [*service.seen.of("republished"), *second.seen.of("republished")]
        assert sum(count for topic, count in again if topic == "agencies") in (30, 31)
        await second.stop()


class TestTopics:
    async def test_a_wrong_partition_count_is_refused(self, service: Service, create_topics: CreateTopics) -> None:
        await create_topics("people", partitions=3)
        topics = Topics(service.settings)
        with pytest.raises(WrongPartitionCount, match="people has 3, not 4"):
            await topics.start(["people"])
        await topics.stop()
        assert "people" not in topics.ids

    async def test_declares_what_is_missing_and_knows_its_id(self, service: Service) -> None:
        topics = Topics(service.settings)
        await topics.start(["matches", "agencies"])
        assert topics.ids["agencies"] == service.topics.ids["agencies"]
        assert len(topics.ids["matches"]) == 32
        await topics.ping()
        await topics.stop()
