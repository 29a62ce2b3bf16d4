"""A pipeline of two stages: each step is made ready while the one before it is done, CPU work beside a database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
Step = Callable[[], Awaitable[T]]


async def pipelined(steps: AsyncIterator[Step[T]]) -> AsyncIterator[T]:
    """What comes of each step, in order. A step begins once the one before it has ended well; meanwhile ``steps`` makes
    the next one ready, and no more than that one. Whatever fails ends all of it: a step that is under way is cancelled.
    """
    running: asyncio.Task[T] | None = None
    try:
        async for step in steps:
            done = () if running is None else (await running,)
            running = asyncio.create_task(_of(step))
            for result in done:
                yield result
        if running is not None:
            yield await running
    finally:
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def _of(step: Step[T]) -> T:
    return await step()
