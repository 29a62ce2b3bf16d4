"""What runs in a thread of the driver is waited for, whoever is cancelled meanwhile and however often."""

from __future__ import annotations

import asyncio
import threading

import pytest

from shared.kit.store.mongo import in_one_turn

pytestmark = pytest.mark.unit


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("cancels", [1, 2, 3])
async def test_a_cancel_waits_for_its_end_and_so_does_another_one(cancels: int) -> None:
    may_end, ended = threading.Event(), threading.Event()

    def work() -> None:
        may_end.wait(60)
        ended.set()

    turn = asyncio.create_task(in_one_turn(work))
    await settled()
    for _ in range(cancels):
        turn.cancel()
        await settled()
    assert not turn.done(), "whoever aborts the transaction now would do so beside what is still written in it"
    may_end.set()
    async with asyncio.timeout(60):
        with pytest.raises(asyncio.CancelledError):
            await turn
    assert ended.is_set()


async def test_what_it_raises_is_raised() -> None:
    def work() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await in_one_turn(work)
