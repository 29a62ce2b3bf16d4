"""Write-behind queue with group commit and back-pressure: what became of attempts is written in groups behind them.

They linger for a moment, until several share what their writing costs, and then go along with the next transaction of
the store, whoever begins it (`Store.take_along`): while events come, an attempt costs no transaction of its own, and no
event waits behind one. One that somebody waits for does not linger: its worker, or what stands behind it in its
queue (`somebody_waits`).

What was answered is kept in memory until it is in the database, however slow that is: a claim is not let go before, so
nothing that was answered is sent again. Only so much may be unrecorded at once (`capacity`): sending never runs ahead
of what can be written down. Promises nothing over a kill: what was unrecorded then is sent again, under the same ids.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from services.notifications import metrics
from shared.kit.base.adaptive_batch_size import AdaptiveBatchSize
from shared.kit.base.backoff import Backoff, wait_or_stop
from shared.kit.base.logs import logger
from shared.kit.base.metrics import retries
from shared.kit.store.store import Operation, Store, TooLargeTogether, Unavailable

GROUP = 200  # attempts in one transaction: well under a second of work
MOST_UNRECORDED = 2 * GROUP  # one group being written, one coming in behind it
LINGER_SECONDS = 0.2  # so long an attempt that nobody waits for may wait for others
ENOUGH = 20  # attempts that share the cost of being written down: they linger no longer
COMPANY_SECONDS = 0.05  # so long a transaction of others is waited for, to go along with
MOST_AWAITED = 10_000  # queues of which is remembered that something waits there; forgotten, it waits a moment longer
RESERVED_SECONDS = 0.5  # an attempt under way for longer counts again only when it is answered
_log = logger("recorder")


@dataclass(slots=True, eq=False)
class _Pending:
    operation: Operation[None]
    queue: str
    hurry: bool
    since: float  # by the loop's clock
    recorded: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Reservation:
    """The capacity that one attempt takes: until it has been under way for a moment, and again once it is answered. A
    partner that hangs must not take the capacity of the others."""

    def __init__(self, recorder: AttemptRecorder) -> None:
        self._recorder: AttemptRecorder | None = recorder
        self._timer: asyncio.TimerHandle | None = None
        recorder.unanswered += 1

    def sent(self) -> None:
        """Now it leaves."""
        self._timer = asyncio.get_running_loop().call_later(RESERVED_SECONDS, self.release)

    def release(self) -> None:
        """It was answered, takes long, or is not made. Safe to call twice."""
        if self._timer is not None:
            self._timer.cancel()
        if (recorder := self._recorder) is not None:
            self._recorder = None
            recorder.unanswered -= 1
            recorder.call_waiting()


class AttemptRecorder:
    """``most_unrecorded``: how many attempts may be reserved, just sent, or answered and not written down."""

    def __init__(self, store: Store, group: int = GROUP, most_unrecorded: int = MOST_UNRECORDED) -> None:
        self._store = store
        self._most_unrecorded = most_unrecorded
        self._batch_size = AdaptiveBatchSize(group)
        self._pending: deque[_Pending] = deque()
        self._going_along = 0  # of those in front, in the transaction that is under way
        self._company_until = -math.inf  # until then the next transaction of others is waited for
        self._sooner = asyncio.Event()
        self._awaited: dict[str, None] = {}  # queues with something behind what is under way, oldest first
        self._callers: list[Callable[[], None]] = []
        self._failing = False
        self._gauge = metrics.attempts_to_record.of()
        self._lost = metrics.attempts_not_recorded.of()
        self.unanswered = 0
        store.take_along(self)

    @property
    def capacity(self) -> int:
        """How many attempts may be started now. None while the database takes nothing."""
        return 0 if self._failing else max(0, self._most_unrecorded - self.unanswered - len(self._pending))

    def when_capacity(self, call: Callable[[], None]) -> None:
        """Call this once, when there is capacity. Who asked first is called first."""
        self._callers.append(call)

    def reserve(self) -> Reservation:
        """Take capacity for one attempt."""
        return Reservation(self)

    def record(self, operation: Operation[None], *, queue: str = "", hurry: bool = True) -> asyncio.Future[None]:
        """Write this down, after what came before. The future is done when it is committed; nobody needs to wait, and
        who does not may say so (``hurry``): it lingers a moment for others to share its transaction, unless something
        waits behind it in its ``queue``. It fails only when the operation itself cannot be done, whatever the database
        does."""
        hurry = queue in self._awaited or hurry
        self._awaited.pop(queue, None)
        pending = _Pending(operation, queue, hurry, asyncio.get_running_loop().time())
        self._pending.append(pending)
        self._gauge.set(len(self._pending))
        if hurry or self._full or len(self._pending) - self._going_along == 1:
            self._sooner.set()
        return pending.recorded

    def somebody_waits(self, queue: str) -> None:
        """Something in this queue waits for what is under way, or was answered and is not written down."""
        answered = [each for each in islice(self._pending, self._going_along, None) if each.queue == queue]
        for each in answered:
            each.hurry = True
        if answered:
            self._sooner.set()
            return
        self._awaited[queue] = None
        if len(self._awaited) > MOST_AWAITED:
            del self._awaited[next(iter(self._awaited))]

    async def run(self) -> None:
        """Until cancelled. Afterwards what waits is still there, for another `run`."""
        backoff, clock = Backoff(0.05, 2.0), asyncio.get_running_loop().time
        while True:
            while (wait := self._due - clock()) > 0:
                self._sooner.clear()
                await wait_or_stop(self._sooner, wait)
            try:
                await self._store.perform(())
            except Exception as error:  # also what nobody foresaw: what was answered is not forgotten for it
                self._failing = True
                retries.of(kind="recorder", reason=type(error).__name__).inc()
                await backoff.wait()
                continue
            backoff.reset()

    @property
    def _full(self) -> bool:
        """Whether there is company enough."""
        return len(self._pending) - self._going_along >= self._batch_size.size

    @property
    def _due(self) -> float:
        """When those that wait are to have a transaction, if no other takes them along before."""
        waiting = list(islice(self._pending, self._going_along, None))
        if any(each.hurry for each in waiting):
            return -math.inf
        if self._full:
            return self._company_until
        return max(waiting[0].since + LINGER_SECONDS + COMPANY_SECONDS if waiting else math.inf, self._company_until)

    @property
    def _ripe(self) -> bool:
        """Whether those that wait are to go along with whoever has a transaction now."""
        if len(self._pending) >= ENOUGH or any(each.hurry for each in self._pending):
            return True
        now = asyncio.get_running_loop().time()
        return bool(self._pending) and now - self._pending[0].since >= LINGER_SECONDS

    def take(self, *, company: bool) -> Sequence[Operation[None]]:
        """For the store: what goes along with a transaction that begins now."""
        if company:
            self._company_until = math.inf
        self._going_along = min(len(self._pending), self._batch_size.size) if self._ripe or not company else 0
        return [each.operation for each in islice(self._pending, self._going_along)]

    def done(self, results: Sequence[Any] | Exception) -> None:
        """For the store: what came of them; an exception when nothing was written of the whole transaction."""
        count, self._going_along = self._going_along, 0
        if self._company_until == math.inf:
            self._company_until = asyncio.get_running_loop().time() + COMPANY_SECONDS
        self._sooner.set()
        if isinstance(results, Exception):
            if count and isinstance(results, Unavailable) and results.too_much:
                self._batch_size.was_too_much(count if isinstance(results, TooLargeTogether) else None)
            return
        self._failing = False
        self._batch_size.worked(count)
        for result in results:
            self._resolve(self._pending.popleft(), result)
        self._gauge.set(len(self._pending))
        self.call_waiting()

    async def flush(self) -> None:
        """Until nothing waits; while `run` runs."""
        while self._pending:
            self._pending[-1].hurry = True
            self._sooner.set()
            await asyncio.wait([self._pending[-1].recorded])

    def call_waiting(self) -> None:
        """There may be capacity: call those who wait for it."""
        if self._callers and self.capacity:
            callers, self._callers = self._callers, []
            for call in callers:
                call()

    def _resolve(self, each: _Pending, result: Exception | None) -> None:
        if isinstance(result, Exception):
            self._lost.inc()  # it stays claimed, and is sent again after the next start
            _log.error("attempt_not_recorded", exc_info=result)
        if each.recorded.done():  # whoever waited is gone
            return
        if isinstance(result, Exception):
            each.recorded.set_exception(result)
            each.recorded.exception()  # it was told: nobody need fetch it
        else:
            each.recorded.set_result(None)
