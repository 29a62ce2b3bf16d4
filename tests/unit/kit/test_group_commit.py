"""Who goes into the next transaction: what goes ahead waits for one transaction of the others, not their queue."""

from __future__ import annotations

import asyncio
import gc
import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from shared.kit.store import group_commit
from shared.kit.store.store import Operation, Store, TooLargeTogether, Unavailable

pytestmark = pytest.mark.unit


class Recording(Store):
    """Instead of a transaction: the names of the operations that would share it, as long as the gate is shut."""

    def __init__(self) -> None:
        database: Any = SimpleNamespace(client=None)
        super().__init__(database)
        self.gate = asyncio.Event()
        self.transactions: list[list[str]] = []

    async def _perform(
        self, operations: Sequence[Operation[Any]], in_transaction: Any, most_bytes: float = math.inf
    ) -> list[Any]:
        names: Any = [operation.do for operation in operations]
        self.transactions.append(names)
        await self.gate.wait()
        return list(names)


def operations(name: str, count: int) -> list[Operation[Any]]:
    do: Any = name
    return [Operation(lambda work: [], do)] * count


async def sent(made: Recording, *what: tuple[str, int, bool]) -> list[asyncio.Task[Any]]:
    """All of it waits while a first transaction is under way."""
    calls = [asyncio.create_task(made.submit_all(operations("first", 1)))]
    await asyncio.sleep(0.01)
    for name, count, ahead in what:
        calls.append(asyncio.create_task(made.submit_all(operations(name, count), ahead=ahead)))
        await asyncio.sleep(0)
    made.gate.set()
    return calls


def sizes(made: Recording) -> list[tuple[str, int]]:
    return [(names[0], len(names)) for names in made.transactions]


async def test_what_goes_ahead_is_alone_in_the_next_transaction_whatever_waits() -> None:
    made = Recording()
    await asyncio.gather(*await sent(made, *[("batch", 500, False)] * 4, ("withdrawal", 1, True)))
    assert sizes(made) == [("first", 1), ("withdrawal", 1), *[("batch", 500)] * 4]


async def test_the_others_have_every_second_turn() -> None:
    made = Recording()
    ahead = [("withdrawals", 300, True)] * 3
    await asyncio.gather(*await sent(made, *[("batch", 500, False)] * 2, *ahead))
    assert [name for name, _ in sizes(made)] == ["first", "withdrawals", "batch", "withdrawals", "batch", "withdrawals"]


async def test_a_full_queue_of_others_refuses_nothing_that_goes_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "LONGEST_QUEUE", 5)
    made = Recording()
    calls = await sent(made, ("batch", 5, False), ("more", 1, False), ("withdrawal", 1, True))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(results[2], Unavailable)
    assert results[3] == ["withdrawal"]


async def test_what_fails_when_its_caller_has_gone_is_no_error_that_nobody_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As at a stop whose database is slow: what was answered is sent again, and that is all."""
    made, said, loop = Recording(), list[Any](), asyncio.get_running_loop()

    async def fails(*_: Any) -> list[Any]:
        await made.gate.wait()
        raise Unavailable("Stopping")

    monkeypatch.setattr(made, "_perform", fails)
    loop.set_exception_handler(lambda _, context: said.append(context["message"]))
    call = asyncio.create_task(made.perform(operations("attempt", 1)))
    await asyncio.sleep(0.01)
    call.cancel()
    await asyncio.wait([call])
    del call
    made.gate.set()
    await asyncio.wait(list(made._running))
    gc.collect()
    assert said == []


class Narrow(Recording):
    """Takes so many operations in one transaction, and of these so many have room."""

    most, room = 500, 500

    async def _perform(
        self, operations: Sequence[Operation[Any]], in_transaction: Any, most_bytes: float = math.inf
    ) -> list[Any]:
        results = await super()._perform(operations, in_transaction, most_bytes)
        if len(operations) > self.most:
            raise TooLargeTogether("TransactionTooLarge")
        return results[: self.room]


async def test_what_is_too_large_together_is_done_in_smaller_groups_and_the_next_begin_small() -> None:
    made = Narrow()
    made.most = 60
    calls = await sent(made, *[("batch", 100, False)] * 4)
    assert [len(results) for results in await asyncio.gather(*calls)] == [1, *[100] * 4]
    tried = [count for _, count in sizes(made)]
    assert tried[:5] == [1, 400, 200, 100, 50]
    assert max(tried[5:]) <= 50, "it grows back slowly"


async def test_a_small_group_that_is_too_large_is_not_tried_again_at_the_same_size() -> None:
    made = Narrow()
    made.most = 1
    await asyncio.gather(*await sent(made, *[("batch", 1, False)] * 3))
    assert [count for _, count in sizes(made)] == [1, 3, 1, 1, 1]


async def test_it_grows_back_after_full_ones() -> None:
    made = Narrow()
    made.most = 250
    await asyncio.gather(*await sent(made, *[("batch", 500, False)] * 9))
    made.most = 500
    await asyncio.gather(*await sent(made, *[("later", 500, False)] * 9))
    assert max(count for _, count in sizes(made)) == 500
    assert 281 in [count for _, count in sizes(made)]


async def test_those_that_had_no_room_are_first_in_the_next_and_what_goes_ahead_is_between() -> None:
    made = Narrow()
    made.room = 3
    calls = await sent(made, ("one", 1, False), ("batch", 5, False), ("last", 1, False), ("withdrawal", 1, True))
    results = await asyncio.gather(*calls)
    assert [len(each) for each in results] == [1, 1, 5, 1, 1]
    assert [names[:3] for names in made.transactions] == [
        ["first"],
        ["withdrawal"],
        ["one", "batch", "batch"],
        ["batch"] * 3,
        ["last"],
    ]


async def test_a_time_out_makes_the_next_smaller_and_is_told_to_those_that_were_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Recording()
    perform, failing = made._perform, [Unavailable("NetworkTimeout", too_much=True)]

    async def times_out_once(operations: Sequence[Operation[Any]], *how: Any) -> list[Any]:
        results = await perform(operations, *how)
        if len(operations) > 1 and failing:
            raise failing.pop()
        return results

    monkeypatch.setattr(made, "_perform", times_out_once)
    calls = await sent(made, *[("batch", 200, False)] * 4)
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(each, Unavailable) for each in results] == [False, True, True, False, False]
    assert [count for _, count in sizes(made)] == [1, 400, 200, 200]
