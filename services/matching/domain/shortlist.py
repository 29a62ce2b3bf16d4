"""What one person could match with, as far as it is needed: the best, and a reserve behind them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

RankKey = tuple[float, str]
"""Minus the score, then an id: the natural order of tuples is best first, ties by id."""


class Shortlist:
    """A bounded list of the best that knows what it does not know: it holds exactly the openings that come before
    ``cutoff``, the first that was ever left out for want of room; None: nothing was, it holds all there are.

    So whatever is added or removed, its beginning is right as long as it is long enough; when removals have used up the
    reserve, the whole has to be scanned again (`enough`).
    """

    __slots__ = ("_most", "_ranked", "_scores", "cutoff")

    def __init__(self, most: int, entries: Iterable[tuple[str, float]] = (), cutoff: RankKey | None = None) -> None:
        self._most = most
        self._scores: dict[str, float] = dict(entries)
        self._ranked: list[RankKey] = sorted((-score, id) for id, score in self._scores.items())
        self.cutoff = cutoff

    def put(self, id: str, score: float | None) -> bool:
        """An opening is new or was assessed again (None: it may not match). Whether that changed anything here."""
        before = self._scores.get(id)
        if before == score:
            return False
        if before is not None:
            self.drop(id)
        if score is None:
            return True
        key = (-score, id)
        if self.cutoff is not None and key >= self.cutoff:
            return before is not None
        self._scores[id] = score
        insort(self._ranked, key)
        if len(self._ranked) > self._most:
            self.cutoff = self._ranked.pop()
            del self._scores[self.cutoff[1]]
        return True

    def drop(self, id: str) -> bool:
        """It is no longer there; whether it was here."""
        score = self._scores.pop(id, None)
        if score is None:
            return False
        del self._ranked[bisect_left(self._ranked, (-score, id))]
        return True

    def best(self, most: int) -> list[str]:
        """The best, best first. Right only when there is `enough`."""
        return [id for _, id in self._ranked[:most]]

    def enough(self, most: int) -> bool:
        """Whether the best so many are known: there are so many here, or there are no others."""
        return self.cutoff is None or len(self._ranked) >= most

    def entries(self) -> Iterator[tuple[str, float]]:
        """Everything here with its score, best first."""
        return ((id, -score) for score, id in self._ranked)

    def __contains__(self, id: str) -> bool:
        return id in self._scores

    def __len__(self) -> int:
        return len(self._ranked)
