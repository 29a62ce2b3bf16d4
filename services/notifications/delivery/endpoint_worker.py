"""One worker per endpoint (a bulkhead): a partner that hangs takes nobody else's slots. How many attempts it makes at
once is adaptive, down to one at a time, which then serves as the half-open probe that finds the endpoint well again.

Recalls go first: they are claimed before anything else, and one slot is kept for them where there are two or more.
Where a replica's share is one, a recall waits for what is under way everywhere, so for one attempt at most, and goes
next. What is new and what was left waiting take turns (turns.py). Slots, rate and who asks an endpoint that is down are
shared between replicas (domain/replica_shares.py). An attempt that was taken frees its slot at once; it is written down
behind it, in groups with others. After any other answer the slot is kept until it is written down, because that may
close or hold the endpoint. Nothing is started that could not be written down soon (attempt_recorder.py), nor while this
process does not surely hold its lease (dispatcher_lease.py).
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from pymongo.errors import PyMongoError

from services.notifications import metrics
from services.notifications.channels.channel import PushChannel
from services.notifications.delivery.attempt_recorder import AttemptRecorder, Reservation
from services.notifications.delivery.dispatcher_lease import DispatcherLease
from services.notifications.delivery.heard_prohibitions import HeardProhibitions
from services.notifications.delivery.notice_content import Messages
from services.notifications.delivery.pre_send_check import (
    EndpointRead,
    FoundAllowed,
    PreSendReads,
    is_open,
    recheck_before_send,
)
from services.notifications.delivery.transitions import DeliveryTransitions
from services.notifications.delivery.turns import TURNS, HeldInTurns, Turn
from services.notifications.delivery_queues import queue_of
from services.notifications.documents import About, ClaimedDelivery, SubscriptionDocument
from services.notifications.domain.adaptive_concurrency import ConcurrencyLimit
from services.notifications.domain.rate_limiter import Pace, ahead
from services.notifications.domain.retry_schedule import OUTAGE
from services.notifications.repository import Repository
from shared.kit.base.clock import Clock
from shared.kit.base.ids import random_bytes
from shared.kit.base.logs import logger

_log = logger("delivery")


ABOUT: tuple[About, ...] = ("recall", "notice")  # in the order in which they are claimed
PREFETCH_LIMIT = 4_000  # claimed by all workers together beyond what they can send at once
HELD_LIMIT = 8  # times its slots: what one worker holds of what was born claimed
GATHER_SECONDS = 0.005  # slots that become free together share the check before sending


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What every worker works with. ``reads``, ``heard``: what is looked at before something is sent. ``channels``:
    those on which we call the partner, by name. ``slots``: the most attempts at once to one endpoint, of all replicas.
    ``jitter``: the largest share that is added to a wait before a retry."""

    repository: Repository
    reads: PreSendReads
    heard: HeardProhibitions
    channels: Mapping[str, PushChannel]
    transitions: DeliveryTransitions
    recorder: AttemptRecorder
    lease: DispatcherLease
    messages: Messages
    slots: int
    jitter: float
    today: Callable[[datetime], date]
    clock: Clock


class EndpointWorker:
    """Sends what is due to one subscription until nothing is; `run` again when there is more. ``look``: there may be
    something due in the database already."""

    def __init__(self, subscription: str, deps: Dependencies, *, look: bool = True) -> None:
        self._subscription = subscription
        self._deps = deps
        self._limit = ConcurrencyLimit(deps.lease.share.slots(deps.slots))
        self._moved = asyncio.Event()
        self._due = dict.fromkeys(TURNS, look)  # whether there may be any in the database
        self._stopped = False
        self._held = HeldInTurns()
        self._allowed: dict[str, FoundAllowed] = {}  # of those that are held
        self._in_flight: set[asyncio.Task[None]] = set()
        self._waits_for_capacity = False
        self._began = False
        self._recovering = False
        self._pace = Pace()
        self._paced = False
        self._rate: float | None = None  # our share of what it wants, when it was last looked at
        self._closed = False
        self._endpoint: EndpointRead | None = None  # as a transaction has read it a moment ago
        self._changed_at = -math.inf  # what was read before that is not believed: an answer of its own changed it since

    @property
    def holds(self) -> bool:
        """Whether it holds something that is to be sent."""
        return bool(self._held)

    @property
    def forgettable(self) -> bool:
        """Whether a new one would do the same: nothing is held, and the endpoint is open and has all its slots."""
        return not self._held and not self._closed and self._limit.at_maximum

    def room(self, turn: Turn) -> int:
        """How much more of this kind may be given to it. None while some of it waits in the database, which would be
        overtaken. Of recalls none while all of its attempts are under way and other replicas run, which may have room:
        in the database whoever has it first takes it."""
        if turn == "recall" and self._deps.lease.share.count > 1 and not self._limit.available("recall"):
            return 0
        if self._stopped or self._closed or self._paced or self._due[turn] or not self._limit.at_maximum:
            return 0
        return max(0, HELD_LIMIT * self._deps.slots - len(self._held))

    def give(
        self, claimed: ClaimedDelivery, allowed: FoundAllowed | None, endpoint: EndpointRead | None = None
    ) -> None:
        """This was claimed for it, by a transaction that found it allowed and the endpoint like that. What it does not
        send, it lets go of."""
        if endpoint is not None and endpoint.at > self._changed_at:
            self._endpoint, self._held.held_until = endpoint, endpoint.endpoint["held_until"]
        if allowed is not None:
            self._allowed[claimed["_id"]] = allowed
        self._held.add([claimed])
        self._deps.lease.prefetched += 1
        self._moved.set()

    def wake(self, turns: Iterable[Turn] = TURNS) -> None:
        """There may be something due."""
        for each in turns:
            self._due[each] = True
        self._moved.set()

    def stop(self) -> None:
        """Start no further attempt."""
        self._stopped = True
        self._moved.set()

    def cancel_in_flight(self) -> None:
        """End the attempts that are under way."""
        for task in self._in_flight:
            task.cancel()

    async def run(self) -> None:
        """Until nothing is due, the endpoint is closed or held, or `stop`; attempts under way are waited for."""
        try:
            while not self._stopped:
                self._moved.clear()
                started = await self._start_some()
                if self._in_flight or self._waits_for_capacity or self._paced:
                    await self._moved.wait()
                    if self._held or any(self._due.values()):
                        await asyncio.sleep(GATHER_SECONDS)
                elif not started and not self._moved.is_set():
                    return
        finally:
            await self._release_prefetched()
            if self._in_flight:
                await asyncio.wait(self._in_flight)

    async def _start_some(self) -> bool:
        deps = self._deps
        if any(each["owner"] != deps.lease.owner for each in self._held):
            self._due = dict.fromkeys(TURNS, True)
            await self._release_prefetched()  # the lease is not ours any more, or again under another epoch
        self._limit.give_at_most(deps.lease.share.slots(deps.slots))
        if self._holds_too_much:
            self._due = dict.fromkeys(TURNS, True)
            await self._release_prefetched()
        if self._paced or not self._limit.available("recall") or not (self._held or any(self._due.values())):
            return False
        if not deps.recorder.capacity:
            self._wait_for_capacity()
            return False
        if not await self._claim(deps.clock.calendar()):
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

    async def _send(self, batch: list[ClaimedDelivery], reservations: dict[str, Reservation]) -> bool:
        deps = self._deps
        allowances = {each["_id"]: self._allowed.pop(each["_id"], None) for each in batch}
        known = self._known(batch, allowances)
        try:
            gives_way = await deps.repository.recall_goes_first(batch, deps.clock.calendar())
            check = await recheck_before_send(
                deps.reads, self._subscription, batch, deps.clock, deps.today, known, self._believed()
            )
        except BaseException:
            self._put_back(batch)
            raise
        self._closed = check.closed or self._others_ask(check.endpoint)
        if (
            gives_way
            or self._closed
            or check.endpoint is None
            or any(each["owner"] != deps.lease.owner for each in batch)
        ):
            self._put_back(batch)
            self._due = {**dict.fromkeys(TURNS, False), "recall": gives_way}
            await self._release_prefetched()
            return gives_way
        if self._begins_in_an_outage(check.endpoint):
            self._put_back(batch)
            return True
        channel = deps.channels[check.endpoint["channel"]]
        for delivery in check.forbidden:
            deps.recorder.record(deps.transitions.drop(delivery, "consent-ended"))
        for delivery in check.in_doubt:
            deps.recorder.record(deps.transitions.postpone(delivery))
        forgotten = known - self._known(batch, allowances)  # what was heard while others were read; read in full next
        again = [each for each in check.sendable if each["_id"] in forgotten and each["about"] == "notice"]
        self._put_back(again)
        sendable = [each for each in check.sendable if each not in again]
        for delivery in self._as_fast_as_wanted(check.endpoint, sendable):
            self._limit.acquire(delivery["about"])
            reservation = reservations.pop(delivery["_id"])
            reservation.sent()
            self._go(channel, self._attempt(channel, check.endpoint, delivery, reservation))
        return True

    def _believed(self) -> SubscriptionDocument | None:
        """The endpoint, if it need not be read (pre_send_check.py)."""
        found = self._endpoint
        return found.endpoint if found is not None and found.believed(time.monotonic()) else None

    def _not_believed_any_more(self) -> None:
        """What an answer came to has changed the endpoint, or is about to."""
        self._endpoint, self._changed_at = None, time.monotonic()

    def _as_fast_as_wanted(
        self, endpoint: SubscriptionDocument, sendable: Sequence[ClaimedDelivery]
    ) -> Sequence[ClaimedDelivery]:
        """As many as the endpoint's rate allows us now; the others are looked at again when it allows the next."""
        per_second, loop = self._deps.lease.share.rate(endpoint.get("per_second")), asyncio.get_running_loop()
        self._rate = per_second
        allowed = self._pace.allow(per_second, len(sendable), loop.time())
        if per_second is not None and allowed < len(sendable):
            self._put_back(list(sendable[allowed:]))
            self._paced = True
            loop.call_later(self._pace.wait(per_second), self._on_pace)
        return sendable[:allowed]

    def _on_pace(self) -> None:
        self._paced = False
        self._moved.set()

    def _known(self, batch: Iterable[ClaimedDelivery], allowances: Mapping[str, FoundAllowed | None]) -> set[str]:
        """Those of which nothing can have been forbidden since they were found allowed."""
        clock, heard = self._deps.clock, self._deps.heard
        found = [(delivery, allowances[delivery["_id"]]) for delivery in batch]
        if clock.doubtful or not heard.is_sure():
            return set()
        today = self._deps.today(clock.latest())
        return {
            delivery["_id"]
            for delivery, allowed in found
            if allowed is not None
            and allowed.day == today
            and heard.nothing_since(allowed.at, delivery["person"], delivery["recipient"])
        }

    def _wait_for_capacity(self) -> None:
        if not self._waits_for_capacity:
            self._waits_for_capacity = True
            self._deps.recorder.when_capacity(self._on_capacity)

    def _on_capacity(self) -> None:
        self._waits_for_capacity = False
        self._moved.set()

    def _next_batch(self) -> list[ClaimedDelivery]:
        """What can be sent now of what is held."""
        batch: list[ClaimedDelivery] = []
        room = self._deps.recorder.capacity
        while self._held and len(batch) < room:
            if len(batch) >= self._limit.available(self._held.first()["about"]):
                break
            batch.append(self._held.take())
        self._deps.lease.prefetched -= len(batch)
        return batch

    def _put_back(self, batch: list[ClaimedDelivery]) -> None:
        self._held.put_back(batch)
        self._deps.lease.prefetched += len(batch)

    async def _claim(self, now: datetime) -> bool:
        """Take what is due, recalls first. False when nothing is held then, or the endpoint is closed."""
        if not self._due["recall"] and self._held and not (self._lacking and self._limit.available("notice")):
            return True
        endpoint = await self._deps.reads.subscription(self._subscription)
        known = endpoint is not None and endpoint["channel"] in self._deps.channels  # a newer replica's: left to it
        self._closed = known and (not is_open(endpoint, now) or self._others_ask(endpoint))
        if not known or self._closed or endpoint is None:
            self._due = dict.fromkeys(TURNS, False)
            await self._release_prefetched()
            return False
        self._begins_in_an_outage(endpoint)
        self._held.held_until = endpoint["held_until"]
        rate = self._rate = self._deps.lease.share.rate(endpoint.get("per_second"))
        if self._due["recall"]:
            await self._claim_some("recall", now, _at_most(self._limit.available("recall"), rate))
        if not self._held.count("recall"):
            room = max(0, PREFETCH_LIMIT - self._deps.lease.prefetched) if self._limit.at_maximum else 0
            at_once = self._limit.available("notice")
            limit = _at_most(at_once + min(room, 3 * self._deps.slots), rate) if at_once else 0
            await self._claim_notices(now, limit)
        return bool(self._held)

    @property
    def _lacking(self) -> Sequence[Turn]:
        """Of which kinds of notices nothing is held and some may be due, the one whose turn it is first."""
        return [turn for turn in self._held.notices if self._due[turn] and not self._held.count(turn)]

    async def _claim_notices(self, now: datetime, limit: int) -> None:
        """Take up to ``limit``, half of each kind if there are both; of one that comes to those of the other which are
        held already up to half in any case."""
        lacking = self._lacking
        if len(lacking) > 1:
            await self._claim_some(lacking[0], now, -(-limit // 2))
        for turn in reversed(lacking):  # of the other one, and once more of the first if there were not so many
            left = limit - self._held.count("new", "left")
            await self._claim_some(turn, now, left if len(lacking) > 1 else max(left, limit // 2))

    @property
    def _holds_too_much(self) -> bool:
        """It would lie here for long, where no other replica can send it and nothing newer takes its place."""
        if self._rate is not None and self._held.count("new", "left") > 2 * ahead(self._rate):
            return True
        return len(self._held) > self._deps.slots and not self._limit.at_maximum

    def _others_ask(self, endpoint: SubscriptionDocument | None) -> bool:
        """Whether it is in an outage, and another replica is to ask whether it is back."""
        if endpoint is None or endpoint["failures"] < OUTAGE:
            return False
        now, held_until = self._deps.clock.calendar(), endpoint["held_until"]
        return not self._deps.lease.asks(endpoint, now - held_until if held_until else timedelta())

    def _begins_in_an_outage(self, endpoint: SubscriptionDocument) -> bool:
        """Whether it was down when this process, or this worker, began: then it gets one attempt at a time."""
        found = not self._began and endpoint["failures"] >= OUTAGE
        self._began = True
        if found:
            self._limit.probe()
        return found

    async def _claim_some(self, turn: Turn, now: datetime, limit: int) -> None:
        lease = self._deps.lease
        owner, claim = lease.owner, random_bytes(8).hex()  # a claim whose answer was lost is never mistaken for this
        if owner is None or limit < 1 or not self._due[turn]:
            return
        self._due[turn] = False
        claimed: list[ClaimedDelivery] = []
        try:
            claimed = await self._deps.repository.claim(
                self._subscription, turn, owner, claim, now, limit, self._held.held_until
            )
        except PyMongoError:
            lease.claim_unknown(owner, claim)
            raise
        self._due[turn] = self._due[turn] or len(claimed) == limit
        lease.prefetched += len(claimed)
        self._held.add(claimed)

    def _go(self, channel: PushChannel, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._in_flight.add(task)
        metrics.in_flight.of(channel=channel.name).inc()
        task.add_done_callback(partial(self._done, channel.name))

    def _done(self, channel: str, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        metrics.in_flight.of(channel=channel).dec()
        self._moved.set()
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
            body = deps.messages.body(delivery)
            verdict = await channel.send(endpoint, delivery["notice"], body, now)
            self._limit.adjust(verdict.endpoint_healthy)
            took = timedelta(seconds=clock() - began)
            waits = verdict.outcome != "delivered" or verdict.disable
            jitter = deps.jitter * secrets.randbelow(1_000_000) / 1_000_000 if waits else 0.0
            done = deps.transitions.after_attempt(delivery, verdict, took, jitter, endpoint)
            recorded = deps.recorder.record(done, queue=queue_of(delivery["thread"], self._subscription), hurry=waits)
            recorded.add_done_callback(lambda _: unrecorded.subtract([owner]))
            reservation.release()
            if waits:
                self._not_believed_any_more()
                await asyncio.wait([recorded])
                self._not_believed_any_more()
            if verdict.outcome == "delivered" and endpoint["failures"]:
                await self._recover(endpoint, now)
        finally:
            if recorded is None:
                unrecorded[owner] -= 1
            reservation.release()
            self._limit.release(delivery["about"])

    async def _recover(self, endpoint: SubscriptionDocument, now: datetime) -> None:
        """It answers well again. After an outage what waits for a retry is brought forward, so many at each good answer
        until none is left; only then the outage is over. What a crash or the database leaves is done at the next."""
        if self._recovering:
            return
        self._recovering = True
        self._not_believed_any_more()
        try:
            if endpoint["failures"] >= OUTAGE:
                more = await self._deps.repository.bring_forward(self._subscription, now)
                self.wake()
                if more:
                    return
            self._deps.recorder.record(self._deps.transitions.recovered(self._subscription))
        finally:
            self._recovering = False

    async def _release_prefetched(self) -> None:
        held, self._allowed = self._held.clear(), {}
        self._deps.lease.prefetched -= len(held)
        for claim in {delivery["claim"] for delivery in held}:
            await self._deps.lease.release_unsent(claim, [d["_id"] for d in held if d["claim"] == claim])


def _at_most(limit: int, rate: float | None) -> int:
    return limit if rate is None else min(limit, ahead(rate))
