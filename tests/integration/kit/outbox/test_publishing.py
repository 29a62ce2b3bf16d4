"""The outbox against a real broker: order, what a producer would do, refusals, topics, the start."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import pytest
from aiokafka.errors import TopicAuthorizationFailedError

from deploy.local.stack import LocalStack
from shared.kit.base.backoff import Backoff
from shared.kit.kafka.producer import WHOLE_BATCHES, producer_of, send_all
from shared.kit.kafka.records import Outgoing
from shared.kit.kafka.topics import Topics, WrongPartitionCount
from shared.kit.store import outbox_relay
from shared.kit.store.outbox import LARGEST_ROW
from shared.kit.store.outbox_relay import OutboxRelay
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import NotWritten
from tests.integration.kit.outbox.parts import saying, sequences
from tests.integration.kit.parts import Service, agency_event, delivery, everything, publish
from tests.support.topics import CreateTopics

pytestmark = pytest.mark.integration


class TestPublishing:
    async def test_rows_are_sent_in_order_and_stamped_with_the_topics_id(self, service: Service) -> None:
        for n in range(20):
            await service.store.submit(saying(n))
        assert await service.published()
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
        assert await service.published()
        assert await sequences(service) == [2]

    async def test_what_waits_from_the_time_before_is_sent_first(self, service: Service) -> None:
        await service.outbox.stop()
        await service.store.perform([saying(1)])
        await service.store.perform([saying(2)])
        assert (await service.outbox.state()).rows == 2, "counted, whoever is to publish them"
        await service.outbox.start(["agencies"])
        await service.store.perform([saying(3)])
        assert await service.published()
        assert await sequences(service) == [1, 2, 3]

    async def test_more_than_fits_in_memory_is_sent_in_order(self, service: Service) -> None:
        relay: Any = service.outbox._relays["agencies"]
        for n in range(60):
            relay._behind = relay._behind or n % 7 == 0  # as after an overflow
            await service.store.perform([saying(n)])
        assert await service.published()
        assert await sequences(service) == list(range(60))


class TestSending:
    @pytest.mark.parametrize("at_once", [(500,), (50,), (500, 1, 50, 300, 7)], ids=["many", "few", "mixed"])
    async def test_goes_where_a_producer_would_send_each_record_and_keeps_their_order(
        self, service: Service, kafka: str, at_once: Sequence[int]
    ) -> None:
        small = [(b"%032x" % (n % 50), b"%d" % n, [("n", b"%d" % n)]) for n in range(2_000)]
        large: list[Any] = [
            (b"large%d" % (n % 3), b"%d" % n + b"x" * 100_000, []) for n in range(9)
        ]  # none fits in a batch
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
            records: list[Any] = [(b"%d" % n, b"x" * 1_000, []) for n in range(2 * WHOLE_BATCHES)]
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
        monkeypatch.setattr(outbox_relay, "Backoff", Quick)
        await service.outbox.start(["agencies"])
        await service.store.perform([saying(1)])
        assert await service.published(), "the topic is open, what follows is sent at once"
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
        assert await service.published()
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
        assert await service.published()
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
        assert await service.published()
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
