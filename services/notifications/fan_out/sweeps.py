"""Walks over all people that concern one agency: after it subscribed, unsubscribed, or its rights changed.

A walk goes in chunks, in order of person, and keeps its place, so that it goes on after a crash where it was; it can
be repeated at will, because reconciling is. Every walk is done twice: an event that was being handled while the
subscription was made may have committed behind the first walk's back; the second starts when no such transaction
can be alive any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta

from services.notifications.documents import SWEEPS, Document
from services.notifications.fan_out.reconcile import Reconciler
from services.notifications.repository import Repository
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork

CHUNK = 100
SECOND_WALK = timedelta(seconds=60)  # longer than MongoDB lets a transaction live, with retries
IDLE_SECONDS = 1.0


def start_sweep(work: UnitOfWork, agency: str) -> None:
    """Walk over everybody who concerns this agency, from the start. Needs `SWEEPS` by the agency's id."""
    before = work.get(SWEEPS, agency)
    work.save(
        SWEEPS,
        {
            "_id": agency,
            "round": (before["round"] if before else 0) + 1,
            "walk": 1,
            "after": "",
            "not_before": work.trusted,
        },
    )


class Sweeper:
    """Does what `start_sweep` asked for; several replicas may: a chunk that another one did is not done again.

    ``asked`` is set by whoever called `start_sweep`, once that is committed.
    """

    def __init__(self, store: Store, repository: Repository, reconciler: Reconciler, asked: asyncio.Event) -> None:
        self._store = store
        self._repository = repository
        self._reconciler = reconciler
        self._asked = asked

    async def run(self, stopping: asyncio.Event) -> None:
        """Until stopped: every walk that is due, chunk by chunk, one agency after the other."""
        while not stopping.is_set():
            self._asked.clear()
            busy = False
            for sweep in await self._repository.due_sweeps():
                busy = True
                if stopping.is_set():
                    return
                await self.step(sweep)
            if not busy:
                try:
                    await asyncio.wait_for(self._asked.wait(), IDLE_SECONDS)
                except TimeoutError:
                    continue

    async def step(self, sweep: Document) -> None:
        """One chunk of one walk."""
        people = await self._repository.people_concerning(sweep["_id"], after=sweep["after"], limit=CHUNK)
        await self._store.submit(self.task(sweep, people))

    def task(self, sweep: Document, people: Sequence[str]) -> Operation[None]:
        """The work of one chunk; does nothing if the walk went on or started anew in the meantime."""
        agency: str = sweep["_id"]

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield Need.by_id(SWEEPS, agency)
            for person in people:
                yield from self._reconciler.needs(work, person, only=agency, named=(agency,))

        def do(work: UnitOfWork) -> None:
            now = work.get(SWEEPS, agency)
            if now is None or (now["round"], now["walk"], now["after"]) != (
                sweep["round"],
                sweep["walk"],
                sweep["after"],
            ):
                return
            for person in people:
                self._reconciler.reconcile(work, person, None, only=agency)
            if len(people) >= CHUNK:
                work.save(SWEEPS, {**now, "after": people[-1]})
            elif now["walk"] == 1:
                work.save(SWEEPS, {**now, "walk": 2, "after": "", "not_before": work.trusted + SECOND_WALK})
            else:
                work.delete(SWEEPS, agency)

        return Operation(needs, do)
