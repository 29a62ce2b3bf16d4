"""Saves lists for the next load, and who fits an opening best for readers: a portion at a time, so that nothing waits
for it long; then how far they reach."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from services.matching.assessment_queue import Candidates
from services.matching.congestion_table import Aside
from services.matching.matcher_documents import StoredCandidates
from services.matching.service import Matching
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import UnitOfWork

LISTS_AT_ONCE = 200
CANDIDATES_AT_ONCE = 500
SAVE_SECONDS = 10.0  # between two snapshots, while there is much to do: lists are stored once for all that came since
SAVE_SHARE = 0.05  # of the time may go into it,
SAVE_AT_LEAST_SECONDS = 30.0  # but what was not saved for longer has to be assessed again after a kill
QUIET_SECONDS = 0.25


class SnapshotWriter:
    """``perform`` performs an operation in a transaction; ``aside`` works in the thread that holds the index."""

    def __init__(self, matching: Matching, perform: Callable[[Operation[None]], Awaitable[None]], aside: Aside) -> None:
        self._matching = matching
        self._perform = perform
        self._aside = aside
        self._left: list[Callable[[], Operation[None]]] = []
        self._assessed_through: int | None = None
        self._next = self._ended = 0.0
        self._spent = 0.0

    @property
    def busy(self) -> bool:
        """Whether it has begun and not ended."""
        return self._assessed_through is not None

    @property
    def due(self) -> bool:
        """Whether there is a portion to be saved now."""
        return self.busy or self._is_time(time.monotonic())

    async def save(self) -> None:
        """One portion."""
        began = time.monotonic()
        if self._assessed_through is None:
            self._assessed_through = await self._aside(self._begin)
        if self._left:
            await self._perform(await self._aside(self._left.pop()))
        else:
            progress = self._matching.save_progress(self._assessed_through)
            if progress is not None:
                await self._perform(progress)
            self._assessed_through, self._ended = None, time.monotonic()
            self._next = self._ended + min(max(SAVE_SECONDS, self._spent / SAVE_SHARE), SAVE_AT_LEAST_SECONDS)
        self._spent += time.monotonic() - began

    def _is_time(self, now: float) -> bool:
        quiet = self._matching.waiting == 0
        return now >= (min(self._next, self._ended + QUIET_SECONDS) if quiet else self._next)

    def _begin(self) -> int:
        """What is to be saved; up to which revision it is right."""
        people, candidates, assessed_through = self._matching.take_unsaved()
        lists = (people[at : at + LISTS_AT_ONCE] for at in range(0, len(people), LISTS_AT_ONCE))
        openings = (candidates[at : at + CANDIDATES_AT_ONCE] for at in range(0, len(candidates), CANDIDATES_AT_ONCE))
        self._left = [
            *(partial(self._matching.save_lists, some, assessed_through) for some in lists),
            *(partial(save_candidates, some) for some in openings),
        ]
        self._spent = 0.0
        return assessed_through


def save_candidates(openings: Iterable[tuple[str, Candidates | None]]) -> Operation[None]:
    """Store who fits these openings best."""

    def do(work: UnitOfWork) -> None:
        for id, candidates in openings:
            if candidates:
                StoredCandidates(id, tuple(person for _, person in candidates)).save(work)
            else:
                work.delete(StoredCandidates.collection, id)

    return Operation(lambda work: (), do)
