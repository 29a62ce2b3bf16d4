"""Writes down what became of attempts, in groups, and says how much may be sent meanwhile.

What was answered is kept in memory until it is in the database, however slow that is: a claim is not let go before, so
nothing that was answered is sent again. Only so much may be unsettled at once (`room`): sending never runs ahead of
what can be written down. Promises nothing over a kill: what was unsettled then is sent again, under the same ids.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.kit.base import metrics
from shared.kit.base.backoff import Backoff
from shared.kit.base.batch_size import AdaptiveBatchSize
from shared.kit.base.logs import logger
from shared.kit.store.store import Operation, Store, Unavailable

GROUP = 200  # attempts in one transaction: well under a second of work
UNSETTLED = 2 * GROUP  # one group being written, one coming in behind it
FRESH_SECONDS = 0.5
_log = logger("recorder")


@dataclass(slots=True, eq=False)
class _Waiting:
    task: Operation[None]
    recorded: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Attempt:
    """One about to be made. It counts as unsettled until it has been under way for a moment, and again once it is
    answered: a partner that hangs must not take the room of the others."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder: Recorder | None = recorder
        self._timer: asyncio.TimerHandle | None = None
        recorder.fresh += 1

    def sent(self) -> None:
        """Now it leaves."""
        self._timer = asyncio.get_running_loop().call_later(FRESH_SECONDS, self.ended)

    def ended(self) -> None:
        """It was answered, takes long, or is not made. Safe to call twice."""
        if self._timer is not None:
            self._timer.cancel()
        if (recorder := self._recorder) is not None:
            self._recorder = None
            recorder.fresh -= 1
            recorder.tell()


class Recorder:
    """``unsettled``: the most attempts that are fresh or answered, and not written down."""

    def __init__(self, store: Store, group: int = GROUP, unsettled: int = UNSETTLED) -> None:
        self._store = store
        self._unsettled = unsettled
        self._batch_size = AdaptiveBatchSize(group)
        self._waiting: deque[_Waiting] = deque()
        self._came = asyncio.Event()
        self._callers: list[Callable[[], None]] = []
        self._failing = False
        self._gauge = metrics.attempts_to_record.of()
        self._lost = metrics.attempts_not_recorded.of()
        self.fresh = 0

    @property
    def room(self) -> int:
        """How many attempts may be started now. None while the database takes nothing."""
        return 0 if self._failing else max(0, self._unsettled - self.fresh - len(self._waiting))

    def when_room(self, call: Callable[[], None]) -> None:
        """Call this once, when there is room. Who asked first is called first."""
        self._callers.append(call)

    def attempt(self) -> Attempt:
        """Take room for one."""
        return Attempt(self)

    def record(self, task: Operation[None]) -> asyncio.Future[None]:
        """Write this down, after what came before. The future is done when it is committed; nobody needs to wait. It
        fails only when the task itself cannot be done, whatever the database does."""
        waiting = _Waiting(task)
        self._waiting.append(waiting)
        self._gauge.set(len(self._waiting))
        self._came.set()
        return waiting.recorded

    async def run(self) -> None:
        """Until cancelled. Afterwards what waits is still there, for another `run`."""
        backoff = Backoff(0.05, 2.0)
        while True:
            if not self._waiting:
                self._came.clear()
                await self._came.wait()
            group = [self._waiting[n] for n in range(min(len(self._waiting), self._batch_size.size))]
            try:
                results = await self._store.perform([each.task for each in group])
            except Exception as error:  # also what nobody foresaw: what was answered is not forgotten for it
                self._failing = True
                metrics.retries.of(kind="recorder", reason=type(error).__name__).inc()
                if isinstance(error, Unavailable) and error.too_much:
                    self._batch_size.was_too_much()
                await backoff.wait()
                continue
            self._failing = False
            backoff.reset()
            self._batch_size.worked(len(group))
            for each, result in zip(group, results, strict=True):
                self._waiting.popleft()
                self._settle(each, result)
            self._gauge.set(len(self._waiting))
            self.tell()

    async def flush(self) -> None:
        """Until nothing waits; while `run` runs."""
        while self._waiting:
            await asyncio.wait([self._waiting[-1].recorded])

    def tell(self) -> None:
        """There may be room: call those who wait for it."""
        if self._callers and self.room:
            callers, self._callers = self._callers, []
            for call in callers:
                call()

    def _settle(self, each: _Waiting, result: Exception | None) -> None:
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
