"""Apache Kafka under the pair: what it keeps, and what its services may rely on."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.embedded.pair import Pair
from tests.support.topics import create_topics

pytestmark = pytest.mark.integration


async def send(pair: Pair, *values: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=pair.kafka, acks="all", enable_idempotence=True) as producer:
        for value in values:
            await producer.send_and_wait("things", value)


async def held(pair: Pair) -> list[bytes | None]:
    """All values of the topic `things`, which has one partition."""
    partition = TopicPartition("things", 0)
    async with AIOKafkaConsumer(
        bootstrap_servers=pair.kafka, isolation_level="read_committed", auto_offset_reset="earliest"
    ) as consumer:
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        values = []
        while await consumer.position(partition) < end:
            batches = await consumer.getmany(timeout_ms=1000)
            values += [record.value for record in batches.get(partition, [])]
        return values


class TestKeeps:
    async def test_what_was_acknowledged_survives_kills_a_stop_and_a_change_of_port(self, tmp_path: Path) -> None:
        first = Pair(tmp_path, kind="apache").start()
        try:
            await create_topics(first.kafka, ["things"], partitions=1)
            for value in (b"1", b"2"):
                await send(first, value)
                first.broker.kill()
                first.broker.start()
            await send(first, b"3")
        finally:
            first.stop()
        with Pair(tmp_path, kind="apache") as second:
            assert second.broker.port != first.broker.port
            await send(second, b"4")
            assert await held(second) == [b"1", b"2", b"3", b"4"]

    async def test_an_idempotent_producer_outlives_a_kill_of_the_broker_without_loss_or_repeat(
        self, own_pair: Pair
    ) -> None:
        await create_topics(own_pair.kafka, ["things"], partitions=1)
        values = [str(number).encode() for number in range(500)]
        async with AIOKafkaProducer(
            bootstrap_servers=own_pair.kafka, acks="all", enable_idempotence=True, request_timeout_ms=60_000
        ) as producer:
            sent = [await producer.send("things", value) for value in values[:250]]
            own_pair.broker.kill()
            sent += [await producer.send("things", value) for value in values[250:]]
            own_pair.broker.start()
            for acknowledged in sent:
                await acknowledged
        assert await held(own_pair) == values


class TestTransactions:
    async def test_an_aborted_transaction_is_not_read(self, own_pair: Pair) -> None:
        await create_topics(own_pair.kafka, ["things"], partitions=1)
        async with AIOKafkaProducer(bootstrap_servers=own_pair.kafka, transactional_id="one") as producer:
            await producer.begin_transaction()
            await producer.send_and_wait("things", b"aborted")
            await producer.abort_transaction()
            async with producer.transaction():
                await producer.send_and_wait("things", b"committed")
        assert await held(own_pair) == [b"committed"]


class TestAnswers:
    async def test_a_broker_that_answers_takes_topics_and_records_at_once(self, own_pair: Pair) -> None:
        own_pair.broker.kill()
        own_pair.broker.start()
        await create_topics(own_pair.kafka, ["things"], partitions=1)
        await send(own_pair, b"1")
        assert await held(own_pair) == [b"1"]
