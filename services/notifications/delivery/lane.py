"""One endpoint's lane. It has slots of its own, so a partner that hangs takes nobody else's; and it takes fewer the
worse the endpoint answers, down to one at a time, which then serves as the probe that finds it well again.

Recalls go first: they are claimed before anything else, and one slot is kept for them. An attempt that was taken frees
its slot at once; it is written down behind it, in groups with others. After any other answer the slot is kept until it
is written down, because that may close or hold the endpoint. Nothing is started that could not be written down soon
(recorder.py), nor while this process does not surely hold its lease (tenure.py).
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from pymongo.errors import PyMongoError

from services.notifications.channels.channel import Push
from services.notifications.delivery.checks import is_open, look
from services.notifications.delivery.message import Messages
from services.notifications.delivery.recorder import Attempt, Recorder
from services.notifications.delivery.settle import Settler
from services.notifications.delivery.tenure import Tenure
from services.notifications.documents import Document
from services.notifications.domain.body import encode
from services.notifications.domain.slots import Slots
from services.notifications.domain.verdict import judge
from services.notifications.repository import Repository
from shared.kit.base import metrics
from shared.kit.base.clock import Clock
from shared.kit.base.logs import logger

_log = logger("delivery")


ABOUT = ("recall", "notice")  # in the order in which they are claimed
AHEAD = 1_000  # claimed by all lanes together beyond what they can send at once
GATHER_SECONDS = 0.005  # slots that become free together share the last look before sending


@dataclass(frozen=True, slots=True)
class LaneRules:
    """``slots``: the most attempts at once to one endpoint. ``jitter``: the largest share that is added to a wait
    before a retry. ``longest_hold``: at most this much of Retry-After.
    """

    slots: int = 8
    jitter: float = 0.2
    longest_hold: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Tools:
    """What every lane works with. ``channels``: those on which we call the partner, by name."""

    repository: Repository
    channels: Mapping[str, Push]
    settler: Settler
    recorder: Recorder
    tenure: Tenure
    messages: Messages
    rules: LaneRules
    today: Callable[[datetime], date]
    clock: Clock


class Lane:
    """Sends what is due to one subscription until nothing is; `run` again when there is more."""

    def __init__(self, subscription: str, tools: Tools) -> None:
        self._subscription = subscription
        self._tools = tools
        self._slots = Slots(tools.rules.slots)
        self._moved = asyncio.Event()
        self._due = dict.fromkeys(ABOUT, True)  # whether there may be any
        self._stopped = False
        self._held: deque[Document] = deque()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._waits_for_room = False

    @property
    def well(self) -> bool:
        """True when the endpoint has all its slots."""
        return self._slots.all

    def wake(self, about: Iterable[str] = ABOUT) -> None:
        """There may be something due."""
        for each in about:
            self._due[each] = True
        self._moved.set()

    def stop(self) -> None:
        """Start no further attempt."""
        self._stopped = True
        self._moved.set()

    def cut_off(self) -> None:
        """End the attempts that are under way."""
        for task in self._in_flight:
            task.cancel()

    async def run(self) -> None:
        """Until nothing is due, the endpoint is closed or held, or `stop`; attempts under way are waited for."""
        try:
            while not self._stopped:
                self._moved.clear()
                started = await self._start_some()
                if self._in_flight or self._waits_for_room:
                    await self._moved.wait()
                    await asyncio.sleep(GATHER_SECONDS)
                elif not started and not self._moved.is_set():
                    return
        finally:
            await self._give_back()
            if self._in_flight:
                await asyncio.wait(self._in_flight)

    async def _start_some(self) -> bool:
        tools = self._tools
        if self._held and self._held[0]["owner"] != tools.tenure.owner:
            await self._give_back()  # the lease is not ours any more, or again under another epoch
        if not self._slots.free("recall") or not (self._held or any(self._due.values())):
            return False
        if not tools.recorder.room:
            self._wait_for_room()
            return False
        now = tools.clock.calendar()
        if not await self._claim(now):
            return False
        batch = self._next_batch()
        if not batch:
            if not tools.recorder.room:  # others were quicker
                self._wait_for_room()
            return False
        attempts = {delivery["_id"]: tools.recorder.attempt() for delivery in batch}
        try:
            return await self._send(batch, attempts)
        finally:
            for attempt in attempts.values():  # those that are not made
                attempt.ended()

    async def _send(self, batch: list[Document], attempts: dict[str, Attempt]) -> bool:
        tools = self._tools
        try:
            looked = await look(tools.repository, self._subscription, batch, tools.clock, tools.today)
        except BaseException:
            self._put_back(batch)
            raise
        if looked.endpoint is None or tools.tenure.owner != batch[0]["owner"]:
            self._put_back(batch)
            self._due = dict.fromkeys(ABOUT, False)
            await self._give_back()
            return False
        channel = tools.channels[looked.endpoint["channel"]]
        for delivery in looked.forbidden:
            tools.recorder.record(tools.settler.abandon(delivery, "consent-ended"))
        for delivery in looked.in_doubt:
            tools.recorder.record(tools.settler.postpone(delivery))
        for delivery in looked.sendable:
            self._slots.take(delivery["about"])
            attempt = attempts.pop(delivery["_id"])
            attempt.sent()
            self._go(channel, self._attempt(channel, looked.endpoint, delivery, attempt))
        return True

    def _wait_for_room(self) -> None:
        if not self._waits_for_room:
            self._waits_for_room = True
            self._tools.recorder.when_room(self._there_is_room)

    def _there_is_room(self) -> None:
        self._waits_for_room = False
        self._moved.set()

    def _next_batch(self) -> list[Document]:
        """What can be sent now of what is held; recalls are in front."""
        batch: list[Document] = []
        room = self._tools.recorder.room
        while self._held and len(batch) < room:
            about = self._held[0]["about"]
            if len(batch) >= self._slots.free(about):
                break
            batch.append(self._held.popleft())
        self._tools.tenure.ahead -= len(batch)
        return batch

    def _put_back(self, batch: list[Document]) -> None:
        self._held.extendleft(reversed(batch))
        self._tools.tenure.ahead += len(batch)

    async def _claim(self, now: datetime) -> bool:
        """Take what is due, recalls first. False when nothing is held then, or the endpoint is closed."""
        if not self._due["recall"] and self._held:
            return True
        endpoint = await self._tools.repository.subscription(self._subscription)
        known = endpoint is not None and endpoint["channel"] in self._tools.channels  # a newer replica's: left to it
        if not known or not is_open(endpoint, now):
            self._due = dict.fromkeys(ABOUT, False)
            await self._give_back()
            return False
        if self._due["recall"]:
            self._held.extendleft(reversed(await self._claim_some("recall", now, self._slots.free("recall"))))
        if not self._held and self._due["notice"]:
            tenure = self._tools.tenure
            ahead = max(0, AHEAD - tenure.ahead) if self.well else 0
            at_once = self._slots.free("notice")
            limit = at_once + min(ahead, 3 * self._tools.rules.slots) if at_once else 0
            self._held.extend(await self._claim_some("notice", now, limit))
        return bool(self._held)

    async def _claim_some(self, about: str, now: datetime, limit: int) -> list[Document]:
        tenure = self._tools.tenure
        owner, claim = tenure.owner, secrets.token_hex(8)  # a claim whose answer was lost is never mistaken for this
        if owner is None or limit < 1:
            return []
        self._due[about] = False
        claimed: list[Document] = []
        try:
            claimed = await self._tools.repository.claim(self._subscription, about, owner, claim, now, limit)
        except PyMongoError:
            tenure.doubt(owner, claim)
            raise
        self._due[about] = self._due[about] or len(claimed) == limit
        tenure.ahead += len(claimed)
        return claimed

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
            _log.error("attempt_failed", exc_info=error)

    async def _attempt(self, channel: Push, endpoint: Document, delivery: Document, attempt: Attempt) -> None:
        tools, clock = self._tools, asyncio.get_running_loop().time
        began, now = clock(), tools.clock.calendar()
        in_hand, owner = tools.tenure.in_hand, delivery["owner"]
        in_hand[owner] += 1
        recorded: asyncio.Future[None] | None = None
        try:
            body = encode(tools.messages.of(delivery))
            answer = await channel.send(endpoint, delivery["notice"], body, now)
            verdict = judge(answer, tools.clock.calendar(), tools.rules.longest_hold)
            self._slots.answered(verdict.endpoint_well)
            jitter = tools.rules.jitter * secrets.randbelow(1_000_000) / 1_000_000
            took = timedelta(seconds=clock() - began)
            recorded = tools.recorder.record(tools.settler.settle(delivery, verdict, took, jitter))
            recorded.add_done_callback(lambda _: in_hand.subtract([owner]))
            attempt.ended()
            if verdict.outcome != "delivered" or verdict.disable:
                await asyncio.wait([recorded])
        finally:
            if recorded is None:
                in_hand[owner] -= 1
            attempt.ended()
            self._slots.give(delivery["about"])

    async def _give_back(self) -> None:
        held, self._held = list(self._held), deque()
        self._tools.tenure.ahead -= len(held)
        for claim in {delivery["claim"] for delivery in held}:
            await self._tools.tenure.give_back(claim, [d["_id"] for d in held if d["claim"] == claim])
