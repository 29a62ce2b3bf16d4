"""How long to wait before trying again: longer every time, never all at once, never for ever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Delays that double from ``first`` to ``longest`` seconds, each drawn between half and all of it (jitter)."""

    first: float = 0.05
    longest: float = 5.0
    attempts: int = 0

    def delay(self) -> float:
        """Seconds to wait now; counts one more attempt."""
        full = min(self.longest, self.first * 2.0 ** min(self.attempts, 30))
        self.attempts += 1
        return full * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret

    def reset(self) -> None:
        """It worked: start from ``first`` again."""
        self.attempts = 0

    async def wait(self, until: asyncio.Event | None = None) -> None:
        """Sleep for the next delay, or less when ``until`` is set (somebody wants to stop)."""
        await wait_or_stop(until or asyncio.Event(), self.delay())


async def wait_or_stop(event: asyncio.Event, seconds: float) -> bool:
    """Wait so long; True at once when it is set: the process is to stop, or there is something to do.

    A cancel always ends it: `asyncio.wait_for` of Python 3.11 loses one that comes in the moment in which it is set."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def wait_or_any(events: Iterable[asyncio.Event], seconds: float) -> bool:
    """Wait so long; True as soon as one of them is set: there is something to do, or the process is to stop.

    A loop that waits only for what it is asked sees a stop when its time is over, and the stop waits for it."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return bool(done)
