"""After the clock was wrong: everybody is gone through again.

While two clocks differ nothing is done that cannot be taken back (shared/kit/base/clock.py). But a clock may have been
wrong where nobody could doubt it: MongoDB's and the service's run on one machine. Then consents seemed to have ended,
recalls went out, notices were dropped, and no event says that it was a mistake. So the latest day that was believed is
kept; when the calendar is behind it, or doubt has ended, every recipient is resynced (resync.py), which brings each
partner to what it should hold now. A recall that went out cannot be unsaid: the notice goes out again, with a newer
version.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import date, datetime

from services.notifications.documents import CALENDAR, LATEST_DAY, RESYNCS, CalendarDocument
from services.notifications.repository import Repository
from services.notifications.resync_request import request_resync
from shared.kit.base.backoff import wait_or_stop
from shared.kit.base.clock import Clock
from shared.kit.base.logs import logger
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork

CHECK_SECONDS = 5.0
_log = logger("recovery")


class ClockRecovery:
    """``today`` is the day in the programme's zone; ``resync_requested`` wakes the resync. Several
    replicas may run it."""

    def __init__(
        self,
        store: Store,
        repository: Repository,
        clock: Clock,
        today: Callable[[datetime], date],
        resync_requested: Callable[[], None],
    ) -> None:
        self._store = store
        self._repository = repository
        self._clock = clock
        self._today = today
        self._resync_requested = resync_requested
        self._doubted = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Check every few seconds until stopped."""
        while True:
            await self.check()
            if await wait_or_stop(stopping, CHECK_SECONDS):
                return

    async def check(self) -> bool:
        """Whether everybody is to be gone through again, which is then asked for. While in doubt: not yet."""
        if self._clock.doubtful:
            self._doubted = True
            return False
        day, kept = self._today(self._clock.calendar()).isoformat(), await self._repository.latest_day()
        if not self._doubted and kept == day:
            return False
        again = self._doubted or (kept is not None and day < kept)
        recipients = await self._repository.recipients() if again else []
        await self._store.submit(self.operation(day, recipients))
        self._doubted = False
        if again:
            _log.warning("clock_was_wrong_all_recipients_again", count=len(recipients))
        return again

    def operation(self, day: str, recipients: list[str]) -> Operation[None]:
        """This is the day; and resync these."""

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield CALENDAR.by_id(LATEST_DAY)
            for recipient in recipients:
                yield RESYNCS.by_id(recipient)

        def do(work: UnitOfWork) -> None:
            document: CalendarDocument = {"_id": LATEST_DAY, "day": day}
            if CALENDAR.get(work, LATEST_DAY) != document:
                CALENDAR.save(work, document)
            for recipient in recipients:
                request_resync(work, recipient)
            if recipients:
                work.after_commit(self._resync_requested)

        return Operation(needs, do)
