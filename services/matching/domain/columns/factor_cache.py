"""A cache of what the factors of openings add for all people: many openings look the same to one factor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.columns.dictionary_encoding import DictionaryEncoding
from services.matching.domain.columns.table import PERSON
from services.matching.domain.columns.values import parts_of

MOST_BYTES = 256_000_000  # of all lines; then those that were made first go
Numbers = NDArray[np.int32]
Values = Callable[[int, int, NDArray[np.int64]], NDArray[np.float64]]


class FactorCache:
    """By factor and number of an opening a line (`parts_of`) by the numbers of people. Who came since a line was
    made is worked out when it is next asked for: ``_begun`` has the numbers that began, in their order. ``values``:
    what a factor says of an opening's number to these numbers of people."""

    def __init__(self, keys: Mapping[int, tuple[DictionaryEncoding, DictionaryEncoding]], values: Values) -> None:
        self._keys = keys
        self._values = values
        self._lines: dict[tuple[int, int], tuple[Numbers, int]] = {}
        self._bytes = 0
        self._begun: dict[int, list[int]] = {place: [] for place in keys}
        for place, (people, openings) in keys.items():
            people.on_begin.append(partial(self._begin, place))
            openings.on_end.append(partial(self._end, place))

    def of(self, place: int, number: int, shares: NDArray[np.float64]) -> Numbers:
        """The line of a factor for openings with this number; ``shares``: of the factor, by wish."""
        begun, count = self._begun[place], len(self._keys[place][PERSON])
        line, known = self._lines.get((place, number), (None, 0))
        if line is not None and known == len(begun):
            return line
        if line is not None and len(begun) - known < count // 2:
            some = np.unique(np.array(begun[known:]))
            if count > line.shape[1]:
                self._forget(place, number)
                line = np.pad(line, ((0, 0), (0, count + count // 8 - line.shape[1])))
                self._bytes += line.nbytes
            line[:, some] = parts_of(self._values(place, number, some), shares)
        else:
            self._forget(place, number)
            line = parts_of(self._values(place, number, np.arange(count)), shares)
            self._bytes += line.nbytes
        self._lines[place, number] = line, len(begun)
        while self._bytes > MOST_BYTES and len(self._lines) > 1:
            self._forget(*next(iter(self._lines)))
        return line

    def clear(self) -> None:
        """Factors may say something else than before."""
        self._lines.clear()
        self._bytes = 0
        for begun in self._begun.values():
            begun.clear()

    def _begin(self, place: int, number: int, facts: Any) -> None:
        begun = self._begun[place]
        if len(begun) > 2 * len(self._keys[place][PERSON]):  # whatever was made before is as good as new
            for each in [each for each in self._lines if each[0] == place]:
                self._forget(*each)
            begun.clear()
        begun.append(number)

    def _end(self, place: int, number: int) -> None:
        self._forget(place, number)

    def _forget(self, place: int, number: int) -> None:
        line, _ = self._lines.pop((place, number), (None, 0))
        if line is not None:
            self._bytes -= line.nbytes
