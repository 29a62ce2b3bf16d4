"""The half-open probe: an endpoint that is down is asked whether it is back, with nothing but what waits for it.

When its breaker's wait is over and nothing is due by itself, one delivery that waits for a retry is brought forward, a
recall if there is one (and nothing else while its partner asked us to wait); a notice that was chosen gives way to a
recall that has come to wait before it leaves (delivery/endpoint_worker.py). The attempt uses up none of its schedule. A
good answer brings everything else, a bad one opens the breaker again (domain/circuit_breaker.py). So a partner that
comes back is told within a wait, however far off the next retry of anything is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from services.notifications.delivery.fair_queue import ABOUT
from services.notifications.documents import About, SubscriptionDocument
from services.notifications.repository import Repository
from shared.kit.base.backoff import wait_or_stop
from shared.kit.base.clock import Clock

LOOK_SECONDS = 1.5
LOOK_AGAIN = timedelta(seconds=30)


class Probes:
    """Several replicas may run it; ``ours``: whether this one is to ask in an outage in which somebody could have asked
    for so long (domain/replica_shares.py). Two probes at once are harmless. ``wake``: the dispatcher's."""

    def __init__(
        self,
        repository: Repository,
        clock: Clock,
        wake: Callable[[str, About], None],
        ours: Callable[[SubscriptionDocument, timedelta], bool],
    ) -> None:
        self._repository = repository
        self._clock = clock
        self._wake = wake
        self._ours = ours
        self._nothing_waits: dict[tuple[str, datetime | None], datetime] = {}  # looked at again only after then

    async def run(self, stopping: asyncio.Event) -> None:
        """Until stopped."""
        while not await wait_or_stop(stopping, LOOK_SECONDS):
            await self.look()

    async def look(self) -> None:
        """Every endpoint in an outage whose wait is over, or may be for a recall. One for which nothing waited is
        looked at again when it has failed anew, or after a while."""
        now, down = self._clock.calendar(), await self._repository.down()
        with_recalls = await self._repository.with_recalls() if down else set()
        self._nothing_waits = {each: until for each, until in self._nothing_waits.items() if until > now}
        for endpoint in down:
            id, held_until, recall_at = endpoint["_id"], endpoint["held_until"], endpoint.get("recall_at")
            only_recalls = False
            if held_until is not None and held_until > now:
                if id not in with_recalls or recall_at is None or not self._is_over(endpoint, recall_at, now):
                    continue
                only_recalls = not await self._repository.end_breaker_wait(endpoint, recall_at)
            elif (id, held_until) in self._nothing_waits or not self._is_over(endpoint, held_until or now, now):
                continue
            for about in ABOUT[:1] if only_recalls else ABOUT:
                if await self._repository.bring_probe_forward(id, about, now):
                    self._wake(id, about)
                    break
            else:
                self._nothing_waits[id, held_until] = now + LOOK_AGAIN

    def _is_over(self, endpoint: SubscriptionDocument, wait: datetime, now: datetime) -> bool:
        return now >= wait and self._ours(endpoint, now - wait)
