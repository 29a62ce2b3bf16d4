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


@pytest.mark.parametrize(
    ("lay_ready", "in_hand", "asked"), [(True, 3, [(97, 4)]), (True, 99, [(1, 4)]), (True, 100, []), (False, 3, [])]
)
async def test_where_few_records_lay_ready_one_more_answer_of_the_broker_is_waited_for(
    session: Session, lay_ready: bool, in_hand: int, asked: list[tuple[int, int]]
) -> None:
    """What came during the batch before was not fetched, since a record of another partition lay ready."""
    taken: list[int] = []
    waits: list[tuple[int, int]] = []

    async def read_on(most: int, wait_ms: int = 0) -> list[Any]:
        waits.append((most, wait_ms))
        return [RECORD]

    async def take_in(backlog: Any, records: Any) -> None:
        taken.append(len(records))

    reader: Any = session.reader
    reader.lay_ready, reader.read_on = lay_ready, read_on
    session._take_in = take_in  # type: ignore[method-assign]  # the rest of the batch needs a database
    await session.batch([RECORD] * in_hand)
    assert waits == asked
    assert taken == [in_hand + len(asked)]


@pytest.mark.parametrize(("ready", "asked"), [(0, [(4_000, 0)]), (3, [(4_000, 0), (97, 4)]), (100, [(4_000, 0)])])
async def test_so_is_what_came_while_some_of_a_batch_still_waits(
    session: Session, ready: int, asked: list[tuple[int, int]]
) -> None:
    waits: list[tuple[int, int]] = []
    taken: list[int] = []

    async def read_on(most: int, wait_ms: int = 0) -> list[Any]:
        waits.append((most, wait_ms))
        return [RECORD] * (1 if wait_ms else ready)

    async def take_in(backlog: Any, records: Any) -> None:
        taken.append(len(records))

    class Waiting(list[int]):
        room = 20_000

    reader: Any = session.reader
    reader.read_on = read_on
    session._take_in = take_in  # type: ignore[method-assign]  # the rest of the batch needs a database
    waiting: Any = Waiting([1])
    assert await session._read_on(waiting)
    assert waits == asked
    assert taken == [ready + len(asked) - 1]
