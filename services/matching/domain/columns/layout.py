"""Numbers of many, packed so that those that look the same to the leading rules lie beside each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.columns.blocks import NOBODY, Others

FIRST_ROOM = 64
TAIL_AT_LEAST, TAIL_SHARE = 1_024, 32  # what lies behind the sorted part, before everything is sorted anew
Numbers = NDArray[np.int32]


class Layout:
    """By position a number for each column; a sorted part, and behind it what came since. What goes leaves its numbers
    behind, and the position is nobody's.

    It is sorted by the columns ``heads`` (together they make a group) and within by ``turn`` (a segment), so a scan
    passes over whole groups and segments. Each column lies in one piece, so it reads memory in order, and only of the
    columns that it needs. ``hot``: those of the factors that it adds up, in that order. ``enters``: a score for each,
    from which on others are of interest.
    """

    def __init__(self, columns: int, heads: Sequence[int], turn: int, hot: Sequence[int]) -> None:
        self.heads, self.turn, self.hot = list(heads), turn, np.array(hot, np.int64)
        self._position: NDArray[np.int64] = np.full(FIRST_ROOM, -1)
        self._sorted, self._end = 0, 0
        self._pack(np.zeros((columns, 0), np.int32), np.zeros(0, np.int64), np.zeros(0, np.int32))

    def put(self, row: int, numbers: Sequence[int]) -> None:
        """A row that has no place yet."""
        if self._end == len(self._row_of):
            self._make_room(2 * self._end)
        if row >= len(self._position):
            self._position = np.pad(self._position, (0, max(row + 1, len(self._position))), constant_values=-1)
        at, tail = self._end, self._end - self._sorted
        self._numbers[:, at], self._row_of[at], self._position[row] = numbers, row, at
        self._enters[at] = NOBODY
        self._group_heads[tail + self._sorted_groups] = self._numbers[self.heads, at]
        self._turns[tail + self._sorted_segments] = self._numbers[self.turn, at]
        self._end += 1

    def remove(self, row: int) -> None:
        """It goes."""
        self._row_of[self._position[row]] = -1
        self._enters[self._position[row]] = NOBODY
        self._position[row] = -1

    def numbers_of(self, row: int) -> Numbers:
        """Of one that has a place."""
        found: Numbers = self._numbers[:, self._position[row]]
        return found

    def column_of(self, rows: NDArray[np.int64], column: int) -> Numbers:
        """Of some that have a place, one number."""
        found: Numbers = self._numbers[column, self._position[rows]]
        return found

    def enter_from(self, rows: NDArray[np.int64], scores: Numbers) -> None:
        """From now on these scores enter there."""
        self._enters[self._position[rows]] = scores

    def enters_of(self, rows: NDArray[np.int64]) -> Numbers:
        """Which score enters, of some that have a place."""
        found: Numbers = self._enters[self._position[rows]]
        return found

    def nobody_enters(self) -> None:
        """No score enters anywhere."""
        self._enters[:] = NOBODY

    def some(self, rows: NDArray[np.int64], wish: int) -> Others:
        """These rows for the kernel, each by itself."""
        at = self._position[rows]
        starts, numbers = np.arange(len(rows) + 1), np.take(self._numbers, at, axis=1)
        heads = np.ascontiguousarray(numbers[self.heads].T)
        return Others(
            self.hot, self.turn, numbers, self._enters[at], rows, heads, numbers[self.turn], starts, starts, wish
        )  # fmt: skip

    def all(self, wish: int) -> Others:
        """All of them for the kernel. ``wish``: which of the heads it is, if any."""
        if self._end - self._sorted > max(TAIL_AT_LEAST, self._sorted // TAIL_SHARE):
            self._sort()
        tail = self._end - self._sorted
        return Others(
            self.hot, self.turn, self._numbers, self._enters, self._row_of, self._group_heads, self._turns,
            self._groups[: self._sorted_groups + tail + 1], self._segments[: self._sorted_segments + tail + 1], wish,
        )  # fmt: skip

    def _sort(self) -> None:
        live = np.flatnonzero(self._row_of[: self._end] >= 0)
        live = live[np.lexsort(self._numbers[[*self.heads, self.turn]][::-1, live])]
        self._pack(np.take(self._numbers, live, axis=1), self._row_of[live], self._enters[live])
        self._position[self._row_of[: self._end]] = np.arange(self._end)

    def _pack(self, numbers: Numbers, row_of: NDArray[np.int64], enters: Numbers) -> None:
        """These, sorted, and nothing behind them."""
        count, first = len(row_of), np.arange(min(len(row_of), 1))
        heads, turns = numbers[self.heads].T, numbers[self.turn]
        new_group = (heads[1:] != heads[:-1]).any(axis=1)
        segments = np.concatenate((first, np.flatnonzero(new_group | (turns[1:] != turns[:-1])) + 1))
        of_groups = np.concatenate((first, np.flatnonzero(new_group) + 1))
        self._numbers, self._row_of, self._enters = numbers, row_of, enters
        self._group_heads, self._turns = np.ascontiguousarray(heads[of_groups]), turns[segments]
        self._segments, self._groups = segments, np.searchsorted(segments, of_groups)
        self._sorted, self._end = count, count
        self._sorted_segments, self._sorted_groups = len(segments), len(of_groups)
        self._make_room(max(FIRST_ROOM, count + count // 8))

    def _make_room(self, room: int) -> None:
        """For so many. What lies behind the sorted part is a segment and a group each."""
        more, tail = room - len(self._row_of), room - self._sorted
        self._numbers = np.pad(self._numbers, ((0, 0), (0, more)))
        self._row_of = np.pad(self._row_of, (0, more), constant_values=-1)
        self._enters = np.pad(self._enters, (0, more), constant_values=NOBODY)
        groups, segments = self._sorted_groups, self._sorted_segments
        self._group_heads = np.pad(self._group_heads, ((0, groups + tail - len(self._group_heads)), (0, 0)))
        self._turns = np.pad(self._turns, (0, segments + tail - len(self._turns)))
        self._segments = np.concatenate((self._segments[:segments], np.arange(self._sorted, room + 1)))
        self._groups = np.concatenate((self._groups[:groups], np.arange(segments, segments + tail + 1)))
