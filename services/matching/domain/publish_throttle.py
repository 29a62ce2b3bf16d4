"""When a person's changes are published: the first match at once, later changes netted, once per person and window."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

SHARE_OF_OTHERS = 5  # one of so many that are handed out is of somebody of whom something stands, if one is due


class _Entry(NamedTuple):
    """When somebody is due; ties in the order of arrival. ``first``: nothing stands for them yet."""

    due: float
    arrival: int
    person: str
    first: bool


class Netting:
    """Who has something to publish, and from when on. Times are any clock's seconds that only go forward.

    The first change of somebody of whom nothing stands is due at once, and goes before the others that are due, to
    whom a fifth is left. Every other change opens a window, if none is open; at its end what stands then is published,
    and what came and went in between never is. Whoever had something published has no "first" again before a window
    has passed: one that is posted and closed again and again is not published again and again. A withdrawal of what may
    no longer match does not wait for any of this.

    Two priority queues: looking costs by what is due, not by who waits. An entry of a heap that is no longer the
    person's own in ``_due`` was cancelled or moved, and is dropped when it comes to the front.
    """

    def __init__(self, window: float) -> None:
        self.window = window
        self._due: dict[str, _Entry] = {}
        self._heaps: dict[bool, list[_Entry]] = {True: [], False: []}  # those of whom nothing stands, and the others
        self._arrivals = 0
        self._published: OrderedDict[str, float] = OrderedDict()

    def changed(self, person: str, now: float, *, first: bool) -> None:
        """What stands for a person is another than was published. ``first``: nothing stands as published."""
        due = now + self.window
        if first:
            due = max(now, self._published.get(person, now - self.window) + self.window)
        entry = self._due.get(person)
        if entry is None or due < entry.due:
            self._arrivals += 1
            entry = self._due[person] = _Entry(due, self._arrivals, person, first)
            heapq.heappush(self._heaps[first], entry)

    def pending(self, person: str) -> bool:
        """Whether something waits for this person."""
        return person in self._due

    def cancel(self, person: str) -> None:
        """It is as it was published again: nothing waits."""
        self._due.pop(person, None)

    def due(self, now: float, most: int, ready: Callable[[str], bool]) -> list[str]:
        """At most so many people whose changes are to be published now; those who are not ready stay. Whoever was
        handed out stays due until `published` or `cancel`."""
        found: list[str] = []
        front = self._front(self._heaps[False])
        others = most // SHARE_OF_OTHERS if front is not None and front.due <= now else 0
        for heap, so_many in ((self._heaps[True], most - others), (self._heaps[False], most)):
            looked_at: list[_Entry] = []
            while len(found) < so_many and (entry := self._front(heap)) is not None and entry.due <= now:
                looked_at.append(heapq.heappop(heap))
                if ready(entry.person):
                    found.append(entry.person)
            for entry in looked_at:
                heapq.heappush(heap, entry)
        return found

    def published(self, person: str, now: float) -> None:
        """All of it was published."""
        self._due.pop(person, None)
        self._published[person] = now
        self._published.move_to_end(person)
        while self._published and next(iter(self._published.values())) + self.window <= now:
            self._published.popitem(last=False)

    def waiting(self) -> int:
        """How many people have something to publish."""
        return len(self._due)

    def next_due(self) -> float | None:
        """When the next is due; None when nobody waits."""
        fronts = map(self._front, self._heaps.values())
        return min((entry.due for entry in fronts if entry is not None), default=None)

    def _front(self, heap: list[_Entry]) -> _Entry | None:
        while heap and self._due.get(heap[0].person) is not heap[0]:
            heapq.heappop(heap)
        return heap[0] if heap else None
