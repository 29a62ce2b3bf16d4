"""Starts the worker of an endpoint with something due: at once if this process made it due, else within a second.

What is due at once is born claimed, in the transaction that makes it due, by the replica that runs it, and handed to
its worker when that is committed: nothing is claimed and read again before it leaves. Only as much as it may hold in
memory; what is beyond that, or due later, waits in the database until it is claimed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import cast
from weakref import WeakKeyDictionary

from pymongo.errors import ConnectionFailure, PyMongoError

from services.notifications.delivery.dependencies import Dependencies
from services.notifications.delivery.dispatcher_lease import DispatcherLease
from services.notifications.delivery.endpoint_worker import EndpointWorker
from services.notifications.delivery.fair_queue import ABOUT, QUEUE_CLASSES_OF, queue_class_of
from services.notifications.delivery.held_deliveries import HELD_LIMIT, PREFETCH_LIMIT
from services.notifications.delivery.pre_send_check import EndpointRead, FoundAllowed, endpoint_of, found_allowed
from services.notifications.documents import (
    DELIVERIES,
    DUE,
    SENDING,
    About,
    ChannelName,
    ClaimedDelivery,
    DeliveryDocument,
    QueueClass,
)
from shared.kit.base import metrics
from shared.kit.base.backoff import wait_or_stop
from shared.kit.base.ids import random_bytes
from shared.kit.base.logs import logger
from shared.kit.base.supervise import end_all
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import UnitOfWork

POLL_SECONDS = 1.0
POLLS_PER_ORPHAN_CHECK = 5  # every so many polls: what was held by dispatchers that are gone
FLUSH_SECONDS = 1.0
MOST_REMEMBERED = 1_000  # endpoints that had trouble; one that is forgotten begins with all of its slots again
_log = logger("dispatcher")


@dataclass(frozen=True, slots=True)
class _Born:
    """What one transaction claims at birth: under one name, and how much for each subscription."""

    claim: str = field(default_factory=lambda: random_bytes(8).hex())
    counts: Counter[str] = field(default_factory=Counter)


class Dispatcher:
    """Any number of them may run: claims keep them from holding the same delivery.

    `due` and `wake` may be called from the event loop at any time, also before `run`.
    """

    def __init__(self, stop_within: timedelta) -> None:
        self._deps: Dependencies | None = None  # while it runs
        self._born: WeakKeyDictionary[UnitOfWork, _Born] = WeakKeyDictionary()
        self._stop_within = stop_within.total_seconds()
        self._woken: dict[str, set[QueueClass]] = {}
        self._moved = asyncio.Event()
        self._workers: dict[str, EndpointWorker] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._polls = 0
        self._ending: set[str] = set()  # what nobody sends any more, until that is written down
        self._too_late: dict[str, list[str]] = {}  # claimed by transactions that were committed after it had ended
        self._letting_go: asyncio.Task[None] | None = None

    def due(self, work: UnitOfWork, delivery: DeliveryDocument, channel: ChannelName) -> None:
        """Send this as soon as the transaction is committed, if it is due then and nothing in it takes that back."""
        id = delivery["_id"]
        work.at_end(lambda: self._claim_at_birth(work, id, channel))

    def _claim_at_birth(self, work: UnitOfWork, id: str, channel: ChannelName) -> None:
        delivery = DELIVERIES.get(work, id)
        if delivery is None or delivery["state"] != DUE:  # superseded or dropped by what came after it
            return
        subscription, queue_class = delivery["subscription"], queue_class_of(delivery)
        if delivery["due"] > work.now:
            return  # found by a poll when it is
        if (born := self._born.get(work)) is None:
            born = self._born[work] = _Born()
        owner = self._owner(subscription, channel, queue_class, born.counts)
        if owner is None:
            work.after_commit(lambda: self._wake(subscription, [queue_class]))
            return
        born.counts[subscription] += 1
        claimed = cast(
            ClaimedDelivery,
            {
                **delivery,
                "state": SENDING,
                "owner": owner,
                "claim": born.claim,
                "possibly_sent_before": delivery["possibly_sent"],
                "possibly_sent": True,
            },
        )
        DELIVERIES.save(work, cast(DeliveryDocument, claimed))
        deps = self._deps
        assert deps is not None
        allowed, endpoint = found_allowed(work, delivery, deps.today), endpoint_of(work, subscription)
        work.after_commit(lambda: self._take(deps, claimed, allowed, endpoint))

    def _owner(
        self, subscription: str, channel: ChannelName, queue_class: QueueClass, born: Counter[str]
    ) -> str | None:
        """As whom to claim one more for this subscription; None when its worker may not hold more."""
        if (deps := self._deps) is None or deps.lease.prefetched + born.total() >= PREFETCH_LIMIT:
            return None
        worker = self._workers.get(subscription)
        room = HELD_LIMIT * deps.slots if worker is None else worker.room(queue_class)
        return deps.lease.owner_for(channel) if room > born[subscription] else None

    def _take(
        self, deps: Dependencies, claimed: ClaimedDelivery, allowed: FoundAllowed | None, endpoint: EndpointRead | None
    ) -> None:
        """It is committed. When the dispatcher has ended meanwhile, it is let go of for another replica."""
        if self._deps is not None:
            self._worker(claimed["subscription"], deps, look=False).give(claimed, allowed, endpoint)
            self._start(claimed["subscription"], deps)
            return
        self._too_late.setdefault(claimed["claim"], []).append(claimed["_id"])
        if self._letting_go is None or self._letting_go.done():
            self._letting_go = asyncio.create_task(self._let_go(deps.lease), name="letting go")

    async def _let_go(self, lease: DispatcherLease) -> None:
        """Of all that came too late; what cannot be let go of now is due with the lease, which has ended."""
        while self._too_late:
            claims, self._too_late = self._too_late, {}
            try:
                await lease.release_unsent(claims)
            except Exception as error:  # whatever it is: what ends behind us must end, too
                _log.error("not_let_go_of", exc_info=error)

    async def end(self) -> None:
        """Once nothing is committed any more: what came too late has been let go of."""
        if self._letting_go is not None:
            await self._letting_go

    def waits(self, work: UnitOfWork, queue: str) -> None:
        """Something in this queue waits for what is under way there: that is written down as soon as it is answered,
        if this replica sends it."""

        def tell() -> None:
            if self._deps is not None:
                self._deps.recorder.somebody_waits(queue)

        work.after_commit(tell)

    def wake(self, subscription: str, about: About) -> None:
        """This subscription has a notice or a recall (``about``) due."""
        self._wake(subscription, QUEUE_CLASSES_OF[about])

    def _wake(self, subscription: str, classes: Iterable[QueueClass]) -> None:
        self._woken.setdefault(subscription, set()).update(classes)
        self._moved.set()

    async def run(self, deps: Dependencies, stopping: asyncio.Event) -> None:
        """Until stopped. Then no attempt starts, those under way may end, and what is still held is let go."""
        clock = asyncio.get_running_loop().time
        await _try("renew", deps.lease.renew)
        self._deps = deps
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
                for subscription, classes in woken.items():
                    self._worker(subscription, deps).wake(classes)
                    self._start(subscription, deps)
                await wait_or_stop(self._moved, max(0.001, poll_at - clock()))
        finally:
            self._deps = None
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
        waiting: dict[About, list[str]] = {}
        for about in ABOUT:
            waiting[about] = await deps.repository.waiting_endpoints(about, deps.clock.calendar())
            for subscription in waiting[about]:
                self._woken.setdefault(subscription, set()).update(QUEUE_CLASSES_OF[about])
        if self._polls % POLLS_PER_ORPHAN_CHECK == 1:
            await self._end_recalled(deps, waiting["notice"])
            await self._end_left_behind(deps, sorted({each for some in waiting.values() for each in some}))

    async def _end_recalled(self, deps: Dependencies, subscriptions: Sequence[str]) -> None:
        """Notices that nobody sends any more and a recall waits for. Each is written down once, however long that
        takes, and none while nothing is written: they would wait in front of all attempts."""
        if not subscriptions or not deps.recorder.capacity:
            return
        for notice in await deps.repository.recalled_and_let_go(subscriptions):
            self._end_once(deps, notice["_id"], deps.transitions.recalled(notice))

    async def _end_left_behind(self, deps: Dependencies, subscriptions: Sequence[str]) -> None:
        """What was held when its subscription ended, by a replica that was killed: nobody sends it, and who ended the
        subscription had to leave it. It ends as the others did then."""
        if not subscriptions or not deps.recorder.capacity:
            return
        for person, recipient in await deps.repository.left_behind(subscriptions):
            self._end_once(deps, f"{person}/{recipient}", deps.brought_up_to_date(person, recipient))

    def _end_once(self, deps: Dependencies, id: str, operation: Operation[None]) -> None:
        if id not in self._ending:
            self._ending.add(id)
            deps.recorder.record(operation).add_done_callback(partial(self._ending_recorded, id))

    def _ending_recorded(self, id: str, _: asyncio.Future[None]) -> None:
        self._ending.discard(id)

    def _worker(self, subscription: str, deps: Dependencies, *, look: bool = True) -> EndpointWorker:
        if subscription not in self._workers:
            self._workers[subscription] = EndpointWorker(subscription, deps, look=look)
        return self._workers[subscription]

    def _start(self, subscription: str, deps: Dependencies) -> None:
        if subscription not in self._running:
            task = asyncio.create_task(self._workers[subscription].run(), name="worker")
            self._running[subscription] = task
            task.add_done_callback(lambda done: self._ended(subscription, done))

    def _ended(self, subscription: str, task: asyncio.Task[None]) -> None:
        self._running.pop(subscription, None)
        worker = self._workers.pop(subscription, None)
        if worker is not None and not worker.forgettable:
            self._workers[subscription] = worker  # one that had trouble is remembered with its lower limit
            self._forget_some()
        wait = 0.0
        if not task.cancelled() and (error := task.exception()) is not None:
            wait = POLL_SECONDS  # what is due is found again by the next poll
            if isinstance(error, ConnectionFailure):
                _trying_again("worker", error)
            else:
                _log.error("endpoint_worker_failed", exc_info=error)
        if worker is not None and worker.holds:  # it was given more while it ended
            asyncio.get_running_loop().call_later(wait, self._start_again, subscription)

    def _forget_some(self) -> None:
        """Of those that had trouble and have nothing to do whichever ended first: subscriptions come and go."""
        if len(self._workers) - len(self._running) <= MOST_REMEMBERED:
            return
        idle = (each for each, worker in self._workers.items() if each not in self._running and not worker.holds)
        if (first := next(idle, None)) is not None:
            del self._workers[first]

    def _start_again(self, subscription: str) -> None:
        if self._deps is not None and subscription in self._workers:
            self._start(subscription, self._deps)

    async def _stop(self, deps: Dependencies) -> None:
        workers = list(self._workers.values())
        for subscription, worker in self._workers.items():
            worker.stop()
            if worker.holds:  # one that does not run lets go of it
                self._start(subscription, deps)
        running = set(self._running.values())
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
        _trying_again(what, error)


def _trying_again(what: str, error: Exception) -> None:
    metrics.retries.of(kind=f"dispatcher-{what}", reason=type(error).__name__).inc()
    _log.warning("trying_again", loop=what, error=type(error).__name__)
