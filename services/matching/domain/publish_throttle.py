"""When a person's changes are published: the first match at once, later changes netted, once per person and window."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple


class _Entry(NamedTuple):
    """When somebody is due; ties in the order of arrival."""

    due: float
    arrival: int
    person: str


class Netting:
    """Who has something to publish, and from when on. Times are any clock's seconds that only go forward.

    The first change of somebody of whom nothing stands is due at once. Every other change opens a window, if none is
    open; at its end what stands then is published, and what came and went in between never is. Whoever had something
    published has no "first" again before a window has passed: one that is posted and closed again and again is not
    published again and again. A withdrawal of what may no longer match does not wait for any of this.

    A priority queue: looking costs by what is due, not by who waits. An entry of the heap that is no longer the
    person's own in ``_due`` was cancelled or moved, and is dropped when it comes to the front.
    """

    def __init__(self, window: float) -> None:
        self.window = window
        self._due: dict[str, _Entry] = {}
        self._heap: list[_Entry] = []
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
            entry = self._due[person] = _Entry(due, self._arrivals, person)
            heapq.heappush(self._heap, entry)

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
        looked_at: list[_Entry] = []
        while len(found) < most and (first := self._first()) is not None and first.due <= now:
            looked_at.append(heapq.heappop(self._heap))
            if ready(first.person):
                found.append(first.person)
        for entry in looked_at:
            heapq.heappush(self._heap, entry)
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
        first = self._first()
        return None if first is None else first.due

    def _first(self) -> _Entry | None:
        while self._heap and self._due.get(self._heap[0].person) is not self._heap[0]:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else None
