"""CPU work of requests in turns: one slice at a time in the whole process, in turn among those who have work, so that a
large request holds up neither probes and heartbeats nor the small ones for long. Between two slices the event loop does
whatever else is ready. What is done between two calls of ``pause`` cannot be cut; it has to be bounded by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from shared.kit.base.cpu_slices import SLICE_SECONDS

Pause = Callable[[], Awaitable[None]]


class RequestScheduler:
    """Hands out turns. ``clock`` as `time.monotonic`."""

    def __init__(self, seconds: float = SLICE_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._turn = asyncio.Lock()  # fair: first come, first served

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Pause]:
        """A turn. The block calls what it gets after every small piece of work: it waits once the slice is used up."""
        await self._turn.acquire()
        began, held = self._clock(), True

        async def pause() -> None:
            nonlocal began, held
            if self._clock() - began >= self._seconds:
                self._turn.release()
                held = False  # whoever is cancelled while it waits has nothing to give back
                await asyncio.sleep(0)  # also when nobody else has work: the loop itself has
                await self._turn.acquire()
                began, held = self._clock(), True

        try:
            yield pause
        finally:
            if held:
                self._turn.release()
