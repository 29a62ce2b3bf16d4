"""What one rule says, by what it looks at of a person and of an opening: filled by asking the rule itself, when first
somebody wants to know."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.columns.keys import FREE, Keys

PERSON, OPENING = 0, 1
"""The two sides, as the axes of a table."""

MOST_BYTES = 128_000_000  # of one table; beyond, nothing of it is kept
N = TypeVar("N", np.uint8, np.float64)


class Table(Generic[N]):
    """``keys``: by side. ``ask`` is the rule; ``free`` what it says of those with the number `FREE`; ``blank``, which
    it never says, stands for what was not asked yet."""

    def __init__(self, keys: tuple[Keys, Keys], ask: Callable[[Any, Any], float], free: N, blank: N) -> None:
        self.keys = keys
        self.ask = ask
        self._free: N = free
        self.blank: N = blank
        self._cells: NDArray[N] = np.full((0, 0), blank)
        for side in (PERSON, OPENING):
            self.keys[side].on_end = partial(self._forget, side)

    def clear(self) -> None:
        """The rule may say something else than before."""
        self._cells = np.full((0, 0), self.blank)

    def line(self, side: int, number: int) -> Line[N]:
        """What the rule says of the one with this number on this side and each of the other side."""
        return Line(self, side, number, self._values(side, number))

    def fill(self, side: int, number: int, others: NDArray[np.intp], line: NDArray[N]) -> None:
        """Ask the rule of these, write down what it says, and keep it if the table is kept."""
        own, sights = self.keys[side].sights[number], self.keys[1 - side].sights
        for other in others.tolist():
            line[other] = self.ask(own, sights[other]) if side == PERSON else self.ask(sights[other], own)
        if number < self._cells.shape[side] and len(line) == self._cells.shape[1 - side]:
            cells = self._cells[number] if side == PERSON else self._cells[:, number]
            cells[others] = line[others]

    def _values(self, side: int, number: int) -> NDArray[N]:
        """What is kept, in one piece; of a table that is too large to be kept a new line."""
        rows, columns = len(self.keys[PERSON]), len(self.keys[OPENING])
        if rows > self._cells.shape[PERSON] or columns > self._cells.shape[OPENING]:
            if rows * columns * self.blank.itemsize > MOST_BYTES:
                self.clear()
                line = np.full(len(self.keys[1 - side]), self._free if number == FREE else self.blank)
                line[FREE] = self._free
                return line
            self._grow(rows, columns)
        return self._cells[number] if side == PERSON else np.ascontiguousarray(self._cells[:, number])

    def _grow(self, rows: int, columns: int) -> None:
        before = self._cells
        shape = (_room(before.shape[PERSON], rows), _room(before.shape[OPENING], columns))
        self._cells = np.full(shape, self.blank)
        self._cells[: before.shape[PERSON], : before.shape[OPENING]] = before
        self._cells[FREE] = self._free
        self._cells[:, FREE] = self._free

    def _forget(self, side: int, number: int) -> None:
        if number < self._cells.shape[side]:
            line = self._cells[number] if side == PERSON else self._cells[:, number]
            line[...] = self.blank
            line[FREE] = self._free


class Line(Generic[N]):
    """``values``: what a rule says of one, by the number of each of the other side; `blank` where it was not asked."""

    def __init__(self, table: Table[N], side: int, number: int, values: NDArray[N]) -> None:
        self._table: Table[N] = table
        self._side, self._number = side, number
        self.values: NDArray[N] = values

    def filled(self) -> NDArray[N]:
        """What it says of each that somebody looks like; it is asked where it was not."""
        used = self._table.keys[1 - self._side].used[: len(self.values)]
        missing = np.flatnonzero((self.values[: len(used)] == self._table.blank) & used)
        if len(missing):
            self._table.fill(self._side, self._number, missing, self.values)
        return self.values


def _room(now: int, needed: int) -> int:
    return now if needed <= now else max(needed, now + now // 2, 8)
