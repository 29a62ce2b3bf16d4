"""One endpoint's lane. It has slots of its own, so a partner that hangs takes nobody else's; and it takes fewer the
worse the endpoint answers, down to one at a time, which then serves as the probe that finds it well again.

An attempt that was taken frees its slot at once; writing that down goes on behind it, in groups with others. After any
other answer the slot is kept until it is written down, because that may close or hold the endpoint.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

from services.notifications.channels.channel import Push
from services.notifications.delivery.checks import is_open, look
from services.notifications.delivery.message import Messages
from services.notifications.delivery.settle import Settler
from services.notifications.documents import Document
from services.notifications.domain.body import encode
from services.notifications.domain.verdict import Verdict, judge
from services.notifications.repository import Repository
from shared.kit import metrics
from shared.kit.logs import logger
from shared.kit.store import Store

_log = logger("delivery")


AHEAD = 4  # times the slots: claimed at once
UNSETTLED = 16  # times the slots: answered or under way, and not yet written down
GATHER_SECONDS = 0.005  # slots that become free together share the last look before sending


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class LaneRules:
    """``slots``: the most attempts at once to one endpoint. ``lease`` is longer than any attempt can take.

    ``jitter``: the largest share that is added to a wait before a retry.
    """

    slots: int = 8
    lease: timedelta = timedelta(seconds=45)
    jitter: float = 0.2
    longest_hold: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Tools:
    """What every lane works with. ``channels``: those on which we call the partner, by name."""

    store: Store
    repository: Repository
    channels: Mapping[str, Push]
    settler: Settler
    messages: Messages
    rules: LaneRules
    instance: str
    today: Callable[[datetime], date]
    now: Callable[[], datetime] = utc_now


class Lane:
    """Sends what is due to one subscription until nothing is; `run` again when there is more."""

    def __init__(self, subscription: str, tools: Tools) -> None:
        self._subscription = subscription
        self._tools = tools
        self._slots = tools.rules.slots
        self._moved = asyncio.Event()
        self._dry = False
        self._stopped = False
        self._held: deque[Document] = deque()
        self._held_until = 0.0
        self._in_flight: set[asyncio.Task[None]] = set()
        self._posting = 0

    @property
    def well(self) -> bool:
        """True when the endpoint has all its slots."""
        return self._slots == self._tools.rules.slots

    def wake(self) -> None:
        """There may be something due."""
        self._dry = False
        self._moved.set()

    def stop(self) -> None:
        """Start no further attempt."""
        self._stopped = True
        self._moved.set()

    async def run(self) -> None:
        """Until nothing is due, the endpoint is closed or held, or `stop`; attempts under way are waited for."""
        try:
            while not self._stopped:
                self._moved.clear()
                started = await self._start_some()
                if self._in_flight:
                    await self._moved.wait()
                    await asyncio.sleep(GATHER_SECONDS)
                elif not started and not self._moved.is_set():
                    return
        finally:
            await self._give_back()
            if self._in_flight:
                await asyncio.wait(self._in_flight)

    async def _start_some(self) -> bool:
        free = min(self._slots - self._posting, UNSETTLED * self._tools.rules.slots - len(self._in_flight))
        if free <= 0 or self._dry:
            return False
        now = self._tools.now()
        if self._held and asyncio.get_running_loop().time() > self._held_until:
            await self._give_back()
        if not self._held and not await self._claim(now):
            self._dry = True
            return False
        batch = [self._held.popleft() for _ in range(min(free, len(self._held)))]
        looked = await look(self._tools.repository, self._subscription, batch, now, self._tools.today)
        if looked.endpoint is None:
            self._held.extendleft(reversed(batch))
            await self._give_back()
            self._dry = True
            return False
        channel = self._tools.channels[looked.endpoint["channel"]]
        for delivery in looked.forbidden:
            self._go(channel, self._abandon(delivery))
        for delivery in looked.sendable:
            self._posting += 1
            self._go(channel, self._attempt(channel, looked.endpoint, delivery))
        return True

    async def _claim(self, now: datetime) -> bool:
        endpoint = await self._tools.repository.subscription(self._subscription)
        if endpoint is None or not is_open(endpoint, now):
            return False
        if endpoint["channel"] not in self._tools.channels:  # a newer replica's: left to it
            return False
        # a new name for every claim: a claim whose answer was lost is never mistaken for this one
        owner = f"{self._tools.instance}/{secrets.token_hex(8)}"
        lease = self._tools.rules.lease
        began = asyncio.get_running_loop().time()
        claimed = await self._tools.repository.claim(
            self._subscription, owner, now, int(lease.total_seconds() * 1000), AHEAD * self._slots if self.well else 1
        )
        self._held.extend(claimed)
        self._held_until = began + lease.total_seconds() / 3  # leaves the rest of the lease to the attempt itself
        return bool(claimed)

    def _go(self, channel: Push, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._in_flight.add(task)
        metrics.in_flight.of(channel=channel.name).inc()
        task.add_done_callback(partial(self._done, channel.name))

    def _done(self, channel: str, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        metrics.in_flight.of(channel=channel).dec()
        self._moved.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # the lease brings it back; the partner may see the same id again
            _log.error("attempt_not_recorded", exc_info=error)

    async def _attempt(self, channel: Push, endpoint: Document, delivery: Document) -> None:
        clock = asyncio.get_running_loop().time
        began, now = clock(), self._tools.now()
        holds_slot = True
        try:
            body = encode(self._tools.messages.of(delivery))
            answer = await channel.send(endpoint, delivery["notice"], body, now)
            verdict = judge(answer, self._tools.now(), self._tools.rules.longest_hold)
            self._widen_or_narrow(verdict)
            jitter = self._tools.rules.jitter * secrets.randbelow(1_000_000) / 1_000_000
            took = timedelta(seconds=clock() - began)
            if verdict.outcome == "delivered" and not verdict.disable:
                holds_slot = False
                self._posting -= 1
                self._moved.set()
            await self._tools.store.submit(self._tools.settler.settle(delivery, verdict, took, jitter))
        finally:
            if holds_slot:
                self._posting -= 1

    async def _abandon(self, delivery: Document) -> None:
        await self._tools.store.submit(self._tools.settler.abandon(delivery, "consent-ended"))

    def _widen_or_narrow(self, verdict: Verdict) -> None:
        if verdict.endpoint_well:
            self._slots = min(self._tools.rules.slots, self._slots + 1)
        else:
            self._slots = max(1, self._slots // 2)

    async def _give_back(self) -> None:
        held, self._held = list(self._held), deque()
        for owner in {delivery["owner"] for delivery in held}:
            await self._tools.repository.give_back(owner, [d["_id"] for d in held if d["owner"] == owner])
