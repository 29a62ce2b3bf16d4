"""From Kafka through one transaction per batch to the outbox and back onto Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import bson
import pytest
import pytest_asyncio
from aiokafka import TopicPartition

from shared.events import Event
from shared.events.envelope import to_kafka
from shared.events.topics.deliveries import Delivery
from shared.kit.store.unit_of_work import UnitOfWork
from shared.kit.stream.quarantine import COLLECTION as QUARANTINE
from shared.kit.stream.quarantine import Quarantine
from shared.kit.stream.stream import Stream
from tests.integration.kit.parts import (
    CODEC,
    SEALER,
    Service,
    count,
    data_of,
    delivery,
    everything,
    hex_id,
    publish,
    until,
)

pytestmark = pytest.mark.integration
PERSONAL = "Hong Gildong"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(kafka: str, mongo_url: str) -> AsyncIterator[Service]:
    """One for all tests of this file (joining a group takes the embedded broker 6 s): each counts its own events."""
    made = Service(kafka, mongo_url, f"test_{hex_id('stream')[:12]}", f"t{hex_id('stream')[:8]}.", handler=mending)
    await made.start()
    yield made
    await made.client.drop_database(made.database.name)
    await made.stop()


mended: set[str] = set()


def mending(event: Event[Delivery], work: UnitOfWork) -> None:
    """The counting handler with a bug that can be mended: events from a source that is not in ``mended`` yet."""
    count(event, work)
    if event.source != "/test" and event.source not in mended:
        raise ValueError(f"a bug on {event.data.person} of {PERSONAL}")


async def effects(service: Service, *numbers: int) -> list[int]:
    """How often each event had its effect."""
    times = await service.times()
    return [times.get(hex_id("event", n), 0) for n in numbers]


def deliveries(service: Service) -> str:
    return service.settings.physical("deliveries")


class TestAHealthyStream:
    async def test_every_event_has_its_effect_once_and_says_one_thing_in_order(
        self, service: Service, kafka: str
    ) -> None:
        numbers = range(300)
        await publish(kafka, deliveries(service), [delivery(n) for n in numbers])

        async def done() -> bool:
            return all(await effects(service, *numbers))

        await until(done)
        assert await effects(service, *numbers) == [1] * 300
        assert await service.published()
        said = await everything(kafka, service.settings.physical("agencies"))
        for n in range(10):
            mine = [int(dict(r.headers)["ce_sequence"]) for r in said if r.key.decode() == hex_id("thing", n)]
            assert mine == list(range(1, 31)), "order per key"

    async def test_progress_names_every_partition_and_no_lag(self, service: Service, kafka: str) -> None:
        await publish(kafka, deliveries(service), [delivery(n) for n in range(400, 440)])

        async def done() -> bool:
            lags = [each.lag for each in service.stream.progress()]
            return all(await effects(service, *range(400, 440))) and lags == [0, 0, 0, 0]

        await until(done)
        assert [p.partition for p in service.stream.progress()] == [0, 1, 2, 3]

    async def test_test_runs_are_passed_over(self, service: Service, kafka: str) -> None:
        await publish(kafka, deliveries(service), [delivery(500, testrun=True), delivery(501, thing=0)])

        async def done() -> bool:
            return await effects(service, 501) == [1] and bool(service.seen.of("passed_over"))

        await until(done)
        assert await effects(service, 500) == [0]

    async def test_a_record_that_asks_for_a_reply_gets_none(self, service: Service, kafka: str) -> None:
        key, value, headers = to_kafka(delivery(510))
        await publish(kafka, deliveries(service), [(key, value, [*headers, ("reply_to", b"agencies")])])

        async def done() -> bool:
            return await effects(service, 510) == [1]

        await until(done)

    async def test_records_that_the_position_left_out_are_fetched_again(self, service: Service, kafka: str) -> None:
        """Kafka's own offset is a hint: a position behind its back ahead of the checkpoint loses nothing."""
        consumer: Any = (
            service.stream._session and service.stream._session.reader and service.stream._session.reader.kafka
        )
        where = {p.partition: p.done for p in service.stream.progress() if p.done >= 0}
        mine = [delivery(n, thing=3) for n in range(520, 540)]
        for partition, offset in where.items():
            consumer.seek(TopicPartition(deliveries(service), partition), offset + 11)
        await publish(kafka, deliveries(service), mine)
        await publish(kafka, deliveries(service), [delivery(n, thing=3) for n in range(540, 560)])

        async def done() -> bool:
            return all(await effects(service, *range(520, 560)))

        await until(done)
        assert await effects(service, *range(520, 560)) == [1] * 40
        for p in service.stream.progress():  # those that got nothing are still ahead, beyond the log's end
            if p.partition in where:  # of one to which nothing ever came, progress knows only the position
                consumer.seek(TopicPartition(deliveries(service), p.partition), p.done + 1)


async def test_a_database_that_was_put_back_is_filled_again_without_a_new_record(kafka: str, mongo_url: str) -> None:
    """Kafka's committed position is ahead of the checkpoints then, and nothing new comes that would show it."""
    database, prefix = f"test_{hex_id('back')[:12]}", f"t{hex_id('back')[:8]}."
    before, after = (Service(kafka, mongo_url, database, prefix) for _ in range(2))
    for service in (before, after):
        await service.start()
        if service is before:
            await publish(kafka, deliveries(service), [delivery(n) for n in range(40)])

        async def done(service: Service = service) -> bool:
            return all(await effects(service, *range(40)))

        await until(done)
        assert await effects(service, *range(40)) == [1] * 40
        await service.stream.stop()
        if service is before:  # a copy from before the first record
            for collection in ("effects", "things"):
                await service.database[collection].drop()
            await service.database.checkpoints.update_many({}, {"$set": {"offset": -1}})
        else:
            await service.client.drop_database(database)
        await service.stop()


async def test_a_topic_that_a_new_version_reads_as_well_is_read_although_its_place_in_the_group_is_the_old_one(
    kafka: str, mongo_url: str
) -> None:
    """Apache Kafka gives a static member back what it had, and asks nobody whether that is everything."""
    database, prefix = f"test_{hex_id('grown')[:12]}", f"t{hex_id('grown')[:8]}."
    old = await Service(kafka, mongo_url, database, prefix).start()
    await publish(kafka, deliveries(old), [delivery(1)])

    async def first() -> bool:
        return await effects(old, 1) == [1]

    await until(first)
    await old.stop()
    new = Service(kafka, mongo_url, database, prefix)
    new.stream = Stream("test", ["deliveries", "agencies"])
    new.stream.bind(new.store, new.topics, Quarantine(new.database, SEALER, "test", CODEC), CODEC, new.seen)
    await new.start()

    async def both() -> bool:  # what the old version said on agencies, too
        return {topic for topic, _, _ in new.seen.of("passed_over")} == {"agencies"}

    await until(both)
    assert {p.topic for p in new.stream.progress()} == {"deliveries", "agencies"}
    await new.client.drop_database(database)
    await new.stop()


def poisons() -> list[tuple[bytes | None, bytes | None, list[Any]]]:
    key, value, headers = to_kafka(delivery(990, thing=1))
    personal = f'{{"name": "{PERSONAL}"}}'.encode()
    return [
        (key, b"{not json", headers),
        (key, personal, headers),
        (key, None, headers),
        (None, value, []),
        (key, value, [*headers, ("ce_actor", None)]),
        (key, value, [*headers, ("ce_actor", b"\xff\xfe")]),
        (key, value, [(n, v) for n, v in headers if n != "ce_id"]),
        (key, value, [(n, b"no-such" if n == "ce_type" else v) for n, v in headers if n != "ce_dataschema"]),
        to_kafka(replace(delivery(991, thing=1), source="/buggy")),
    ]


class TestPoison:
    async def test_fails_alone_among_healthy_neighbours_and_is_set_apart_once(
        self, service: Service, kafka: str
    ) -> None:
        healthy = range(600, 700)
        records: list[Any] = [delivery(n, thing=1) for n in healthy]
        for n, poison in enumerate(poisons()):
            records.insert(10 * n + 5, poison)
        records.insert(3, (b"k", b"x", [("anything", None)]))  # a header that FastStream's own parser dies of
        await publish(kafka, deliveries(service), records)
        expected = len(poisons()) + 1

        seen: dict[str, Any] = {}

        async def done() -> bool:
            apart = service.database[QUARANTINE].find({"state": "apart"})
            seen["apart"] = sorted([d["reason"] async for d in apart])
            seen["missing"] = [
                n for n, effect in zip(healthy, await effects(service, *healthy), strict=True) if not effect
            ]
            return len(seen["apart"]) == expected and not seen["missing"]

        await until(done, seen)
        assert await effects(service, *healthy, 990, 991) == [1] * 100 + [0, 0]
        assert await service.published()
        letters = await everything(kafka, service.settings.physical("deliveries.dead"))
        kept = [d async for d in service.database[QUARANTINE].find({"state": "apart"})]
        assert len(letters) == expected
        assert {letter.key.decode() for letter in letters} == {d["_id"] for d in kept}
        for letter in letters:
            assert dict(letter.headers)["ce_type"] == b"record-set-apart"
            assert set(data_of(letter)) == {"service", "origin", "reason", "field", "type"}
            assert PERSONAL.encode() not in letter.value + b"".join(v for _, v in letter.headers)
        assert {d["reason"] for d in kept} >= {"not-json", "missing-field", "unreadable-header", "handler-failed"}
        assert PERSONAL.encode() not in b"".join(bson.encode(d) for d in kept)

    async def test_can_be_replayed_once_it_is_mended(self, service: Service) -> None:
        kept = service.database[QUARANTINE]
        buggy: Any = await kept.find_one({"state": "apart", "reason": "handler-failed"})
        assert await service.stream.replay([buggy["_id"]]) == (0, 1)
        assert await kept.count_documents({"_id": buggy["_id"], "attempts": 2}) == 1
        mended.add("/buggy")
        assert await service.stream.replay([buggy["_id"]]) == (1, 0)
        assert await effects(service, 991) == [1]
        again: Any = await kept.find_one({"_id": buggy["_id"]})
        assert again["state"] == "replayed"
        assert "sealed" not in again
        assert await service.stream.replay([buggy["_id"]]) == (0, 0)
        assert await effects(service, 991) == [1]

    async def test_replaying_all_leaves_apart_what_is_still_bad(self, service: Service) -> None:
        still = await service.database[QUARANTINE].count_documents({"state": "apart"})
        assert still > 0
        assert await service.stream.replay() == (0, still)
