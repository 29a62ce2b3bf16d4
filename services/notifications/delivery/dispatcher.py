"""Starts the worker of an endpoint with something due: at once if this process made it due, else within a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from pymongo.errors import PyMongoError

from services.notifications.delivery.dispatcher_lease import DispatcherLease
from services.notifications.delivery.endpoint_worker import ABOUT, Dependencies, EndpointWorker
from services.notifications.documents import About
from shared.kit.base import metrics
from shared.kit.base.logs import logger
from shared.kit.base.supervise import end_all

POLL_SECONDS = 1.0
POLLS_PER_ORPHAN_CHECK = 5  # every so many polls: what was held by dispatchers that are gone
FLUSH_SECONDS = 1.0
_log = logger("dispatcher")


class Dispatcher:
    """Any number of them may run: claims keep them from holding the same delivery.

    `wake` may be called from the event loop at any time, also before `run`.
    """

    def __init__(self, stop_within: timedelta) -> None:
        self._stop_within = stop_within.total_seconds()
        self._woken: dict[str, set[About]] = {}
        self._moved = asyncio.Event()
        self._workers: dict[str, EndpointWorker] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._polls = 0

    def wake(self, subscription: str, about: About) -> None:
        """This subscription has a notice or a recall (``about``) due."""
        self._woken.setdefault(subscription, set()).add(about)
        self._moved.set()

    async def run(self, deps: Dependencies, stopping: asyncio.Event) -> None:
        """Until stopped. Then no attempt starts, those under way may end, and what is still held is let go."""
        clock = asyncio.get_running_loop().time
        await _try("renew", deps.lease.renew)
        helpers = [
            asyncio.create_task(deps.recorder.run(), name="recorder"),
            asyncio.create_task(_renew_until_cancelled(deps.lease), name="lease"),
            asyncio.create_task(self._wake_on(stopping), name="stopping"),
        ]
        poll_at, self._polls = 0.0, 0
        try:
            while not stopping.is_set():
                self._moved.clear()
                if clock() >= poll_at:
                    await _try("poll", lambda: self._poll(deps))
                    poll_at = clock() + POLL_SECONDS
                woken, self._woken = self._woken, {}
                for subscription, about in woken.items():
                    self._start(subscription, about, deps)
                try:
                    await asyncio.wait_for(self._moved.wait(), max(0.001, poll_at - clock()))
                except TimeoutError:
                    continue
        finally:
            await self._stop(deps)
            await end_all(helpers)
            await _try("end", deps.lease.end)

    async def _wake_on(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._moved.set()

    async def _poll(self, deps: Dependencies) -> None:
        self._polls += 1
        if self._polls % POLLS_PER_ORPHAN_CHECK == 1 and (released := await deps.lease.release_orphaned()):
            _log.info("released", count=released)
        await deps.lease.release_pending()
        for about in ABOUT:
            for subscription in await deps.repository.waiting_endpoints(about, deps.clock.calendar()):
                self._woken.setdefault(subscription, set()).add(about)

    def _start(self, subscription: str, about: set[About], deps: Dependencies) -> None:
        if subscription not in self._running:
            worker = self._workers.setdefault(subscription, EndpointWorker(subscription, deps))
            worker.wake()
            task = asyncio.create_task(worker.run(), name="worker")
            self._running[subscription] = task
            task.add_done_callback(lambda done: self._ended(subscription, done))
        else:
            self._workers[subscription].wake(about)

    def _ended(self, subscription: str, task: asyncio.Task[None]) -> None:
        self._running.pop(subscription, None)
        worker = self._workers.get(subscription)
        if worker is not None and worker.at_full_concurrency:
            del self._workers[subscription]  # a worker that had trouble is remembered with its lower limit
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("endpoint_worker_failed", exc_info=error)  # what is due is found again by the next poll

    async def _stop(self, deps: Dependencies) -> None:
        workers, running = list(self._workers.values()), set(self._running.values())
        for worker in workers:
            worker.stop()
        if running:
            _, late = await asyncio.wait(running, timeout=self._stop_within)
            for worker in workers:
                worker.cancel_in_flight()  # what has no answer may have arrived: it comes again, under the same id
            await asyncio.gather(*late, return_exceptions=True)
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await deps.recorder.flush()
        except TimeoutError:
            _log.warning("not_all_recorded")


async def _renew_until_cancelled(lease: DispatcherLease) -> None:
    while True:
        await asyncio.sleep(lease.renew_seconds)
        await _try("renew", lease.renew)


async def _try(what: str, call: Callable[[], Awaitable[None]]) -> None:
    """A database that does not answer ends no dispatcher: it is asked again soon."""
    try:
        await call()
    except PyMongoError as error:
        metrics.retries.of(kind=f"dispatcher-{what}", reason=type(error).__name__).inc()
        _log.warning("trying_again", loop=what, error=type(error).__name__)
