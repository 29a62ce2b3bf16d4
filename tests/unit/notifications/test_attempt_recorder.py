"""What was answered is kept until it is written down; nothing is started meanwhile that could not be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.notifications.delivery import attempt_recorder
from services.notifications.delivery.attempt_recorder import ENOUGH, MOST_AWAITED, AttemptRecorder
from shared.kit.store.store import Operation, TooLargeTogether, Unavailable
from tests.support.piggyback_store import PiggybackStore

pytestmark = pytest.mark.unit


def operation(name: str) -> Operation[None]:
    def do(work: Any) -> None:
        work.append(name)

    return Operation(lambda work: (), do)


class SlowStore(PiggybackStore):
    """Commits when it is let; ``failing``: what it raises, one after the other."""

    def __init__(self) -> None:
        self.written: list[list[str]] = []
        self.asked: list[int] = []
        self.open = asyncio.Event()
        self.failing: list[Exception] = []
        self.impossible: set[str] = set()

    async def commit(self, tasks: Sequence[Operation[None]]) -> list[Exception | None]:
        self.asked.append(len(tasks))
        await self.open.wait()
        if self.failing:
            raise self.failing.pop(0)
        names: Any = []
        for each in tasks:
            each.do(names)
        self.written.append([name for name in names if name not in self.impossible])
        return [ValueError() if name in self.impossible else None for name in names]


@asynccontextmanager
async def running(store: Any, group: int = 10, most_unrecorded: int = 20) -> AsyncIterator[AttemptRecorder]:
    recorder = AttemptRecorder(store, group, most_unrecorded)
    loop = asyncio.create_task(recorder.run())
    async with asyncio.timeout(30):
        yield recorder
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)


@pytest.fixture
def no_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_recorder, "LINGER_SECONDS", 0.0)


@pytest.fixture
def for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_recorder, "LINGER_SECONDS", 1_000.0)


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_it_is_written_in_order_and_in_groups() -> None:
    store = SlowStore()
    async with running(store, group=3) as recorder:
        for n in range(7):
            recorder.record(operation(str(n)))
        store.open.set()
        await recorder.flush()
    assert [name for group in store.written for name in group] == list("0123456")
    assert max(store.asked) == 3


async def test_on_capacity_for_so_many_and_no_more_until_they_are_written_down() -> None:
    store = SlowStore()
    async with running(store, most_unrecorded=4) as recorder:
        attempts = [recorder.reserve() for _ in range(3)]
        assert recorder.capacity == 1
        for attempt in attempts:
            recorder.record(operation("answered"))
            attempt.release()
        recorder.record(operation("answered"))
        assert recorder.capacity == 0
        called: list[str] = []
        recorder.when_capacity(lambda: called.append("first"))
        recorder.when_capacity(lambda: called.append("second"))
        await settled()
        assert called == []
        store.open.set()
        await recorder.flush()
        await settled()
        assert called == ["first", "second"]
        assert recorder.capacity == 4


async def test_an_attempt_that_takes_long_gives_its_capacity_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.notifications.delivery.attempt_recorder.RESERVED_SECONDS", 0.0)
    async with running(SlowStore(), most_unrecorded=1) as recorder:
        attempt = recorder.reserve()
        assert recorder.capacity == 0
        attempt.sent()
        called = asyncio.Event()
        recorder.when_capacity(called.set)
        await called.wait()
        assert recorder.capacity == 1
        attempt.release()
        assert recorder.capacity == 1


async def test_what_the_database_does_not_take_is_tried_again_and_nothing_is_started_until_then() -> None:
    store = SlowStore()
    store.failing = [Unavailable("AutoReconnect"), RuntimeError("nobody foresaw it")]
    store.open.set()
    async with running(store) as recorder:
        recorded = recorder.record(operation("a"))
        await settled()
        assert recorder.capacity == 0
        await recorded
        assert recorder.capacity == 20
    assert store.written == [["a"]]


async def test_a_group_that_was_too_much_is_halved() -> None:
    store = SlowStore()
    store.failing = [Unavailable("ExecutionTimeout", too_much=True)]
    async with running(store, group=8) as recorder:
        for n in range(8):
            recorder.record(operation(str(n)))
        store.open.set()
        await recorder.flush()
    assert store.asked == [8, 4, 4]


async def test_of_a_few_that_were_too_large_there_are_fewer_the_next_time() -> None:
    """However many more there might have been."""
    store = SlowStore()
    store.failing = [TooLargeTogether("TransactionTooLarge")]
    async with running(store, group=64) as recorder:
        for n in range(8):
            recorder.record(operation(str(n)))
        store.open.set()
        await recorder.flush()
    assert store.asked == [8, 4, 4]


async def test_one_that_cannot_be_done_holds_up_nobody() -> None:
    store = SlowStore()
    store.impossible = {"b"}
    store.open.set()
    async with running(store) as recorder:
        each = [recorder.record(operation(name)) for name in "abc"]
        await asyncio.wait(each)
        assert isinstance(each[1].exception(), ValueError)
    assert store.written == [["a", "c"]]


@pytest.mark.usefixtures("no_linger")
async def test_what_waits_goes_along_with_anothers_transaction_and_costs_none_of_its_own() -> None:
    store = SlowStore()
    async with running(store) as recorder:
        assert store.piggyback is not None
        recorded = recorder.record(operation("a"), hurry=False)
        (taken,) = store.piggyback.take(company=True)
        later = recorder.record(operation("b"), hurry=False)
        names: Any = []
        taken.do(names)
        store.piggyback.done([None])
        await recorded
        assert names == ["a"]
        assert not later.done()
        store.open.set()
        await recorder.flush()
    assert store.written == [["b"]]


@pytest.mark.usefixtures("no_linger")
async def test_what_went_along_with_a_transaction_that_failed_is_written_by_the_next() -> None:
    store = SlowStore()
    store.open.set()
    async with running(store) as recorder:
        assert store.piggyback is not None
        recorded = recorder.record(operation("a"), hurry=False)
        assert len(store.piggyback.take(company=True)) == 1
        store.piggyback.done(RuntimeError("what it went along with is not ours any more"))
        assert recorder.capacity, "that says nothing about the database"
        await recorded
    assert store.written == [["a"]]


@pytest.mark.usefixtures("no_linger")
async def test_while_others_have_transactions_what_was_taken_waits_for_the_next_of_them_however_much_it_is() -> None:
    store = SlowStore()
    store.open.set()
    async with running(store, group=2) as recorder:
        assert store.piggyback is not None
        assert store.piggyback.take(company=True) == []
        each = [recorder.record(operation(name), hurry=False) for name in "abc"]
        await settled()
        store.piggyback.done([])
        await settled()
        assert store.asked == []
        assert len(store.piggyback.take(company=True)) == 2
        store.piggyback.done([None, None])
        await asyncio.wait(each)  # nobody else begins one: the last has a transaction of its own
    assert store.written == [["c"]]


async def test_what_somebody_waits_for_waits_for_no_company() -> None:
    store = SlowStore()
    store.open.set()
    async with running(store) as recorder:
        assert store.piggyback is not None
        assert store.piggyback.take(company=True) == []
        recorder.record(operation("a"), hurry=False)
        await settled()
        assert store.asked == []
        await recorder.record(operation("b"))
    assert store.written == [["a", "b"]]


@pytest.mark.usefixtures("for_ever")
async def test_what_nobody_waits_for_goes_along_only_when_it_is_enough() -> None:
    store = SlowStore()
    async with running(store, group=2 * ENOUGH, most_unrecorded=4 * ENOUGH) as recorder:
        assert store.piggyback is not None
        for n in range(ENOUGH - 1):
            recorder.record(operation(str(n)), hurry=False)
        assert store.piggyback.take(company=True) == []
        store.piggyback.done([])
        recorder.record(operation("enough"), hurry=False)
        assert len(store.piggyback.take(company=True)) == ENOUGH
        store.piggyback.done([None] * ENOUGH)
        await settled()
        assert store.asked == []


@pytest.mark.usefixtures("for_ever")
async def test_what_waits_behind_it_in_its_queue_ends_its_linger() -> None:
    store = SlowStore()
    store.open.set()
    async with running(store) as recorder:
        other = recorder.record(operation("other"), queue="other", hurry=False)
        recorded = recorder.record(operation("a"), queue="a", hurry=False)
        recorder.somebody_waits("nobody's")
        await settled()
        assert store.asked == []
        recorder.somebody_waits("a")
        await recorded
        assert other.done(), "in the same transaction"
    assert store.written == [["other", "a"]]


@pytest.mark.usefixtures("for_ever")
async def test_what_is_answered_after_something_came_behind_it_does_not_linger_once() -> None:
    store = SlowStore()
    store.open.set()
    async with running(store) as recorder:
        recorder.somebody_waits("a")
        await recorder.record(operation("a"), queue="a", hurry=False)
        recorder.record(operation("a again"), queue="a", hurry=False)
        await settled()
    assert store.written == [["a"]]


@pytest.mark.usefixtures("for_ever")
async def test_of_queues_in_which_something_waits_so_many_are_remembered() -> None:
    store = SlowStore()
    store.open.set()
    async with running(store) as recorder:
        for n in range(MOST_AWAITED + 1):
            recorder.somebody_waits(str(n))
        recorder.record(operation("forgotten"), queue="0", hurry=False)
        await settled()
        assert store.asked == []
        await recorder.record(operation("remembered"), queue="1", hurry=False)


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancel_ends_it_also_in_the_moment_in_which_there_is_something_to_do(turns: int) -> None:
    store: Any = SlowStore()
    recorder = AttemptRecorder(store)
    loop = asyncio.create_task(recorder.run())
    recorder.record(operation("a"), hurry=False)
    await settled()
    assert len(recorder.take(company=False)) == 1
    recorder.done([None])  # it went along with another's transaction, which was the last
    for _ in range(turns):
        await asyncio.sleep(0)
    loop.cancel()
    await settled()
    assert loop.cancelled()
