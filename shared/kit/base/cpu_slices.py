"""CPU work in slices: a large one holds up neither probes and heartbeats nor the small ones for long. What is done for
one item cannot be cut; it has to be bounded by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TypeVar

SLICE_SECONDS = 0.003
T = TypeVar("T")


async def in_slices(
    items: Iterable[T], seconds: float = SLICE_SECONDS, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[T]:
    """The items, and a pause whenever the work on them has taken so long. For work that is one at a time anyway."""
    began = clock()
    for item in items:
        yield item
        if clock() - began >= seconds:
            await asyncio.sleep(0)
            began = clock()
