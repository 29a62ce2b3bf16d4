"""What came during a transaction is asked for before the next one begins, and each record is done once, whatever lies
between two polls."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError

from shared.kit.base.backoff import Backoff
from shared.kit.base.sealing import Sealer
from shared.kit.kafka.records import Partition
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.kafka.topics import Topics
from shared.kit.runtime.cloudevent_codec import CloudEventCodec
from shared.kit.stream.backlog import Backlog
from shared.kit.stream.checkpoints import Checkpoint, Fenced, Position
from shared.kit.stream.quarantine import Quarantine
from shared.kit.stream.session import Session
from shared.kit.stream.stream import Stream

pytestmark = pytest.mark.unit
PEOPLE = Partition("people", 0)
DONE = 90  # the checkpoint of the partition


def record(offset: int) -> Any:
    return SimpleNamespace(topic="people", partition=0, offset=offset, headers=[], key=b"k", value=b"")


def records(*offsets: int) -> list[Any]:
    return [record(offset) for offset in offsets]


class Reader:
    """Hands out what a test says was fetched, and notes what it was asked for."""

    def __init__(self, session: Session) -> None:
        self.lay_ready = True
        self.fetched: list[Sequence[Any] | Exception] = []
        self.asked: list[tuple[int, int]] = []
        self.asked_at: list[tuple[int, int, int | None]] = []  # and how far all was done then
        self.revoked = False
        self.sought: list[int] = []
        self.kafka = SimpleNamespace(
            assignment=lambda: {TopicPartition("people", 0)},
            highwater=lambda _: 1_000,
            seek=lambda _, offset: self.sought.append(offset),
        )
        self._session = session

    async def read_on(self, most: int, wait_ms: int = 0) -> Sequence[Any]:
        self.asked.append((most, wait_ms))
        self.asked_at.append((most, wait_ms, self._session._done.get(PEOPLE)))
        if self.revoked:
            self._session.checkpoints.drop()  # as a rebalance does
        found = self.fetched.pop(0) if self.fetched else ()
        if isinstance(found, Exception):
            raise found
        return found

    async def ends_before(self, partition: Any, offset: int) -> bool:
        return False


@pytest.fixture
def done() -> list[int]:
    return []


@pytest.fixture
def session(done: list[int]) -> Session:
    async def perform(operations: Sequence[Any], in_transaction: Any = None) -> list[Any]:
        in_transaction(None)
        return [None for _ in operations]

    async def claim(*_: Any) -> Checkpoint:
        return begun.checkpoints._hold(PEOPLE, Checkpoint("id", 1, Position(DONE)))

    def advance(positions: Any) -> None:
        if any(begun.checkpoints.get(each) is None for each in positions):
            raise Fenced("people")

    database: Any = type("Database", (defaultdict,), {"client": None})(lambda: None)
    store: Any = SimpleNamespace(database=database, session_id={}, perform=perform)
    made = Stream("test", ["people"])
    kafka, codec = KafkaSettings(bootstrap="127.0.0.1:1", instance="me"), CloudEventCodec()
    made.bind(store, Topics(kafka), Quarantine(database, Sealer(bytes(32)), "test", codec), codec)
    begun = made._session = Session(made._parts, {"people": "one"})
    parts: Any = begun
    parts.reader, parts.checkpoints.claim, parts.checkpoints.advance = Reader(begun), claim, advance
    parts._backoff = Backoff(0.0, 0.0)
    parts._parts.routes.codec = SimpleNamespace(decode=lambda record, _: SimpleNamespace(type="x", testrun=False))
    parts._parts.routes.passes_over = lambda event: False
    parts._parts.routes.operation = lambda event, origin, record: done.append(origin.offset)
    return begun


def reader_of(session: Session) -> Reader:
    reader: Any = session.reader
    return reader


@pytest.mark.parametrize(
    ("lay_ready", "in_hand", "asked"), [(True, 3, [(97, 4)]), (True, 99, [(1, 4)]), (True, 100, []), (False, 3, [])]
)
async def test_where_few_records_lay_ready_one_more_answer_of_the_broker_is_waited_for(
    session: Session, lay_ready: bool, in_hand: int, asked: list[tuple[int, int]]
) -> None:
    reader_of(session).lay_ready = lay_ready
    await session.batch(records(*range(91, 91 + in_hand)))
    assert reader_of(session).asked == asked


@pytest.mark.parametrize(("ready", "asked"), [(0, [(500, 0)]), (3, [(500, 0), (97, 4)]), (100, [(500, 0)])])
async def test_so_is_what_came_while_some_of_a_batch_still_waits(
    session: Session, ready: int, asked: list[tuple[int, int]]
) -> None:
    async def take_in(backlog: Any, records: Any) -> None:
        pass

    class Waiting(list[int]):
        room = 20_000

    parts: Any = session
    parts._take_in = take_in
    reader_of(session).fetched = [records(*range(91, 91 + ready)), ()]
    waiting: Any = Waiting([1])
    assert await session._read_on(waiting)
    assert reader_of(session).asked == asked


@pytest.mark.parametrize(("flows", "in_hand", "read_on"), [(True, 500, True), (True, 499, False), (False, 500, False)])
async def test_behind_a_full_poll_is_read_on_before_the_first_transaction_where_flows_take_turns(
    session: Session, flows: bool, in_hand: int, read_on: bool
) -> None:
    async def of_nobody(keys: Any) -> dict[bytes, str]:
        return {}

    parts: Any = session
    parts._parts = replace(session._parts, flows=of_nobody if flows else None)
    reader_of(session).lay_ready = False
    await session.batch(records(*range(91, 91 + in_hand)))
    assert ((500, 0, DONE) in reader_of(session).asked_at) is read_on


async def test_what_came_is_of_the_same_transaction(session: Session, done: list[int]) -> None:
    reader_of(session).fetched = [records(93, 94)]
    await session.batch(records(91, 92))
    assert done == [91, 92, 93, 94]


async def test_what_is_handed_out_again_is_done_once(session: Session, done: list[int]) -> None:
    """A seek between the two polls: it is read from where the checkpoint stands."""
    reader_of(session).fetched = [records(91, 92, 93)]
    await session.batch(records(91, 92))
    assert done == [91, 92, 93]


async def test_what_begins_further_on_is_not_done_before_what_is_missing(session: Session, done: list[int]) -> None:
    reader_of(session).fetched = [records(104, 105)]
    await session.batch(records(91, 92))
    assert done == [91, 92]
    assert reader_of(session).sought == [93]


@pytest.mark.parametrize("fetched", [(91, 92, 93), (104, 105), ()])
async def test_after_a_rebalance_between_the_two_polls_nothing_is_done(
    session: Session, done: list[int], fetched: tuple[int, ...]
) -> None:
    reader_of(session).revoked = True
    reader_of(session).fetched = [records(*fetched)]
    with pytest.raises(Fenced):
        await session.batch(records(91, 92))
    assert session.checkpoints.get(PEOPLE) is None


async def test_what_kafka_refuses_of_another_partition_does_not_fail_what_is_in_hand(
    session: Session, done: list[int]
) -> None:
    reader_of(session).fetched = [TopicAuthorizationFailedError("matches")]
    await session.batch(records(91, 92))
    assert done == [91, 92]


async def test_much_is_taken_in_in_steps_with_the_loop_free_in_between(session: Session) -> None:
    backlog, turns = Backlog(), list[int]()

    async def others() -> None:
        while True:
            turns.append(len(backlog))
            await asyncio.sleep(0)

    first = DONE + 1
    steps = (range(first, first + 500), range(first + 500, first + 1_000), range(first + 1_000, first + 1_020))
    reader_of(session).fetched = [records(*step) for step in steps]
    running = asyncio.create_task(others())
    assert await session._read_in_steps(backlog, 4_000) == 1_020
    running.cancel()
    assert {500, 1_000} <= set(turns)
