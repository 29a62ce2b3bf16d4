"""Starts a lane wherever something is due: at once when this process made it due, within a second otherwise."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from services.notifications.delivery.lane import Lane, Tools
from shared.kit.logs import logger

LOOK_SECONDS = 1.0
_log = logger("dispatcher")


class Dispatcher:
    """Any number of them may run: claims keep them from holding the same delivery.

    `wake` may be called from the event loop at any time, also before `run`.
    """

    def __init__(self, stop_within: timedelta) -> None:
        self._stop_within = stop_within.total_seconds()
        self._woken: set[str] = set()
        self._moved = asyncio.Event()
        self._lanes: dict[str, Lane] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    def wake(self, subscription: str) -> None:
        """This subscription has something due."""
        self._woken.add(subscription)
        self._moved.set()

    async def run(self, tools: Tools, stopping: asyncio.Event) -> None:
        """Until stopped. Then no attempt starts, those under way may end, and what is still held is let go."""
        clock = asyncio.get_running_loop().time
        # what an earlier run of this replica held when it was killed
        released = await tools.repository.release_of(tools.instance)
        if released:
            _log.info("released", count=released)
        look_at = 0.0
        try:
            while not stopping.is_set():
                self._moved.clear()
                if clock() >= look_at:
                    await tools.repository.release_lost()
                    self._woken.update(await tools.repository.waiting_endpoints(tools.now()))
                    look_at = clock() + LOOK_SECONDS
                woken, self._woken = self._woken, set()
                for subscription in woken:
                    self._start(subscription, tools)
                try:
                    await asyncio.wait_for(self._moved.wait(), max(0.001, look_at - clock()))
                except TimeoutError:
                    continue
        finally:
            await self._stop()

    def _start(self, subscription: str, tools: Tools) -> None:
        lane = self._lanes.setdefault(subscription, Lane(subscription, tools))
        lane.wake()
        if subscription not in self._running:
            task = asyncio.create_task(lane.run(), name="lane")
            self._running[subscription] = task
            task.add_done_callback(lambda done: self._ended(subscription, done))

    def _ended(self, subscription: str, task: asyncio.Task[None]) -> None:
        self._running.pop(subscription, None)
        lane = self._lanes.get(subscription)
        if lane is not None and lane.well:
            del self._lanes[subscription]  # a lane that had trouble is remembered with its few slots
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("lane_failed", exc_info=error)  # what is due is found again by the next look

    async def _stop(self) -> None:
        for lane in self._lanes.values():
            lane.stop()
        running = set(self._running.values())
        if running:
            _, late = await asyncio.wait(running, timeout=self._stop_within)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
