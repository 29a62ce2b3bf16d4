"""What one rule says, by what it looks at of a person and of an opening: filled by asking the rule itself, when first
somebody wants to know."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.columns.dictionary_encoding import FREE, DictionaryEncoding

PERSON, OPENING = 0, 1
"""The two sides, as the axes of a table."""

MOST_BYTES = 128_000_000  # of one table; beyond, nothing of it is kept
N = TypeVar("N", np.uint8, np.float64)


class Table(Generic[N]):
    """``keys``: by side. ``ask`` is the rule; ``free`` what it says of those with the number `FREE`; ``blank``, which
    it never says, stands for what was not asked yet and for what nobody looks like; ``same``: whether it says the same
    of an opening whoever comes, so that it is asked of one person only."""

    def __init__(
        self,
        keys: tuple[DictionaryEncoding, DictionaryEncoding],
        ask: Callable[[Any, Any], float],
        free: N,
        blank: N,
        same: Callable[[Any], bool] = lambda opening: False,
    ) -> None:
        self.keys = keys
        self._ask = ask
        self._free: N = free
        self._blank: N = blank
        self._cells: NDArray[N] = np.full((0, 0), blank)
        self._same = same
        self._of_all: dict[int, float] = {}  # by number of such an opening, once it was asked
        self._filled: tuple[dict[int, int], dict[int, int]] = ({}, {})  # when: by how many had begun on the other side
        for side in (PERSON, OPENING):
            self.keys[side].on_end.append(partial(self._forget, side))

    def clear(self) -> None:
        """The rule may say something else than before."""
        self._cells = np.full((0, 0), self._blank)
        self._of_all.clear()
        for filled in self._filled:
            filled.clear()

    def line(self, side: int, number: int) -> NDArray[N]:
        """What the rule says of the one with this number on this side and each of the other side that somebody looks
        like, by number; it is asked where it was not."""
        others = self.keys[1 - side]
        line, kept = self._values(side, number)
        if not kept or self._filled[side].get(number) != others.begun:
            used = others.used[: len(line)]
            self._fill(side, number, np.flatnonzero((line[: len(used)] == self._blank) & used), line, kept)
            if kept:
                self._filled[side][number] = others.begun
        return line

    def some(self, side: int, number: int, others: NDArray[np.int64]) -> NDArray[N]:
        """The same for these of the other side only."""
        own, (line, kept) = self.keys[1 - side], self._values(side, number)
        known = others[others < len(own.used)]
        self._fill(side, number, known[(line[known] == self._blank) & own.used[known]], line, kept)
        return line[others]

    def _fill(self, side: int, number: int, others: NDArray[np.intp], line: NDArray[N], kept: bool) -> None:
        """Ask the rule of these and write down what it says."""
        if not len(others):
            return
        own, sights = self.keys[side].sights[number], self.keys[1 - side].sights
        if side == PERSON:
            for other in others.tolist():
                known = self._of_all.get(other)
                line[other] = self._asked(own, sights[other], other) if known is None else known
        elif self._same(own):
            line[others] = self._asked(sights[int(others[0])], own, number)
        else:
            for other in others.tolist():
                line[other] = self._ask(sights[other], own)
        if kept:
            cells = self._cells[number] if side == PERSON else self._cells[:, number]
            cells[others] = line[others]

    def _asked(self, person: Any, opening: Any, number: int) -> float:
        found = self._ask(person, opening)
        if self._same(opening):
            self._of_all[number] = found
        return found

    def _values(self, side: int, number: int) -> tuple[NDArray[N], bool]:
        """What is kept, in one piece; of a table that is too large to be kept a new line."""
        rows, columns = len(self.keys[PERSON]), len(self.keys[OPENING])
        if rows > self._cells.shape[PERSON] or columns > self._cells.shape[OPENING]:
            if rows * columns * self._blank.itemsize > MOST_BYTES:
                self.clear()
                line = np.full(len(self.keys[1 - side]), self._free if number == FREE else self._blank)
                line[FREE] = self._free
                return line, False
            self._grow(rows, columns)
        return (self._cells[number] if side == PERSON else np.ascontiguousarray(self._cells[:, number])), True

    def _grow(self, rows: int, columns: int) -> None:
        before = self._cells
        shape = (_room(before.shape[PERSON], rows), _room(before.shape[OPENING], columns))
        self._cells = np.full(shape, self._blank)
        self._cells[: before.shape[PERSON], : before.shape[OPENING]] = before
        self._cells[FREE] = self._free
        self._cells[:, FREE] = self._free

    def _forget(self, side: int, number: int) -> None:
        self._filled[side].pop(number, None)
        if side == OPENING:
            self._of_all.pop(number, None)
        if number < self._cells.shape[side]:
            line = self._cells[number] if side == PERSON else self._cells[:, number]
            line[...] = self._blank
            line[FREE] = self._free


def _room(now: int, needed: int) -> int:
    return now if needed <= now else max(needed, now + now // 2, 8)
