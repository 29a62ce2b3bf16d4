"""The attempts to one endpoint that are under way. One that was taken frees its slot at once; it is written down behind
it, in groups with others (attempt_recorder.py). After any other answer the slot is kept until it is written down,
because that may close or hold the endpoint. A good answer after bad ones is noted, too; after an outage it first brings
forward what waits for a retry.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from functools import partial

from services.notifications import metrics
from services.notifications.channel import PushChannel
from services.notifications.delivery.attempt_recorder import Reservation
from services.notifications.delivery.dependencies import Dependencies
from services.notifications.delivery.pre_send_check import BelievedEndpoint, is_open
from services.notifications.delivery_queues import queue_of
from services.notifications.documents import ClaimedDelivery, SubscriptionDocument
from services.notifications.domain.adaptive_concurrency import ConcurrencyLimit
from services.notifications.domain.attempt_verdict import FAILED_HERE, Verdict
from services.notifications.domain.retry_schedule import OUTAGE
from shared.kit.base.logs import logger

_log = logger("delivery")


class EndpointAttempts:
    """``limit``: how many there may be, changed by their answers. ``believed``: the endpoint, until one changes it.
    ``moved`` is called when there may be more to do, ``look`` before that when it is to be looked for in the database.
    """

    def __init__(
        self,
        subscription: str,
        deps: Dependencies,
        limit: ConcurrencyLimit,
        believed: BelievedEndpoint,
        *,
        moved: Callable[[], None],
        look: Callable[[], None],
    ) -> None:
        self._subscription = subscription
        self._deps = deps
        self._limit = limit
        self._believed = believed
        self._moved = moved
        self._look = look
        self._recovering = False
        self.under_way: set[asyncio.Task[None]] = set()

    def begin(
        self, channel: PushChannel, endpoint: SubscriptionDocument, delivery: ClaimedDelivery, reservation: Reservation
    ) -> None:
        """Send this now."""
        self._limit.acquire(delivery["about"])
        reservation.sent()
        self._go(channel, self._attempt(channel, endpoint, delivery, reservation))

    def cancel(self) -> None:
        """End those that are under way."""
        for task in self.under_way:
            task.cancel()

    def _go(self, channel: PushChannel, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self.under_way.add(task)
        metrics.in_flight.of(channel=channel.name).inc()
        task.add_done_callback(partial(self._done, channel.name))

    def _done(self, channel: str, task: asyncio.Task[None]) -> None:
        self.under_way.discard(task)
        metrics.in_flight.of(channel=channel).dec()
        self._moved()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("attempt_failed", exc_info=error)

    async def _attempt(
        self, channel: PushChannel, endpoint: SubscriptionDocument, delivery: ClaimedDelivery, reservation: Reservation
    ) -> None:
        deps, clock = self._deps, asyncio.get_running_loop().time
        began, now = clock(), deps.clock.calendar()
        unrecorded, owner = deps.lease.unrecorded, delivery["owner"]
        unrecorded[owner] += 1
        recorded: asyncio.Future[None] | None = None
        try:
            verdict = await self._sent(channel, endpoint, delivery, now)
            self._limit.adjust(verdict.endpoint_healthy)
            took = timedelta(seconds=clock() - began)
            waits = verdict.outcome != "delivered" or verdict.disable
            jitter = deps.jitter * secrets.randbelow(1_000_000) / 1_000_000 if waits else 0.0
            done = deps.transitions.after_attempt(delivery, verdict, took, jitter, endpoint)
            recorded = deps.recorder.record(done, queue=queue_of(delivery["thread"], self._subscription), hurry=waits)
            recorded.add_done_callback(lambda _: unrecorded.subtract([owner]))
            reservation.release()
            if waits:
                self._believed.changes()
                await asyncio.wait([recorded])
                self._believed.changes()
            if verdict.outcome == "delivered" and endpoint["failures"]:
                await self._recover(endpoint, now)
        finally:
            if recorded is None:
                unrecorded[owner] -= 1
            reservation.release()
            self._limit.release(delivery["about"])

    async def _sent(
        self, channel: PushChannel, endpoint: SubscriptionDocument, delivery: ClaimedDelivery, now: datetime
    ) -> Verdict:
        """What came of it. A fault of ours is an answer, too: without one it would stay claimed, and all that waits for
        it in order, for as long as this process runs, and nobody would be told."""
        left = False
        try:
            body = self._deps.messages.body(delivery)
            left = True
            return await channel.send(endpoint, delivery["notice"], body, now)
        except Exception as error:
            _log.error("attempt_failed", exc_info=error)
            return Verdict("again", FAILED_HERE, endpoint_healthy=True, possibly_sent=left)

    async def _recover(self, endpoint: SubscriptionDocument, now: datetime) -> None:
        """It answers well again. After an outage what waits for a retry is brought forward, so many at each good answer
        until none is left; only then the outage is over. What a crash or the database leaves is done at the next."""
        if self._recovering:
            return
        self._recovering = True
        self._believed.changes()
        try:
            if endpoint["failures"] >= OUTAGE:
                if not is_open(endpoint, now):  # it was a recall that found it well
                    await self._deps.repository.end_breaker_wait(endpoint, now)
                more = await self._deps.repository.bring_forward(self._subscription, now)
                self._look()
                self._moved()
                if more:
                    return
            self._deps.recorder.record(self._deps.transitions.recovered(self._subscription))
        finally:
            self._recovering = False
