"""Waiting for something new in feeds: thousands may, and most of the time nothing is.

What this replica writes wakes whoever waits for it (feed.py). What another one wrote is looked for every second, by one
question for all who wait: where the feed of each ends. A page is read by whom that concerns alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from services.notifications.delivery.data_loader import DataLoader
from services.notifications.domain.feed_place import Place
from services.notifications.repository import Repository
from shared.kit.base.backoff import wait_or_stop

POLL_SECONDS = 1.0  # entries that another replica wrote are looked for this often
TOGETHER_SECONDS = 0.1  # so long who looks for them waits for others to ask with


class FeedWatch:
    """Of all who wait here."""

    def __init__(self, repository: Repository, stopping: asyncio.Event) -> None:
        self._repository = repository
        self._stopping = stopping
        self._positions = DataLoader(self._feed_positions, TOGETHER_SECONDS)

    async def something_new(
        self, recipient: str, place: Place, woken: asyncio.Event, end: float, still: Callable[[], Awaitable[object]]
    ) -> bool:
        """Wait until something may lie behind this place; False when it is the ``end`` (by the loop's clock), or we
        stop. ``woken``: set when this replica writes; ``still`` is asked behind each look."""
        clock = asyncio.get_running_loop().time
        while (left := end - clock()) > 0 and not self._stopping.is_set():
            new = await wait_or_stop(woken, min(left, POLL_SECONDS)) or place.until is not None
            new = new or (await self._positions.load([recipient])).get(recipient, 0) > place.position
            await still()
            if new:
                return True
        return False

    async def _feed_positions(self, recipients: Sequence[str]) -> Mapping[str, int]:
        return await self._repository.feed_positions(recipients)
