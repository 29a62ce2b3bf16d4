"""Who is among the best: one order for each side, ties broken by id."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

Place = tuple[float, str]
"""Minus the score, then the id of the other side: the natural order of tuples is best first."""


class Ranking:
    """What one person or one opportunity could match with, best first; the first ``keep`` are its best."""

    __slots__ = ("_places", "keep")

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self._places: list[Place] = []

    def add(self, score: float, other: str) -> None:
        """Put one in its place."""
        insort(self._places, (-score, other))

    def remove(self, score: float, other: str) -> None:
        """Take one out; KeyError when it is not there with that score."""
        position = bisect_left(self._places, (-score, other))
        if position == len(self._places) or self._places[position] != (-score, other):
            raise KeyError(other)
        del self._places[position]

    def best(self) -> list[str]:
        """The ids of the best, best first."""
        return [other for _, other in self._places[: self.keep]]

    def rank(self, score: float, other: str) -> int | None:
        """1 is the best; None when it is not among the best (or not there)."""
        position = bisect_left(self._places, (-score, other), hi=min(self.keep, len(self._places)))
        if position < min(self.keep, len(self._places)) and self._places[position] == (-score, other):
            return position + 1
        return None

    def __iter__(self) -> Iterator[str]:
        return (other for _, other in self._places)
