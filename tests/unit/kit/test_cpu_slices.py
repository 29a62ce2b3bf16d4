"""CPU work in slices, and the loop in between."""

from __future__ import annotations

import asyncio

import pytest

from shared.kit.base.cpu_slices import in_slices

pytestmark = pytest.mark.unit


class Clock:
    """Moves by so much at every piece of work."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


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
