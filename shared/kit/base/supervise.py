"""Background loops that are looked after: a crash is written down, counted, and the loop started again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from shared.kit.base import metrics
from shared.kit.base.backoff import Backoff, wait_or_stop
from shared.kit.base.logs import logger

Loop = Callable[[], Awaitable[None]]
LONGEST_WAIT_SECONDS = 10.0
CANCEL_AGAIN_SECONDS = 1.0
_log = logger("supervise")


async def supervise(loop: Loop, stopping: asyncio.Event, away: tuple[type[Exception], ...] = ()) -> None:
    """Run ``loop`` until it returns or ``stopping`` is set; after a crash again, waiting longer each time. What says
    that something else is ``away`` is no crash: it is tried again, and no bug is reported.

    A loop that had run well for the longest wait starts again after the shortest. Cancelling ends it at once.
    """
    name = getattr(loop, "__name__", type(loop).__name__).strip("_")
    clock = asyncio.get_running_loop().time
    backoff = Backoff(first=0.1, longest=LONGEST_WAIT_SECONDS)
    while not stopping.is_set():
        began = clock()
        try:
            await loop()
            return
        except Exception as error:
            if clock() - began > LONGEST_WAIT_SECONDS:
                backoff.reset()
            if isinstance(error, away):
                metrics.retries.of(kind=name, reason=type(error).__name__).inc()
                _log.warning("trying_again", loop=name, error=type(error).__name__)
            else:
                metrics.loop_restarts.of(kind=name).inc()
                _log.exception("loop_crashed", loop=name, attempts=backoff.attempts + 1)
        await backoff.wait(stopping)


async def regularly(steps: Sequence[Callable[[], Awaitable[object]]], seconds: float, stopping: asyncio.Event) -> None:
    """Take these steps, one after the other, every so many seconds until stopped. One that fails keeps no other from
    its turn; then what the first one met is raised, for whoever looks after this loop."""
    while not stopping.is_set():
        failures: list[Exception] = []
        for step in steps:
            try:
                await step()
            except Exception as error:  # raised below
                failures.append(error)
        if failures:
            raise failures[0]
        await wait_or_stop(stopping, seconds)


async def end_all(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel them until all have ended; what they raise is nobody's business. Once is not enough: aiokafka loses a
    cancel now and then (when it closes, it waits for a task of its own and takes the cancel for that one's)."""
    tasks = list(tasks)
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
