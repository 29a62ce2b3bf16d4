"""What one person could match with, as far as it is needed: the best of it, not too much of a sort, and a reserve."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from services.matching.domain.opening_facts import Crowd

RankKey = tuple[float, str]
"""Minus the score, then an id: the natural order of tuples is best first, ties by id."""


class Bounds(NamedTuple):
    """How many of a crowd are held: of these sorts (of others any number), of one employer, of what is nearly the same.

    ``twins``: how many others than this opening are nearly the same, wherever they are held.
    """

    of_sort: Mapping[str, int]
    of_employer: int
    of_alike: int
    twins: Callable[[str, Crowd], int]


class Entry(NamedTuple):
    """An opening with its score, and of what it is one of many."""

    id: str
    score: float
    crowd: Crowd


class Shortlist:
    """A bounded list of the best that knows what it does not know.

    In the order of their scores all openings that come before ``cutoff`` are here, but those of which so many of a
    crowd were here already (`Bounds`). ``cutoff``: the first that was left out for want of room; None: there was room.
    When one of a full crowd goes, the next of its like is not known: the list is right up to the last of that crowd,
    which becomes the cutoff. So its beginning is right whatever is added or removed, as long as it is long enough; then
    the whole has to be scanned again (`enough`).
    """

    __slots__ = ("_bounds", "_employers", "_held", "_most", "_ranked", "cutoff")

    def __init__(self, most: int, bounds: Bounds, entries: Iterable[Entry] = (), cutoff: RankKey | None = None) -> None:
        self._most = most
        self._bounds = bounds
        self._held: dict[str, Entry] = {}
        self._ranked: list[RankKey] = []
        self._employers: list[str | None] = []  # of those that are ranked, in their order
        self.cutoff: RankKey | None = None
        self.fill(sorted(entries, key=lambda entry: (-entry.score, entry.id)))
        if cutoff is not None:
            self.end_at(cutoff)

    def fill(self, entries: Iterable[Entry]) -> None:
        """Put these into a list that is empty, best first, until there is no more room."""
        assert not self._held, "what is here would come in between"
        alike, of_employer, of_sort = dict[Crowd, int](), dict[tuple[str, str | None], int](), dict[str, int]()
        for entry in entries:
            sort, employer, _ = crowd = entry.crowd
            if alike.get(crowd, 0) >= self._bounds.of_alike:
                continue
            if of_employer.get((sort, employer), 0) >= self._bounds.of_employer:
                continue
            if of_sort.get(sort, 0) >= self._bounds.of_sort.get(sort, self._most + 1):
                continue
            if len(self._ranked) >= self._most:
                self.cutoff = (-entry.score, entry.id)
                return
            if employer is not None:
                of_employer[sort, employer] = of_employer.get((sort, employer), 0) + 1
            of_sort[sort] = of_sort.get(sort, 0) + 1
            alike[crowd] = alike.get(crowd, 0) + 1
            self._held[entry.id] = entry
            self._ranked.append((-entry.score, entry.id))
            self._employers.append(employer)

    def put(self, entry: Entry) -> list[str] | None:
        """An opening is new or was assessed again. None: that changed nothing; else what is here no longer."""
        before, key = self._held.get(entry.id), (-entry.score, entry.id)
        if before == entry:
            return None
        if before is not None and before.crowd == entry.crowd and before.score < entry.score:
            self._remove((-before.score, entry.id))  # what waits behind it still does
            left: list[str] | None = []
        else:
            left = self.drop(entry.id)
        if self.cutoff is not None and key >= self.cutoff:
            return left
        last = next(self._last_of_full(entry.crowd), None)
        if last is not None:
            if key > last:
                return left
            left = [*(left or ()), last[1]]
            self._remove(last)
        self._insert(entry)
        if len(self._ranked) > self._most:
            left = [*(left or ()), *self.end_at(self._ranked[-1])]
        return left or []

    def drop(self, id: str) -> list[str] | None:
        """It is no longer there, or no longer what it was. None: it was not here; else what is here no longer."""
        entry = self._held.get(id)
        if entry is None:
            return None
        hiding = list(self._last_of_full(entry.crowd, but=id))
        self._remove((-entry.score, id))
        return [id, *(self.end_at(min(hiding)) if hiding else ())]

    def end_at(self, cutoff: RankKey) -> list[str]:
        """From here on others may come between; what is here no longer."""
        if self.cutoff is not None and self.cutoff <= cutoff:
            return []
        self.cutoff = cutoff
        gone = self._ranked[bisect_left(self._ranked, cutoff) :]
        for key in gone:
            self._remove(key)
        return [id for _, id in gone]

    def best(self, most: int) -> list[str]:
        """The best, best first. Right only when there is `enough`."""
        return [id for _, id in self._ranked[:most]]

    def enough(self, most: int) -> bool:
        """Whether the best so many are known: there are so many here, or there are no others."""
        return self.cutoff is None or len(self._ranked) >= most

    def entries(self) -> Iterator[Entry]:
        """Everything here, best first."""
        return (self._held[id] for _, id in self._ranked)

    def _last_of_full(self, crowd: Crowd, but: str | None = None) -> Iterator[RankKey]:
        """The last of each crowd of this kind that is full here, the smallest first. ``but``: this one goes, so a crowd
        of what is nearly the same is full only where others wait."""
        alike = self._alike(crowd)
        if len(alike) >= self._bounds.of_alike and (but is None or self._bounds.twins(but, crowd) >= len(alike)):
            yield alike[-1]
        if crowd.employer is not None and self._employers.count(crowd.employer) >= self._bounds.of_employer:
            both = zip(self._ranked, self._employers, strict=True)
            same = [key for key, employer in both if employer == crowd.employer]
            same = [key for key in same if self._held[key[1]].crowd.sort == crowd.sort]
            if len(same) >= self._bounds.of_employer:
                yield same[-1]
        most = self._bounds.of_sort.get(crowd.sort)
        if most is not None:
            of_sort = [key for key in self._ranked if self._held[key[1]].crowd.sort == crowd.sort]
            if len(of_sort) >= most:
                yield of_sort[-1]

    def _alike(self, crowd: Crowd) -> list[RankKey]:
        """Those here that are nearly the same."""
        if crowd.employer not in self._employers:
            return []
        both = zip(self._ranked, self._employers, strict=True)
        same = (key for key, employer in both if employer == crowd.employer)
        return [key for key in same if self._held[key[1]].crowd == crowd]

    def _insert(self, entry: Entry) -> None:
        key = (-entry.score, entry.id)
        at = bisect_left(self._ranked, key)
        self._ranked.insert(at, key)
        self._employers.insert(at, entry.crowd.employer)
        self._held[entry.id] = entry

    def _remove(self, key: RankKey) -> None:
        at = bisect_left(self._ranked, key)
        del self._ranked[at], self._employers[at], self._held[key[1]]

    def __contains__(self, id: str) -> bool:
        return id in self._held

    def __len__(self) -> int:
        return len(self._ranked)
