"""When a person's changes are told: the first match at once, later changes netted, once per person and window."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable


class Netting:
    """Who has something to tell, and from when on. Times are any clock's seconds that only go forward.

    The first change of somebody of whom nothing stands is due at once. Every other change opens a window, if none is
    open; at its end what stands then is told, and what came and went in between never is. Whoever was told something
    has no "first" again before a window has passed: one that is posted and closed again and again is not told again
    and again. A withdrawal of what may no longer match does not wait for any of this.
    """

    def __init__(self, window: float) -> None:
        self.window = window
        self._due: dict[str, float] = {}
        self._told: OrderedDict[str, float] = OrderedDict()

    def changed(self, person: str, now: float, *, first: bool) -> None:
        """What stands for a person is another than was told. ``first``: nothing stands as told."""
        if first:
            due = max(now, self._told.get(person, now - self.window) + self.window)
            self._due[person] = min(due, self._due.get(person, due))
        else:
            self._due.setdefault(person, now + self.window)

    def quiet(self, person: str) -> bool:
        """Whether nothing waits for this person."""
        return person not in self._due

    def unchanged(self, person: str) -> None:
        """It is as it was told again: nothing waits."""
        self._due.pop(person, None)

    def due(self, now: float, most: int, ready: Callable[[str], bool]) -> list[str]:
        """At most so many people whose changes are to be told now; those who are not ready stay."""
        found = [person for person, due in self._due.items() if due <= now and ready(person)]
        return found[:most]

    def told(self, person: str, now: float) -> None:
        """All of it was told."""
        self._due.pop(person, None)
        self._told[person] = now
        self._told.move_to_end(person)
        while self._told and next(iter(self._told.values())) + self.window <= now:
            self._told.popitem(last=False)

    def waiting(self) -> int:
        """How many people have something to tell."""
        return len(self._due)

    def next_due(self) -> float | None:
        """When the next is due; None when nobody waits."""
        return min(self._due.values(), default=None)
