"""CPU work in slices: one at a time, in turn, and the loop in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from shared.kit.base.cpu_slices import Slices, in_slices

pytestmark = pytest.mark.unit


class Clock:
    """Moves by so much at every piece of work."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_large_work_is_cut_and_takes_turns_with_others() -> None:
    clock, order = Clock(), []
    slices = Slices(1.0, clock)

    async def work(name: str, pieces: int) -> None:
        async with slices.work() as pause:
            for _ in range(pieces):
                order.append(name)
                clock.now += 0.5
                await pause()

    await asyncio.gather(work("a", 6), work("b", 2), work("c", 2))
    assert "".join(order) == "aabbccaaaa"


async def test_the_loop_goes_on_between_two_slices_even_if_nobody_else_has_work() -> None:
    clock, beats = Clock(), 0
    slices = Slices(1.0, clock)
    done = asyncio.Event()

    async def heartbeat() -> None:
        nonlocal beats
        while not done.is_set():
            beats += 1
            await asyncio.sleep(0)

    beating = asyncio.create_task(heartbeat())
    async with slices.work() as pause:
        for _ in range(10):
            clock.now += 1.0
            await pause()
    done.set()
    await beating
    assert beats >= 10


async def test_within_a_slice_nobody_is_asked_to_wait() -> None:
    clock = Clock()
    slices = Slices(1.0, clock)
    async with slices.work() as pause:
        for _ in range(100):
            pausing = pause().__await__()
            assert isinstance(pausing, Iterator)
            with pytest.raises(StopIteration):
                next(pausing)


async def test_whoever_is_cancelled_or_fails_gives_the_turn_back() -> None:
    clock = Clock()
    slices = Slices(1.0, clock)

    async def endless() -> None:
        async with slices.work() as pause:
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
        async with slices.work():
            raise ZeroDivisionError
    async with asyncio.timeout(5):
        async with slices.work():
            pass


async def test_items_one_at_a_time_with_a_pause_after_each_slice() -> None:
    clock, beats, seen = Clock(), 0, []
    done = asyncio.Event()

    async def heartbeat() -> None:
        nonlocal beats
        while not done.is_set():
            beats += 1
            await asyncio.sleep(0)

    beating = asyncio.create_task(heartbeat())
    async for item in in_slices(range(20), 1.0, clock):
        seen.append(item)
        clock.now += 0.5
    done.set()
    await beating
    assert seen == list(range(20))
    assert beats >= 10
