"""Full resync of one agency: every person who concerns it is reconciled, after it subscribed, unsubscribed, or its
rights changed.

A pass over the people goes in chunks, in order of person, and keeps its place, so that it goes on after a crash where
it was; it can be repeated at will, because reconciling is idempotent. There are two passes: an event that was being
handled while the subscription was made may have committed behind the first one; the second starts when no such
transaction can be alive any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta

from services.notifications.documents import RESYNCS, ResyncDocument
from services.notifications.fan_out.reconcile import Reconciler
from services.notifications.repository import Repository
from shared.kit.base.backoff import wait_or_any
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork

CHUNK = 100
SECOND_PASS = timedelta(seconds=60)  # longer than MongoDB lets a transaction live, with retries
IDLE_SECONDS = 5.0  # what another replica asked for is seen this late


class ResyncJob:
    """Does what `request_resync` asked for; several replicas may: a chunk that another one did is not done again.

    ``asked`` is set by whoever called `request_resync`, once that is committed.
    """

    def __init__(self, store: Store, repository: Repository, reconciler: Reconciler, asked: asyncio.Event) -> None:
        self._store = store
        self._repository = repository
        self._reconciler = reconciler
        self._asked = asked

    async def run(self, stopping: asyncio.Event) -> None:
        """Until stopped: every resync that is due, chunk by chunk, one agency after the other."""
        while not stopping.is_set():
            self._asked.clear()
            busy = False
            for resync in await self._repository.due_resyncs():
                busy = True
                if stopping.is_set():
                    return
                await self.step(resync)
            if not busy:
                await wait_or_any((self._asked, stopping), IDLE_SECONDS)

    async def step(self, resync: ResyncDocument) -> None:
        """One chunk of one pass."""
        people = await self._repository.people_concerning(resync["_id"], after=resync["after"], limit=CHUNK)
        await self._store.submit(self.operation(resync, people))

    def operation(self, resync: ResyncDocument, people: Sequence[str]) -> Operation[None]:
        """The work of one chunk; does nothing if the resync went on or started anew in the meantime."""
        agency = resync["_id"]

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield RESYNCS.by_id(agency)
            for person in people:
                yield from self._reconciler.needs(work, person, only=agency, named=(agency,))

        def do(work: UnitOfWork) -> None:
            now = RESYNCS.get(work, agency)
            if now is None or (now["generation"], now["second_pass"], now["after"]) != (
                resync["generation"],
                resync["second_pass"],
                resync["after"],
            ):
                return
            for person in people:
                self._reconciler.reconcile(work, person, None, only=agency)
            if people:  # fewer than a chunk does not say that these were the last (`first_of`)
                RESYNCS.save(work, {**now, "after": people[-1]})
            elif not now["second_pass"]:
                RESYNCS.save(work, {**now, "second_pass": True, "after": "", "not_before": work.trusted + SECOND_PASS})
            else:
                RESYNCS.delete(work, agency)

        return Operation(needs, do)
