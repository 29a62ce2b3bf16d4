"""Apache Kafka under the stack: what it keeps, and what its services may rely on."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.local.stack import LocalStack
from tests.support.topics import create_topics

pytestmark = pytest.mark.integration


async def send(stack: LocalStack, *values: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka, acks="all", enable_idempotence=True) as producer:
        for value in values:
            await producer.send_and_wait("things", value)


async def held(stack: LocalStack) -> list[bytes | None]:
    """All values of the topic `things`, which has one partition."""
    partition = TopicPartition("things", 0)
    async with AIOKafkaConsumer(
        bootstrap_servers=stack.kafka, isolation_level="read_committed", auto_offset_reset="earliest"
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
        first = LocalStack(tmp_path, kind="apache").start()
        try:
            await create_topics(first.kafka, ["things"], partitions=1)
            for value in (b"1", b"2"):
                await send(first, value)
                first.broker.kill()
                first.broker.start()
            await send(first, b"3")
        finally:
            first.stop()
        with LocalStack(tmp_path, kind="apache") as second:
            assert second.broker.port != first.broker.port
            await send(second, b"4")
            assert await held(second) == [b"1", b"2", b"3", b"4"]

    async def test_an_idempotent_producer_outlives_a_kill_of_the_broker_without_loss_or_repeat(
        self, own_stack: LocalStack
    ) -> None:
        await create_topics(own_stack.kafka, ["things"], partitions=1)
        values = [str(number).encode() for number in range(500)]
        async with AIOKafkaProducer(
            bootstrap_servers=own_stack.kafka, acks="all", enable_idempotence=True, request_timeout_ms=60_000
        ) as producer:
            sent = [await producer.send("things", value) for value in values[:250]]
            own_stack.broker.kill()
            sent += [await producer.send("things", value) for value in values[250:]]
            own_stack.broker.start()
            for acknowledged in sent:
                await acknowledged
        assert await held(own_stack) == values


class TestTransactions:
    async def test_an_aborted_transaction_is_not_read(self, own_stack: LocalStack) -> None:
        await create_topics(own_stack.kafka, ["things"], partitions=1)
        async with AIOKafkaProducer(bootstrap_servers=own_stack.kafka, transactional_id="one") as producer:
            await producer.begin_transaction()
            await producer.send_and_wait("things", b"aborted")
            await producer.abort_transaction()
            async with producer.transaction():
                await producer.send_and_wait("things", b"committed")
        assert await held(own_stack) == [b"committed"]


class TestAnswers:
    async def test_a_broker_that_answers_takes_topics_and_records_at_once(self, own_stack: LocalStack) -> None:
        own_stack.broker.kill()
        own_stack.broker.start()
        await create_topics(own_stack.kafka, ["things"], partitions=1)
        await send(own_stack, b"1")
        assert await held(own_stack) == [b"1"]
