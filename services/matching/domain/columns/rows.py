"""One side of the index: a row for each that is held, which has a place in packed columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.columns.dictionary_encoding import DictionaryEncoding
from services.matching.domain.columns.layout import FIRST_ROOM, Layout, Numbers
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts

F = TypeVar("F", PersonFacts, OpeningFacts)
Rowset = NDArray[np.int64]


class Held(NamedTuple, Generic[F]):
    """One that is held. ``revision``: which change of it this is; ``row``: where its numbers stand."""

    facts: F
    revision: int
    row: int


class Rows(Generic[F]):
    """``keys``: of each column. ``layout``: has one column more, for a number of its own. ``ids``: by row, None: the
    row is free, and the next that comes takes it. ``ends``: by row the last day, as its ordinal; ``chunks``: by row
    the chunk of a snapshot in which it stands as it is now, 0: in none."""

    def __init__(self, keys: Sequence[DictionaryEncoding], layout: Layout) -> None:
        self._keys = keys
        self._by_id: dict[str, Held[F]] = {}
        self._free: list[int] = []
        self.ids: list[str | None] = []
        self._held: list[Held[F] | None] = []
        self.layout = layout
        self.taken: NDArray[np.bool_] = np.zeros(FIRST_ROOM, bool)
        self.ends: Numbers = np.zeros(FIRST_ROOM, np.int32)
        self.chunks: Numbers = np.zeros(FIRST_ROOM, np.int32)

    def put(self, facts: F, revision: int, last_day: date | None, more: int = 0, chunk: int = 0) -> Held[F]:
        """One that is new or changed; ``more`` is a number of its own in the last column."""
        self.remove(facts.id)
        if self._free:
            row = self._free.pop()
        else:
            row = len(self.ids)
            self.ids.append(None)
            self._held.append(None)
            if row == len(self.taken):
                self.taken, self.ends = np.pad(self.taken, (0, row)), np.pad(self.ends, (0, row))
                self.chunks = np.pad(self.chunks, (0, row))
        self.layout.put(row, [*(keys.take(facts) for keys in self._keys), more])
        self.ids[row] = facts.id
        self.taken[row], self.chunks[row] = True, chunk
        self.ends[row] = (last_day or date.max).toordinal()
        held = self._by_id[facts.id] = self._held[row] = Held(facts, revision, row)
        return held

    def remove(self, id: str) -> Held[F] | None:
        """Forget it; what it was."""
        held = self._by_id.pop(id, None)
        if held is not None:
            numbers = self.layout.numbers_of(held.row).tolist()
            self.layout.remove(held.row)
            for keys, number in zip(self._keys, numbers, strict=False):
                keys.give_back(number)
            self.ids[held.row] = self._held[held.row] = None
            self.taken[held.row] = False
            self._free.append(held.row)
        return held

    def get(self, id: str) -> Held[F] | None:
        """The one with this id."""
        return self._by_id.get(id)

    def __getitem__(self, id: str) -> Held[F]:
        return self._by_id[id]

    def id_of(self, row: int) -> str:
        """Whose row this is."""
        id = self.ids[row]
        assert id is not None, "the row is taken"
        return id

    def facts_of(self, rows: Iterable[int]) -> list[F]:
        """What is held in these rows."""
        held = [self._held[row] for row in rows]
        return [one.facts for one in held if one is not None]

    def ended(self, today: date) -> list[str]:
        """Those whose last day is over."""
        rows = np.flatnonzero(self.taken & (self.ends < today.toordinal()))
        return [self.id_of(row) for row in rows.tolist()]

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __contains__(self, id: object) -> bool:
        return id in self._by_id
