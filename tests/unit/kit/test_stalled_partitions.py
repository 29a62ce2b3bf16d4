"""When a consumer is thought to have fallen asleep, and when it just has not had the time; whether a log is shorter."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import TopicPartition

from shared.kit.kafka import consumer
from shared.kit.kafka.aiokafka_internals import Heard
from shared.kit.kafka.consumer import Consumer
from shared.kit.kafka.settings import KafkaSettings

pytestmark = pytest.mark.unit
ONE, OTHER = TopicPartition("deliveries", 0), TopicPartition("deliveries", 1)


class Reading(Consumer):
    """What it reads, and what the broker has, is what a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = KafkaSettings(bootstrap="127.0.0.1:1", instance="test-1")
        super().__init__(settings, "test", ["deliveries"], self.taken, lambda: None, lambda revoked: None)
        self.positions: dict[TopicPartition, int | None] = {ONE: 5, OTHER: 7}
        self.ends = {ONE: 5, OTHER: 7}
        self.heard: int | None = None
        self.polled: dict[TopicPartition, int | None] = {ONE: None, OTHER: None}
        self.questions = self.come_meanwhile = 0
        monkeypatch.setattr(consumer, "log_ends", self.asked)

    async def taken(self, records: Any) -> None: ...

    async def asked(self, kafka: KafkaSettings, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        self.questions += 1
        self._batches += self.come_meanwhile
        return {each: self.ends[each] for each in partitions}

    def highwater(self, partition: TopicPartition) -> int | None:
        return self.heard

    @property
    def kafka(self) -> Any:
        return self

    def all_heard(self, kafka: Any) -> list[Heard]:
        return [Heard(self.polled[each], self.heard, position) for each, position in self.positions.items()]

    def assignment(self) -> set[TopicPartition]:
        return set(self.positions)

    def position(self, partition: TopicPartition) -> int | None:
        return self.positions[partition]

    def reads_to_the_end(self) -> None:
        self.positions |= self.ends
        self._batches += 1


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Reading:
    return Reading(monkeypatch)


async def test_what_waited_at_the_look_before_and_did_not_move_lies(reading: Reading) -> None:
    assert not await reading.stalled_partitions()
    reading.ends[ONE] = 6
    assert not await reading.stalled_partitions()
    assert await reading.stalled_partitions() == {ONE}


async def test_what_came_since_the_look_before_may_be_on_its_way(reading: Reading) -> None:
    for _ in range(3):
        assert not await reading.stalled_partitions()
        reading.ends[ONE] += 1
        assert not await reading.stalled_partitions()
        reading.reads_to_the_end()


async def test_a_consumer_without_a_position_reads_nothing(reading: Reading) -> None:
    reading.positions[ONE] = None
    assert not await reading.stalled_partitions()
    assert await reading.stalled_partitions() == {ONE}


async def test_nothing_lies_while_others_flow_or_a_batch_is_in_hand(reading: Reading) -> None:
    reading.ends[ONE] = 6
    assert not await reading.stalled_partitions()
    reading._batches += 1
    assert not await reading.stalled_partitions()
    reading._in_hand = True
    assert not await reading.stalled_partitions()
    reading._in_hand = False
    assert not await reading.stalled_partitions()  # the looks begin anew
    assert await reading.stalled_partitions() == {ONE}


async def test_nothing_lies_where_there_is_nothing(reading: Reading) -> None:
    for _ in range(3):
        assert not await reading.stalled_partitions()
    reading.positions.clear()
    for _ in range(3):
        assert not await reading.stalled_partitions()


async def test_what_comes_while_the_broker_is_asked_comes(reading: Reading) -> None:
    reading.ends[ONE] = 6
    assert not await reading.stalled_partitions()
    reading.come_meanwhile = 1
    assert not await reading.stalled_partitions()


async def test_a_position_that_moves_without_a_batch_moves(reading: Reading) -> None:
    """Over what is not for handlers: the marks of transactions."""
    reading.ends[ONE] = 7
    assert not await reading.stalled_partitions()
    reading.positions[ONE] = 6
    assert not await reading.stalled_partitions()


@pytest.mark.parametrize(("heard", "questions"), [(None, 1), (17, 1), (18, 0)])
async def test_a_log_ends_before_an_offset_only_if_the_broker_says_so_now(
    reading: Reading, heard: int | None, questions: int
) -> None:
    reading.heard, reading.ends[ONE] = heard, 18
    assert not await reading.ends_before(ONE, 18)
    assert reading.questions == questions
    assert await reading.ends_before(ONE, 19)


class TestIsCurrent:
    """What lets the memory of a replica stand for the database (services/notifications/delivery)."""

    @pytest.fixture
    def current(self, reading: Reading, monkeypatch: pytest.MonkeyPatch) -> Reading:
        monkeypatch.setattr(consumer, "heard", reading.all_heard)
        monkeypatch.setattr(consumer, "machine_time", lambda: datetime.fromtimestamp(1_000, UTC))
        reading.polled = {ONE: 999_000, OTHER: 1_000_000}
        reading.heard = 5
        return reading

    def test_when_each_partition_was_told_of_lately_and_is_read_to_its_end(self, current: Reading) -> None:
        assert current.is_current(2.0)
        assert not current.is_current(0.5), "the one second old word on one of them"

    @pytest.mark.parametrize("told", [None, 990_000, 1_010_000])
    def test_not_when_of_one_of_them_nothing_was_heard_or_a_clock_was_set(
        self, current: Reading, told: int | None
    ) -> None:
        current.polled[ONE] = told
        assert not current.is_current(2.0)

    def test_not_while_something_lies_there_or_is_in_hand(self, current: Reading) -> None:
        current.heard = 6
        assert not current.is_current(2.0)
        current.heard, current._in_hand = 5, True
        assert not current.is_current(2.0)

    def test_not_without_partitions(self, current: Reading) -> None:
        current.positions = {}
        assert not current.is_current(2.0)
