"""The next step is made ready while the one before it is done; they begin and end in order, whatever fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from services.intake.pipelining import Step, pipelined

pytestmark = pytest.mark.unit


class Steps:
    """Steps 1 to 3 and what happened; ``ends``: what each waits for."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.ends = {number: asyncio.Event() for number in (1, 2, 3)}
        self.broken: Exception | None = None  # of what makes the third one ready

    async def made(self) -> AsyncIterator[Step[int]]:
        for number in self.ends:
            if number == 3 and self.broken is not None:
                await settled()
                raise self.broken
            self.seen.append(f"ready {number}")
            yield partial(self.done, number)

    async def done(self, number: int) -> int:
        self.seen.append(f"begins {number}")
        try:
            await self.ends[number].wait()
        except asyncio.CancelledError:
            self.seen.append(f"cancelled {number}")
            raise
        self.seen.append(f"ends {number}")
        return number


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def collected(steps: Steps) -> list[int]:
    return [result async for result in pipelined(steps.made())]


async def test_the_next_is_made_ready_meanwhile_and_only_that_one() -> None:
    steps = Steps()
    running = asyncio.create_task(collected(steps))
    await settled()
    assert steps.seen == ["ready 1", "ready 2", "begins 1"]
    steps.ends[1].set()
    await settled()
    assert steps.seen[3:] == ["ends 1", "ready 3", "begins 2"]
    steps.ends[2].set()
    steps.ends[3].set()
    assert await running == [1, 2, 3]
    assert steps.seen[6:] == ["ends 2", "begins 3", "ends 3"]


async def test_after_one_that_fails_none_begins() -> None:
    steps = Steps()

    async def failing() -> AsyncIterator[Step[int]]:
        async for step in steps.made():
            yield partial(fails, step)

    async def fails(step: Step[int]) -> int:
        raise ValueError(await step())

    steps.ends[1].set()
    with pytest.raises(ValueError, match="1"):
        [result async for result in pipelined(failing())]
    assert "begins 2" not in steps.seen


async def test_what_cannot_be_made_ready_ends_the_step_that_is_under_way() -> None:
    steps = Steps()
    steps.broken = ValueError("3")
    steps.ends[1].set()
    with pytest.raises(ValueError, match="3"):
        await collected(steps)
    assert steps.seen[-1] == "cancelled 2"


async def test_who_is_cancelled_leaves_nothing_running() -> None:
    steps = Steps()
    running = asyncio.create_task(collected(steps))
    await settled()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert steps.seen[-1] == "cancelled 1"


async def test_without_steps_there_is_nothing() -> None:
    steps = Steps()
    steps.ends = {}
    assert await collected(steps) == []
