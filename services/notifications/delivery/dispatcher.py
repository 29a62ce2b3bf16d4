"""Starts a lane wherever something is due: at once when this process made it due, within a second otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from pymongo.errors import PyMongoError

from services.notifications.delivery.lane import Lane, Tools
from services.notifications.delivery.tenure import Tenure
from shared.kit.base import metrics
from shared.kit.base.logs import logger
from shared.kit.base.supervise import end_all

LOOK_SECONDS = 1.0
LOOKS_FOR_LOST = 5  # every so many looks: what others held that are gone
FLUSH_SECONDS = 1.0
_log = logger("dispatcher")


class Dispatcher:
    """Any number of them may run: claims keep them from holding the same delivery.

    `wake` may be called from the event loop at any time, also before `run`.
    """

    def __init__(self, stop_within: timedelta) -> None:
        self._stop_within = stop_within.total_seconds()
        self._woken: dict[str, set[str]] = {}
        self._moved = asyncio.Event()
        self._lanes: dict[str, Lane] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._looks = 0

    def wake(self, subscription: str, about: str) -> None:
        """This subscription has a notice or a recall (``about``) due."""
        self._woken.setdefault(subscription, set()).add(about)
        self._moved.set()

    async def run(self, tools: Tools, stopping: asyncio.Event) -> None:
        """Until stopped. Then no attempt starts, those under way may end, and what is still held is let go."""
        clock = asyncio.get_running_loop().time
        await _tried("renew", tools.tenure.renew)
        helpers = [
            asyncio.create_task(tools.recorder.run(), name="recorder"),
            asyncio.create_task(_keep(tools.tenure), name="tenure"),
            asyncio.create_task(self._told(stopping), name="stopping"),
        ]
        look_at, self._looks = 0.0, 0
        try:
            while not stopping.is_set():
                self._moved.clear()
                if clock() >= look_at:
                    await _tried("look", lambda: self._look(tools))
                    look_at = clock() + LOOK_SECONDS
                woken, self._woken = self._woken, {}
                for subscription, about in woken.items():
                    self._start(subscription, about, tools)
                try:
                    await asyncio.wait_for(self._moved.wait(), max(0.001, look_at - clock()))
                except TimeoutError:
                    continue
        finally:
            await self._stop(tools)
            await end_all(helpers)
            await _tried("end", tools.tenure.end)

    async def _told(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._moved.set()

    async def _look(self, tools: Tools) -> None:
        self._looks += 1
        if self._looks % LOOKS_FOR_LOST == 1 and (released := await tools.tenure.release_lost()):
            _log.info("released", count=released)
        await tools.tenure.pay()
        for about in ("recall", "notice"):
            for subscription in await tools.repository.waiting_endpoints(about, tools.clock.calendar()):
                self._woken.setdefault(subscription, set()).add(about)

    def _start(self, subscription: str, about: set[str], tools: Tools) -> None:
        if subscription not in self._running:
            lane = self._lanes.setdefault(subscription, Lane(subscription, tools))
            lane.wake()
            task = asyncio.create_task(lane.run(), name="lane")
            self._running[subscription] = task
            task.add_done_callback(lambda done: self._ended(subscription, done))
        else:
            self._lanes[subscription].wake(about)

    def _ended(self, subscription: str, task: asyncio.Task[None]) -> None:
        self._running.pop(subscription, None)
        lane = self._lanes.get(subscription)
        if lane is not None and lane.well:
            del self._lanes[subscription]  # a lane that had trouble is remembered with its few slots
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("lane_failed", exc_info=error)  # what is due is found again by the next look

    async def _stop(self, tools: Tools) -> None:
        lanes, running = list(self._lanes.values()), set(self._running.values())
        for lane in lanes:
            lane.stop()
        if running:
            _, late = await asyncio.wait(running, timeout=self._stop_within)
            for lane in lanes:
                lane.cut_off()  # what has no answer by now may have arrived: it comes again, under the same id
            await asyncio.gather(*late, return_exceptions=True)
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await tools.recorder.flush()
        except TimeoutError:
            _log.warning("not_all_recorded")


async def _keep(tenure: Tenure) -> None:
    while True:
        await asyncio.sleep(tenure.renew_seconds)
        await _tried("renew", tenure.renew)


async def _tried(what: str, call: Callable[[], Awaitable[None]]) -> None:
    """A database that does not answer ends no dispatcher: it is asked again soon."""
    try:
        await call()
    except PyMongoError as error:
        metrics.retries.of(kind=f"dispatcher-{what}", reason=type(error).__name__).inc()
        _log.warning("trying_again", loop=what, error=type(error).__name__)
