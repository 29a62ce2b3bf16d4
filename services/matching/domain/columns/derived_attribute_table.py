"""What one rule says where it looks at some facts through a derived attribute alone (the way to work): asked once for
each value of that attribute and what else the rule looks at, and put together from numbers for every pair of looks."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.columns import table
from services.matching.domain.columns.dictionary_encoding import FREE, DictionaryEncoding
from services.matching.domain.columns.table import OPENING, PERSON
from services.matching.domain.derived_attribute import DerivedAttribute

N = TypeVar("N", np.uint8, np.float64)
T = TypeVar("T", np.uint8, np.float64, np.int32)
UNKNOWN = np.int32(-1)
Numbers = NDArray[np.int32]


class DerivedAttributeTable(Generic[N]):
    """Reads as a `Table` does. ``keys``: of the whole looks, by side. Each look has two numbers: of what is measured
    (the home, the place), and of the rest of what the rule looks at. ``_values`` says which value two measured ones
    have, ``_cells`` what the rule says of two rests and a value."""

    def __init__(
        self,
        keys: tuple[DictionaryEncoding, DictionaryEncoding],
        attribute: DerivedAttribute,
        value: Callable[[Any, Any], Hashable],
        ask: Callable[[Any, Any], float],
        free: N,
        blank: N,
    ) -> None:
        self.keys = keys
        self._value, self._ask = value, ask
        self._free: N = free
        self._blank: N = blank
        self._derived = (
            DictionaryEncoding(attribute.of_person),
            DictionaryEncoding(attribute.of_opening),
        )
        self._rest = (
            keys[PERSON].without(attribute.of_person),
            keys[OPENING].without(attribute.of_opening),
        )
        self._derived_of = [np.zeros(64, np.int32), np.zeros(64, np.int32)]
        self._rest_of = [np.zeros(64, np.int32), np.zeros(64, np.int32)]
        self._numbers: dict[Hashable, int] = {}
        self._values: Numbers = np.full((1, 1), UNKNOWN)
        self._cells: NDArray[N] = np.full((1, 1, 1), blank)
        for side in (PERSON, OPENING):
            keys[side].on_begin.append(partial(self._begin, side))
            keys[side].on_end.append(partial(self._end, side))
            self._derived[side].on_end.append(partial(self._forget_measured, side))
            self._rest[side].on_end.append(partial(self._forget_rest, side))

    def clear(self) -> None:
        """The rule may say something else than before."""
        self._numbers.clear()
        self._values = np.full((1, 1), UNKNOWN)
        self._cells = np.full((1, 1, 1), self._blank)

    def line(self, side: int, number: int) -> NDArray[N]:
        """What the rule says of the one with this number on this side and each of the other side that somebody looks
        like, by number; it is asked where it was not."""
        return self.some(side, number, np.arange(len(self.keys[1 - side])))

    def some(self, side: int, number: int, others: NDArray[np.int64]) -> NDArray[N]:
        """The same for these of the other side only."""
        if number == FREE:
            return np.full(len(others), self._free)
        used = self.keys[1 - side].used[others]
        values = self._values_of(side, number, others, used)
        cells, rest = self._cells_of(side, number), self._rest_of[1 - side][others]
        line = cells[rest, values]
        asked = np.flatnonzero(used & (line == self._blank))
        if len(asked):
            self._ask_rule(side, number, others[asked], rest[asked], values[asked], cells)
            line = cells[rest, values]
        line[~used] = self._blank
        line[others == FREE] = self._free
        return line

    def _values_of(self, side: int, number: int, others: NDArray[np.int64], used: NDArray[np.bool_]) -> Numbers:
        """The numbers of the derived attribute's values, 0 for what nobody looks like; it is asked where it was not."""
        needed = len(self._derived[PERSON]), len(self._derived[OPENING])
        self._values = _with_room(self._values, needed, UNKNOWN)
        own, places = self._derived_of[side][number], self._derived_of[1 - side][others]
        known = self._values[own] if side == PERSON else self._values[:, own]
        found: Numbers = known[places]
        missing = used & (found == UNKNOWN)
        if missing.any():
            sights, mine = self._derived[1 - side].sights, self._derived[side].sights[own]
            for place in np.unique(places[missing]).tolist():
                value = self._value(mine, sights[place]) if side == PERSON else self._value(sights[place], mine)
                known[place] = self._numbers.setdefault(value, len(self._numbers))
            found = known[places]
        found[~used] = 0
        return found

    def _ask_rule(
        self, side: int, number: int, others: NDArray[np.int64], rest: Numbers, values: Numbers, cells: NDArray[N]
    ) -> None:
        """One pair of looks for all that have the same rest and value."""
        own, sights = self.keys[side].sights[number], self.keys[1 - side].sights
        _, first = np.unique(rest.astype(np.int64) * len(self._numbers) + values, return_index=True)
        for at in first.tolist():
            other = sights[int(others[at])]
            cells[rest[at], values[at]] = self._ask(own, other) if side == PERSON else self._ask(other, own)

    def _cells_of(self, side: int, number: int) -> NDArray[N]:
        """By the other side's rest and the value; where all of them would take too much nothing is kept."""
        needed = len(self._rest[PERSON]), len(self._rest[OPENING]), max(1, len(self._numbers))
        if np.prod(needed, dtype=np.float64) * self._blank.itemsize > table.MOST_BYTES:
            return np.full((needed[1 - side], needed[-1]), self._blank)
        self._cells = _with_room(self._cells, needed, self._blank)
        own = self._rest_of[side][number]
        found: NDArray[N] = self._cells[own] if side == PERSON else self._cells[:, own]
        return found

    def _begin(self, side: int, number: int, facts: Any) -> None:
        for numbers, keys in ((self._derived_of, self._derived[side]), (self._rest_of, self._rest[side])):
            if number >= len(numbers[side]):
                numbers[side] = np.pad(numbers[side], (0, max(number + 1 - len(numbers[side]), len(numbers[side]))))
            numbers[side][number] = keys.take(facts)

    def _end(self, side: int, number: int) -> None:
        self._derived[side].give_back(int(self._derived_of[side][number]))
        self._rest[side].give_back(int(self._rest_of[side][number]))

    def _forget_measured(self, side: int, number: int) -> None:
        if number < self._values.shape[side]:
            (self._values[number] if side == PERSON else self._values[:, number])[...] = UNKNOWN

    def _forget_rest(self, side: int, number: int) -> None:
        if number < self._cells.shape[side]:
            (self._cells[number] if side == PERSON else self._cells[:, number])[...] = self._blank


def _with_room(cells: NDArray[T], needed: tuple[int, ...], blank: T) -> NDArray[T]:
    """The same cells, with others behind them where there were fewer than needed."""
    if all(more <= now for more, now in zip(needed, cells.shape, strict=True)):
        return cells
    grown = np.full([_room(now, more) for now, more in zip(cells.shape, needed, strict=True)], blank, cells.dtype)
    grown[tuple(slice(now) for now in cells.shape)] = cells
    return grown


def _room(now: int, needed: int) -> int:
    return now if needed <= now else needed + needed // 4 + 4
