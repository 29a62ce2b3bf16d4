"""Who goes into the next transaction: what goes ahead waits for one transaction of the others, not their queue."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from shared.kit.store import group_commit
from shared.kit.store.store import Operation, Store, Unavailable

pytestmark = pytest.mark.unit


class Recording(Store):
    """Instead of a transaction: the names of the operations that would share it, as long as the gate is shut."""

    def __init__(self) -> None:
        database: Any = SimpleNamespace(client=None)
        super().__init__(database)
        self.gate = asyncio.Event()
        self.transactions: list[list[str]] = []

    async def _perform(self, operations: Sequence[Operation[Any]], in_transaction: Any) -> list[Any]:
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
