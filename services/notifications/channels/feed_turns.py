"""How many entries of feeds are looked at in one transaction: as many readers as there are may come at once.

Whoever waits for the store is committed together with the others (group commit), by their number and not by how much
each of them asks for. Some hundred readers with a hundred entries each, as after an outage of ours, are more than a
transaction can take in its time: it failed for all of them, and again when they came back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MOST_TOGETHER = 1_000  # entries


class FeedTurns:
    """First come, first served. Who asks for more than ``most`` is alone."""

    def __init__(self, most: int = MOST_TOGETHER) -> None:
        self._most = most
        self._taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def turn(self, entries: int) -> AsyncIterator[None]:
        """As soon as there is room for so many beside those that are looked at."""
        if self._waiting or not self._has_room(entries):
            free = asyncio.get_running_loop().create_future()
            self._waiting.append((entries, free))
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
        while self._waiting and (self._waiting[0][1].done() or self._has_room(self._waiting[0][0])):
            wanted, free = self._waiting.popleft()
            if not free.done():
                self._taken += wanted
                free.set_result(None)

    def _has_room(self, entries: int) -> bool:
        return not self._taken or self._taken + entries <= self._most
