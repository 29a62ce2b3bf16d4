"""The day's table of congestion: made by the active matcher a slice at a time, stored, and only then in force.

It is made once a day, from the lists that stand then: as soon as everything is assessed on that day, and where
something always waits, after an hour of it (`service.CONGESTION_WAITS_SECONDS`) from the lists as they are. An
installation's first table is empty. Until a new one is stored the one before is in force, so whoever takes over goes on
with the same lists. What was stored of a table that was never finished is written over by the next attempt. One slice,
or one part to store, at a time: between two the active matcher takes in what came and withdraws what may no longer
match.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from datetime import UTC, datetime
from functools import partial
from typing import Protocol, TypeVar

from services.matching import metrics
from services.matching.documents import PARTS, Stored
from services.matching.domain.congestion import Congestion
from services.matching.matcher_documents import StoredPrices, StoredTable
from services.matching.service import Matching
from shared.kit.base.logs import logger
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import UnitOfWork

SLICE_SECONDS = 0.02
T = TypeVar("T")
_log = logger("congestion_table")


class Aside(Protocol):
    """Works something out in the matcher's thread."""

    async def __call__(self, work: Callable[[], T]) -> T: ...


class CongestionTable:
    """``perform`` performs an operation in a transaction."""

    def __init__(self, matching: Matching, perform: Callable[[Operation[None]], Awaitable[None]], aside: Aside) -> None:
        self._matching = matching
        self._perform = perform
        self._aside = aside
        self._making: Generator[None, None, Congestion] | None = None
        self._made: Congestion | None = None
        self._to_store: deque[Operation[None]] = deque()

    @property
    def busy(self) -> bool:
        """Whether it has begun and not ended."""
        return self._making is not None or self._made is not None

    async def make(self) -> None:
        """One slice, or one part of what was made is stored, if it is time."""
        if self._made is not None:
            await self._store(self._made)
            return
        if self._making is None:
            if not self._matching.congestion_due:
                return
            self._making = self._matching.next_congestion()
        self._made = await self._aside(partial(_advance, self._making))
        if self._made is not None:
            self._making = None
            self._to_store.extend(saved(self._made))

    async def _store(self, table: Congestion) -> None:
        await self._perform(self._to_store.popleft())
        if not self._to_store:
            self._made = None
            self._matching.use_congestion(table)
            tell_table_in_force(table)


def tell_table_in_force(table: Congestion | None) -> None:
    """In the log and as a metric, of which day the table is by which lists are chosen from now on."""
    if table is not None:
        metrics.congestion_day.of().set(datetime.combine(table.day, datetime.min.time(), UTC).timestamp())
        _log.info("congestion_in_force", day=table.day.isoformat(), opportunities=len(table.prices))


def _advance(making: Generator[None, None, Congestion]) -> Congestion | None:
    """Go on for about a slice; the table once it is made."""
    end = time.monotonic() + SLICE_SECONDS
    try:
        while time.monotonic() < end:
            next(making)
    except StopIteration as done:
        table: Congestion = done.value
        return table
    return None


def saved(table: Congestion) -> list[Operation[None]]:
    """Store it: its parts, then that it is the one in force; each is a transaction of its own."""
    parts: dict[str, dict[str, float]] = {part: {} for part in PARTS}
    for opening, price in table.prices.items():
        parts[opening[0]][opening] = price

    def save(stored: Stored, work: UnitOfWork) -> None:
        stored.save(work)

    every: list[Stored] = [StoredPrices(table.day, part, prices) for part, prices in parts.items()]
    return [Operation(lambda work: (), partial(save, stored)) for stored in (*every, StoredTable(table.day))]
