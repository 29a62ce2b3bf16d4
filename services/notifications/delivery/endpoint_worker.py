"""One worker per endpoint (a bulkhead): a partner that hangs takes nobody else's slots. How many attempts it makes at
once is adaptive, down to one at a time, which then serves as the half-open probe that finds the endpoint well again.

Recalls go first: they are claimed before anything else (endpoint_claims.py), and one slot is kept for them where there
are two or more. Where a replica's share is one, a recall waits for what is under way everywhere, so for one attempt at
most (endpoint_attempts.py), and goes next. What is new and what was left waiting take turns (turns.py). Slots, rate and
who asks an endpoint that is down are shared between replicas (domain/replica_shares.py). Nothing is started that could
not be written down soon (attempt_recorder.py), nor while this process does not surely hold its lease
(dispatcher_lease.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta

from services.notifications.delivery.attempt_recorder import Reservation
from services.notifications.delivery.dependencies import Dependencies
from services.notifications.delivery.endpoint_attempts import EndpointAttempts
from services.notifications.delivery.endpoint_claims import EndpointClaims
from services.notifications.delivery.fair_queue import QUEUE_CLASSES, QUEUE_CLASSES_OF
from services.notifications.delivery.held_deliveries import HELD_LIMIT, HeldDeliveries
from services.notifications.delivery.pre_send_check import (
    BelievedEndpoint,
    EndpointRead,
    FoundAllowed,
    held_until,
    is_open,
    recheck_before_send,
    still_allowed,
)
from services.notifications.documents import ClaimedDelivery, QueueClass, SubscriptionDocument
from services.notifications.domain.adaptive_concurrency import ConcurrencyLimit
from services.notifications.domain.rate_limiter import Pace
from services.notifications.domain.retry_schedule import OUTAGE

GATHER_SECONDS = 0.005  # slots that become free together share the check before sending


class EndpointWorker:
    """Sends what is due to one subscription until nothing is; `run` again when there is more. ``look``: there may be
    something due in the database already."""

    def __init__(self, subscription: str, deps: Dependencies, *, look: bool = True) -> None:
        self._subscription = subscription
        self._deps = deps
        self._moved = asyncio.Event()
        self._limit = ConcurrencyLimit(deps.lease.share.slots(deps.slots))
        self._held = HeldDeliveries(deps.lease)
        self._claims = EndpointClaims(subscription, deps, self._held, self._limit, look=look)
        self._believed = BelievedEndpoint()
        self._attempts = EndpointAttempts(
            subscription, deps, self._limit, self._believed, moved=self._moved.set, look=self._claims.look_for
        )
        self._stopped = False
        self._waits_for_capacity = False
        self._down = False
        self._pace = Pace()
        self._paced = False
        self._closed = False

    @property
    def holds(self) -> bool:
        """Whether it holds something that is to be sent."""
        return bool(self._held)

    @property
    def forgettable(self) -> bool:
        """Whether a new one would do the same: nothing is held, and the endpoint is open and has all its slots."""
        return not self._held and not self._closed and self._limit.at_maximum

    def room(self, queue_class: QueueClass) -> int:
        """How much more of this kind may be given to it. None while some of it waits in the database, which would be
        overtaken. Of recalls none while all of its attempts are under way and other replicas run, which may have room:
        in the database whoever has it first takes it."""
        if queue_class == "recall" and self._deps.lease.share.count > 1 and not self._limit.available("recall"):
            return 0
        if (
            self._stopped
            or self._closed
            or self._paced
            or self._claims.looks_for(queue_class)
            or not self._limit.at_maximum
        ):
            return 0
        return max(0, HELD_LIMIT * self._deps.slots - len(self._held))

    def give(
        self, claimed: ClaimedDelivery, allowed: FoundAllowed | None, endpoint: EndpointRead | None = None
    ) -> None:
        """This was claimed for it, by a transaction that found it allowed and the endpoint like that. What it does not
        send, it lets go of."""
        if endpoint is not None and self._believed.learn(endpoint):
            self._held.held_until = endpoint.endpoint["held_until"]
        self._held.give(claimed, allowed)
        self._moved.set()

    def wake(self, classes: Iterable[QueueClass] = QUEUE_CLASSES) -> None:
        """There may be something due."""
        self._claims.look_for(classes)
        self._moved.set()

    def stop(self) -> None:
        """Start no further attempt."""
        self._stopped = True
        self._moved.set()

    def cancel_in_flight(self) -> None:
        """End the attempts that are under way."""
        self._attempts.cancel()

    async def run(self) -> None:
        """Until nothing is due, the endpoint is closed or held, or `stop`; attempts under way are waited for."""
        try:
            while not self._stopped:
                self._moved.clear()
                started = await self._start_some()
                if self._attempts.under_way or self._waits_for_capacity or self._paced:
                    await self._moved.wait()
                    if self._held or self._claims.looks:
                        await asyncio.sleep(GATHER_SECONDS)
                elif not started and not self._moved.is_set():
                    return
        finally:
            await self._held.release()
            if self._attempts.under_way:
                await asyncio.wait(self._attempts.under_way)

    async def _start_some(self) -> bool:
        deps = self._deps
        if self._held.of_another_lease:
            self._claims.look_for()
            await self._held.release()
        self._limit.give_at_most(deps.lease.share.slots(deps.slots))
        if self._claims.holds_too_much:
            self._claims.look_for()
            await self._held.release()
        if self._paced or not self._limit.available("recall") or not (self._held or self._claims.looks):
            return False
        if not deps.recorder.capacity:
            self._wait_for_capacity()
            return False
        if self._claims.worth_a_look and not await self._claim():
            return False
        batch = self._next_batch()
        if not batch:
            if not deps.recorder.capacity:  # others were quicker
                self._wait_for_capacity()
            return False
        reservations = {delivery["_id"]: deps.recorder.reserve() for delivery in batch}
        try:
            return await self._send(batch, reservations)
        finally:
            for reservation in reservations.values():  # those that are not made
                reservation.release()

    async def _claim(self) -> bool:
        """Take what is due. False when nothing is held then, or the endpoint is closed."""
        now = self._deps.clock.calendar()
        endpoint = await self._deps.reads.subscription(self._subscription)
        known = endpoint is not None and endpoint["channel"] in self._deps.channels  # a newer replica's: left to it
        others_ask = self._others_ask(endpoint)
        self._closed = known and (not is_open(endpoint, now) or others_ask)
        if not known or others_ask or endpoint is None or not is_open(endpoint, now, "recall"):
            self._claims.look_for_nothing()
            await self._held.release()
            return False
        if self._closed:
            await self._hold_notices()
        self._finds_an_outage(endpoint)
        await self._claims.claim(endpoint, now)
        return bool(self._held)

    async def _hold_notices(self) -> None:
        """Recalls may be sent, and nothing else."""
        self._claims.look_for_nothing(QUEUE_CLASSES_OF["notice"])
        await self._held.release(QUEUE_CLASSES_OF["notice"])

    def _next_batch(self) -> list[ClaimedDelivery]:
        """What can be sent now of what is held."""
        batch: list[ClaimedDelivery] = []
        room = self._deps.recorder.capacity
        while self._held and len(batch) < room:
            if len(batch) >= self._limit.available(self._held.first()["about"]):
                break
            batch.append(self._held.take())
        return batch

    async def _send(self, batch: list[ClaimedDelivery], reservations: dict[str, Reservation]) -> bool:
        deps, found = self._deps, self._held.found_allowed(batch)
        known = still_allowed(found, batch, deps.heard, deps.clock, deps.today)
        try:
            gives_way = await deps.repository.recall_goes_first(batch, deps.clock.calendar())
            check = await recheck_before_send(
                deps.reads, self._subscription, batch, deps.clock, deps.today, known, self._believed.now()
            )
        except BaseException:
            self._held.put_back(batch)
            raise
        others_ask = self._others_ask(check.endpoint)
        self._closed = check.closed or others_ask
        if (
            gives_way
            or others_ask
            or check.endpoint is None
            or not all(deps.lease.is_ours(each["owner"]) for each in batch)
        ):
            self._held.put_back(batch)
            self._claims.look_for_nothing()
            if gives_way:
                self._claims.look_for(["recall"])
            await self._held.release()
            return gives_way
        if self._finds_an_outage(check.endpoint):
            self._held.put_back(batch)
            return True
        if check.held:
            self._held.put_back(check.held)
            await self._hold_notices()
        channel = deps.channels[check.endpoint["channel"]]
        for delivery in check.forbidden:
            deps.recorder.record(deps.transitions.drop(delivery, "consent-ended"))
        for delivery in check.in_doubt:
            deps.recorder.record(deps.transitions.postpone(delivery))
        for delivery in check.needless:
            deps.recorder.record(deps.transitions.needless(delivery))
        # what was heard while others were read; read in full next
        forgotten = known - still_allowed(found, batch, deps.heard, deps.clock, deps.today)
        again = [each for each in check.sendable if each["_id"] in forgotten and each["about"] == "notice"]
        self._held.put_back(again)
        sendable = [each for each in check.sendable if each not in again]
        for delivery in self._as_fast_as_wanted(check.endpoint, sendable):
            self._attempts.begin(channel, check.endpoint, delivery, reservations.pop(delivery["_id"]))
        return True

    def _as_fast_as_wanted(
        self, endpoint: SubscriptionDocument, sendable: Sequence[ClaimedDelivery]
    ) -> Sequence[ClaimedDelivery]:
        """As many as the endpoint's rate allows us now; the others are looked at again when it allows the next."""
        per_second, loop = self._deps.lease.share.rate(endpoint.get("per_second")), asyncio.get_running_loop()
        self._claims.rate = per_second
        allowed = self._pace.allow(per_second, len(sendable), loop.time())
        if per_second is not None and allowed < len(sendable):
            self._held.put_back(list(sendable[allowed:]))
            self._paced = True
            loop.call_later(self._pace.wait(per_second), self._on_pace)
        return sendable[:allowed]

    def _on_pace(self) -> None:
        self._paced = False
        self._moved.set()

    def _wait_for_capacity(self) -> None:
        if not self._waits_for_capacity:
            self._waits_for_capacity = True
            self._deps.recorder.when_capacity(self._on_capacity)

    def _on_capacity(self) -> None:
        self._waits_for_capacity = False
        self._moved.set()

    def _others_ask(self, endpoint: SubscriptionDocument | None) -> bool:
        """Whether it is in an outage, and another replica is to ask whether it is back."""
        if endpoint is None or endpoint["failures"] < OUTAGE:
            return False
        now = self._deps.clock.calendar()
        since = held_until(endpoint, "notice" if is_open(endpoint, now) else "recall")
        return not self._deps.lease.asks(endpoint, now - since if since else timedelta())

    def _finds_an_outage(self, endpoint: SubscriptionDocument) -> bool:
        """Whether it is down, and was not when this worker last looked, or had not looked yet: perhaps other replicas
        have found it out. Then it gets one attempt at a time."""
        before, self._down = self._down, endpoint["failures"] >= OUTAGE
        if self._down and not before:
            self._limit.probe()
            return True
        return False
