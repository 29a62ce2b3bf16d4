"""How many entries of feeds are looked at in one transaction: as many readers as there are may come at once.

Whoever waits for the store is committed together with the others (group commit), by their number and not by how much
each of them asks for. Some hundred readers with a hundred entries each, as after an outage of ours, are more than a
transaction can take in its time: it failed for all of them, and again when they came back. Recipients take turns, so
that one with many readers keeps no other waiting for all of these.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MOST_TOGETHER = 1_000  # entries


class FeedAdmission:
    """First come, first served of one recipient, which then stands behind the others. Who asks for more than ``most``
    is alone."""

    def __init__(self, most: int = MOST_TOGETHER) -> None:
        self._most = most
        self._taken = 0
        self._waiting: dict[str, deque[tuple[int, asyncio.Future[None]]]] = {}  # the next recipient first; none empty

    @asynccontextmanager
    async def admit(self, recipient: str, entries: int) -> AsyncIterator[None]:
        """As soon as there is room for so many beside those that are looked at."""
        if self._waiting or not self._has_room(entries):
            free = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(recipient, deque()).append((entries, free))
            try:
                await free
            except asyncio.CancelledError:
                if not free.cancelled():  # its turn had come already
                    self._leave(entries)
                raise
        else:
            self._taken += entries
        try:
            yield
        finally:
            self._leave(entries)

    def _leave(self, entries: int) -> None:
        self._taken -= entries
        while self._waiting:
            recipient, queue = next(iter(self._waiting.items()))
            wanted, free = queue[0]
            if not free.done() and not self._has_room(wanted):
                return
            queue.popleft()
            del self._waiting[recipient]
            if queue:
                self._waiting[recipient] = queue
            if not free.done():  # whoever waited has not hung up
                self._taken += wanted
                free.set_result(None)

    def _has_room(self, entries: int) -> bool:
        return not self._taken or self._taken + entries <= self._most
