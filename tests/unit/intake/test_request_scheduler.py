"""CPU work in slices: one at a time, in turn, and the loop in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from services.intake.request_scheduler import RequestScheduler

pytestmark = pytest.mark.unit


class Clock:
    """Moves by so much at every piece of work."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_large_work_is_cut_and_takes_turns_with_others() -> None:
    clock, order = Clock(), []
    scheduler = RequestScheduler(1.0, clock)

    async def work(name: str, pieces: int) -> None:
        async with scheduler.work() as pause:
            for _ in range(pieces):
                order.append(name)
                clock.now += 0.5
                await pause()

    await asyncio.gather(work("a", 6), work("b", 2), work("c", 2))
    assert "".join(order) == "aabbccaaaa"


async def test_the_loop_goes_on_between_two_slices_even_if_nobody_else_has_work() -> None:
    clock, beats = Clock(), 0
    scheduler = RequestScheduler(1.0, clock)
    done = asyncio.Event()

    async def heartbeat() -> None:
        nonlocal beats
        while not done.is_set():
            beats += 1
            await asyncio.sleep(0)

    beating = asyncio.create_task(heartbeat())
    async with scheduler.work() as pause:
        for _ in range(10):
            clock.now += 1.0
            await pause()
    done.set()
    await beating
    assert beats >= 10


async def test_within_a_slice_nobody_is_asked_to_wait() -> None:
    clock = Clock()
    scheduler = RequestScheduler(1.0, clock)
    async with scheduler.work() as pause:
        for _ in range(100):
            pausing = pause().__await__()
            assert isinstance(pausing, Iterator)
            with pytest.raises(StopIteration):
                next(pausing)


async def test_whoever_is_cancelled_or_fails_gives_the_turn_back() -> None:
    clock = Clock()
    scheduler = RequestScheduler(1.0, clock)

    async def endless() -> None:
        async with scheduler.work() as pause:
            while True:
                clock.now += 1.0
                await pause()

    for _ in range(3):
        task = asyncio.create_task(endless())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    with pytest.raises(ZeroDivisionError):
        async with scheduler.work():
            raise ZeroDivisionError
    async with asyncio.timeout(5):
        async with scheduler.work():
            pass
