"""What is forbidden, as every service keeps it: collection ``floors``, one document per person, for as long as the
person. Whoever asks for a consent asks here, too, at that moment and in the database: what one replica has heard holds
for all.

A document: {"_id": person, "state": <Floors as JSON>, "due": when it was raised, until what follows from it is done,
and the cause}. Reading what forbids is never held up by what follows from it: that is done behind (`FloorFollowUp`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pymongo import ASCENDING, IndexModel

from shared.access.metrics import took_effect
from shared.events import Event
from shared.events.topics.prohibitions import Floors, merged
from shared.kit.base.backoff import Backoff, wait_or_any
from shared.kit.base.observer import Observer
from shared.kit.store.mongo import Database, Document
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import Need, UnitOfWork

FLOORS = "floors"
AT_ONCE = 50
LOOK_SECONDS = 5.0  # what a replica has heard that did not live to follow it is followed this late
INDEXES: dict[str, list[IndexModel]] = {FLOORS: [IndexModel([("due", ASCENDING)], name="due", sparse=True)]}
_NOTHING = Floors(person="0" * 32)


@dataclass(frozen=True, slots=True)
class Raised:
    """What raised a person's floors last; handed on to what follows from it."""

    event: str
    correlationid: str | None = None
    recordedtime: datetime | None = None
    traceparent: str | None = None


def raise_floors(event: Event[Floors], work: UnitOfWork) -> None:
    """Keep the highest floors of the person. Needs `the_floors`."""
    held = work.get(FLOORS, event.data.person)
    before = floors_of(held)
    after = event.data if held is None else merged(before, event.data)
    if held is not None and after == before:
        return
    work.save(
        FLOORS,
        {
            "_id": event.data.person,
            "state": after.model_dump(mode="json", exclude_none=True),
            "due": work.now,
            "causationid": event.id,
            "correlationid": event.correlationid,
            "recordedtime": event.recordedtime,
            "traceparent": event.traceparent,
        },
    )
    took_effect(work, event.recordedtime, "floor")


def the_floors(person: str) -> Need:
    """What has to be loaded before `floors_of`."""
    return Need.by_id(FLOORS, person)


def floors_of(document: Document | None) -> Floors:
    """What is forbidden of a person; nothing without a document."""
    return _NOTHING if document is None else Floors.model_validate(document["state"], strict=False)


class _Performs(Protocol):
    async def perform(self, tasks: Sequence[Operation[None]], /) -> Sequence[Exception | None]: ...


class FloorFollowUp:
    """Does what follows from floors that were raised, oldest first; what a crash left is found again. Any number of
    them may run: doing it twice must change nothing.

    ``needs`` and ``do`` are called with the person and what raised the floor; ``asked`` wakes it.
    """

    def __init__(
        self,
        database: Database,
        store: _Performs,
        needs: Callable[[UnitOfWork, str], Iterable[Need]],
        do: Callable[[UnitOfWork, str, Raised], None],
        asked: asyncio.Event,
        observer: Observer,
    ) -> None:
        self._floors = database[FLOORS]
        self._store = store
        self._needs, self._do = needs, do
        self._asked = asked
        self._observer = observer

    async def run(self, stopping: asyncio.Event) -> None:
        """Until stopped (or cancelled)."""
        backoff = Backoff(0.1, 2.0)
        while not stopping.is_set():
            self._asked.clear()
            try:
                worked, failed = await self.step()
            except Exception as error:  # whatever it is: without this loop nothing would follow any more
                self._observer.retried("floors", type(error).__name__)
                worked, failed = 0, 1
            if failed:
                await backoff.wait(stopping)
            elif not worked:
                backoff.reset()
                await wait_or_any((self._asked, stopping), LOOK_SECONDS)

    async def step(self) -> tuple[int, int]:
        """What is due, at most `AT_ONCE`: of how many people it was done, and of how many it failed (these are done
        after all others)."""
        due = self._floors.find({"due": {"$exists": True}}, {"_id": 1}, max_time_ms=5_000)
        people = [document["_id"] for document in await due.sort("due", ASCENDING).limit(AT_ONCE).to_list(AT_ONCE)]
        results = await self._store.perform([self.task(person) for person in people]) if people else ()
        failures = [type(result).__name__ for result in results if isinstance(result, Exception)]
        for failure in failures:
            self._observer.retried("floors", failure)
        return len(people) - len(failures), len(failures)

    def task(self, person: str) -> Operation[None]:
        """What follows for one person, if it is still due."""

        def needs(work: UnitOfWork) -> Iterable[Need]:
            yield the_floors(person)
            yield from self._needs(work, person)

        def do(work: UnitOfWork) -> None:
            held = work.get(FLOORS, person)
            if held is None or "due" not in held:  # another replica was quicker
                return
            raised = Raised(held["causationid"], held["correlationid"], held["recordedtime"], held["traceparent"])
            self._do(work, person, raised)
            del held["due"]
            work.save(FLOORS, held)
            took_effect(work, raised.recordedtime, "followed")

        def otherwise(work: UnitOfWork, error: Exception) -> None:
            held: dict[str, Any] | None = work.get(FLOORS, person)
            if held is not None and "due" in held:
                work.save(FLOORS, {**held, "due": work.now})

        return Operation(needs, do, otherwise)
