"""How far a stream says it is: one that fails for ever must not look idle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from shared.kit.base.backoff import Backoff
from shared.kit.base.sealing import Sealer
from shared.kit.kafka.records import Partition
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.kafka.topics import Topics
from shared.kit.runtime.cloudevent_codec import CloudEventCodec
from shared.kit.runtime.metering import note_progress
from shared.kit.stream.backlog import Position
from shared.kit.stream.checkpoints import Checkpoint
from shared.kit.stream.quarantine import Quarantine
from shared.kit.stream.session import Session
from shared.kit.stream.stream import Stream
from shared.kit.web.probes import Watchdog

pytestmark = pytest.mark.unit
CODEC = CloudEventCodec()
KAFKA = KafkaSettings(bootstrap="127.0.0.1:1", instance="test-1")
PARTITION = Partition("people", 0)
RECORD: Any = SimpleNamespace(topic="people", partition=0, offset=40, headers=[], key=b"k", value=b"")


class Consumer:
    """Has heard of 100 records and reads on at 60."""

    kafka: Any

    def __init__(self) -> None:
        self.lay_ready = False
        self.kafka = SimpleNamespace(assignment=lambda: {TopicPartition("people", 0)}, highwater=lambda _: 100)

    def position(self, partition: TopicPartition) -> int:
        return 60


async def fails(*_: Any, **__: Any) -> Any:
    raise RuntimeError("not one record's fault")


@pytest.fixture
def stream() -> Stream:
    database: Any = type("Database", (defaultdict,), {"client": None})(lambda: None)
    store: Any = SimpleNamespace(database=database, session_id={}, perform=fails)
    made = Stream("test", ["people"])
    made.bind(store, Topics(KAFKA), Quarantine(database, Sealer(bytes(32)), "test", CODEC), CODEC)
    return made


@pytest.fixture
def session(stream: Stream) -> Session:
    begun = stream._session = Session(stream._parts, {"people": "one"})
    begun.reader = Consumer()  # type: ignore[assignment]  # as much of it as is asked
    begun._backoff = Backoff(0.0, 0.0)
    return begun


def claimed_at(session: Session, offset: int) -> Callable[..., Any]:
    async def claim(*_: Any) -> Checkpoint:
        return session.checkpoints._hold(PARTITION, Checkpoint("id", 1, Position(offset)))

    return claim


async def failing_batch(session: Session) -> None:
    with pytest.raises(RuntimeError):
        await session.batch([RECORD])


class TestProgress:
    async def test_before_the_first_record_is_where_kafka_says(self, stream: Stream, session: Session) -> None:
        assert [(each.done, each.lag) for each in stream.progress()] == [(59, 40)]

    async def test_keeps_what_the_checkpoint_said_when_the_claim_is_given_up(
        self, stream: Stream, session: Session
    ) -> None:
        session.checkpoints.claim = claimed_at(session, 39)  # type: ignore[method-assign]  # MongoDB's answer
        await failing_batch(session)
        assert session.checkpoints.get(PARTITION) is None
        assert [(each.done, each.lag) for each in stream.progress()] == [(39, 60)]

    async def test_counts_what_came_as_waiting_when_it_cannot_be_claimed(
        self, stream: Stream, session: Session
    ) -> None:
        session.checkpoints.claim = fails  # type: ignore[method-assign]  # MongoDB's answer
        await failing_batch(session)
        assert [(each.done, each.lag) for each in stream.progress()] == [(39, 60)]

    async def test_is_forgotten_with_the_partition(self, stream: Stream, session: Session) -> None:
        session.checkpoints.claim = fails  # type: ignore[method-assign]  # MongoDB's answer
        await failing_batch(session)
        session._revoked([TopicPartition("people", 0)])
        assert [each.done for each in stream.progress()] == [59]

    @pytest.mark.parametrize("claim", [fails, None])
    async def test_of_a_stream_that_always_fails_is_a_stall(self, stream: Stream, session: Session, claim: Any) -> None:
        session.checkpoints.claim = claim or claimed_at(session, 39)  # type: ignore[method-assign]  # MongoDB's answer
        now = [0.0]
        watchdog = Watchdog(10, lambda: now[0])
        for _ in range(10):
            note_progress([stream], watchdog)
            await failing_batch(session)
            note_progress([stream], watchdog)
            now[0] += 2.0
        assert watchdog.stalled
