"""Numbers of many, packed so that those that look the same to the leading rules lie beside each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.columns import kernel

FIRST_ROOM = 64
TAIL_AT_LEAST, TAIL_SHARE = 1_024, 32  # what lies behind the sorted part, before everything is sorted anew
Numbers = NDArray[np.int32]


class Layout:
    """By position a number for each column; a sorted part, and behind it what came since. What goes leaves its numbers
    behind, and the position is nobody's.

    It is sorted by the ``leading`` columns, so a scan passes over whole segments, and reads memory in order.
    """

    def __init__(self, columns: int, leading: Sequence[int]) -> None:
        self.leading = list(leading)
        self._position: NDArray[np.int64] = np.full(FIRST_ROOM, -1)
        self._columns, self._sorted, self._end = columns, 0, 0
        self._pack(np.zeros((0, columns), np.int32), np.zeros(0, np.int64))

    def put(self, row: int, numbers: Sequence[int]) -> None:
        """A row that has no place yet."""
        if self._end == len(self._row_of):
            self._make_room(2 * self._end)
        if row >= len(self._position):
            self._position = np.pad(self._position, (0, max(row + 1, len(self._position))), constant_values=-1)
        self._numbers[self._end], self._row_of[self._end], self._position[row] = numbers, row, self._end
        self._heads[self._end - self._sorted + self._sorted_segments] = self._numbers[self._end, self.leading]
        self._end += 1

    def remove(self, row: int) -> None:
        """It goes."""
        self._row_of[self._position[row]] = -1
        self._position[row] = -1

    def numbers_of(self, row: int) -> Numbers:
        """Of one that has a place."""
        found: Numbers = self._numbers[self._position[row]]
        return found

    def column_of(self, rows: NDArray[np.int64], column: int) -> Numbers:
        """Of some that have a place, one number."""
        found: Numbers = self._numbers[self._position[rows], column]
        return found

    def some(self, rows: NDArray[np.int64], wish: int) -> kernel.Others:
        """These rows for the kernel, each by itself."""
        starts, numbers = np.arange(len(rows) + 1), self._numbers[self._position[rows]]
        return kernel.Others(numbers, rows, np.ascontiguousarray(numbers[:, self.leading]), starts, starts, wish)

    def all(self, wish: int) -> kernel.Others:
        """All of them for the kernel. ``wish``: which of the leading columns it is, if any."""
        if self._end - self._sorted > max(TAIL_AT_LEAST, self._sorted // TAIL_SHARE):
            self._sort()
        tail = self._end - self._sorted
        return kernel.Others(
            self._numbers, self._row_of, self._heads,
            self._segments[: self._sorted_segments + tail + 1], self._groups[: self._sorted_groups + tail + 1], wish,
        )  # fmt: skip

    def _sort(self) -> None:
        live = np.flatnonzero(self._row_of[: self._end] >= 0)
        order = np.lexsort(self._numbers[live][:, self.leading].T[::-1])
        live = live[order]
        self._pack(self._numbers[live], self._row_of[live])
        self._position[self._row_of[: self._end]] = np.arange(self._end)

    def _pack(self, numbers: Numbers, row_of: NDArray[np.int64]) -> None:
        """These, sorted, and nothing behind them."""
        count = len(row_of)
        heads = numbers[:, self.leading]
        new = heads[1:] != heads[:-1]
        first = np.arange(min(count, 1))
        segments = np.concatenate((first, np.flatnonzero(new.any(axis=1)) + 1))
        groups = np.searchsorted(segments, np.concatenate((first, np.flatnonzero(new[:, 0]) + 1)))
        self._numbers, self._row_of, self._sorted, self._end = numbers, row_of, count, count
        self._heads = np.ascontiguousarray(heads[segments])
        self._segments, self._groups = segments, groups
        self._sorted_segments, self._sorted_groups = len(segments), len(groups)
        self._make_room(max(FIRST_ROOM, count + count // 8))

    def _make_room(self, room: int) -> None:
        """For so many. What lies behind the sorted part is a segment and a group each."""
        more = room - len(self._row_of)
        self._numbers = np.pad(self._numbers, ((0, more), (0, 0)))
        self._row_of = np.pad(self._row_of, (0, more), constant_values=-1)
        tail = room - self._sorted
        self._heads = np.pad(self._heads, ((0, self._sorted_segments + tail - len(self._heads)), (0, 0)))
        own = self._segments[: self._sorted_segments], self._groups[: self._sorted_groups]
        self._segments = np.concatenate((own[0], np.arange(self._sorted, room + 1)))
        self._groups = np.concatenate((own[1], np.arange(self._sorted_segments, self._sorted_segments + tail + 1)))
