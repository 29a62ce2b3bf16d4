"""Background loops that are looked after: a crash is written down, counted, and the loop started again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from shared.kit import metrics
from shared.kit.backoff import Backoff
from shared.kit.logs import logger

Loop = Callable[[], Awaitable[None]]
LONGEST_WAIT_SECONDS = 10.0
_log = logger("supervise")


async def supervise(loop: Loop, stopping: asyncio.Event) -> None:
    """Run ``loop`` until it returns or ``stopping`` is set; after a crash again, waiting longer each time.

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
        except Exception:
            if clock() - began > LONGEST_WAIT_SECONDS:
                backoff.reset()
            metrics.loop_restarts.of(kind=name).inc()
            _log.exception("loop_crashed", loop=name, attempts=backoff.attempts + 1)
        await backoff.wait(stopping)


async def wait_or_stop(stopping: asyncio.Event, seconds: float) -> bool:
    """Wait so long; True at once when the process is to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return False
    return True
