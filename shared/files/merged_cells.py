"""Cells of a sheet that are merged with another one, and so hold nothing of their own: a value that is shown over three
rows stands in the first alone, and the other two would be taken without it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Set
from typing import IO

from openpyxl.utils.cell import column_index_from_string

from shared.files.rows import MOST_COLUMNS, PIECE, Unreadable

MOST_MERGED = 5_000
_LONGEST = 200  # bytes of an element
_NAME = b"mergeCell "
_RANGE = re.compile(rb"""mergeCell [^<>]{0,100}?ref=["']([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})["']""")


class MergedCells:
    """Asked row by row, downwards."""

    def __init__(self) -> None:
        self._begin = defaultdict[int, list[tuple[range, int]]](list)  # by the first row: columns, last row
        self._end = defaultdict[int, list[range]](list)
        self._rows: list[int] = []  # in which something begins or ends, the next one last
        self._covered = Counter[int]()
        self.count = 0

    @classmethod
    def of(cls, part: IO[bytes]) -> MergedCells:
        """As the part of a sheet says behind its rows. Its bytes are searched, for reading them as XML is what takes
        long. Raises Unreadable."""
        found, left = cls(), b""
        while piece := part.read(PIECE):
            text = left + piece
            left = text[-_LONGEST:]
            if _NAME not in text:
                continue
            last = 0
            for match in _RANGE.finditer(text):
                found._add(*match.groups())
                last = match.end()
            left = text[max(last, len(text) - _LONGEST) :]
        found._rows = sorted({*found._begin, *found._end}, reverse=True)
        return found

    def in_row(self, number: int) -> Set[int]:
        """The positions of columns whose cell in this row is merged into one before it or above it."""
        while self._rows and self._rows[-1] <= number:
            row = self._rows.pop()
            for columns in self._end.pop(row, ()):
                self._covered.subtract(columns)
            for columns, last in self._begin.pop(row, ()):
                self._covered.update(columns)
                self._end[last + 1].append(columns)
            self._covered = +self._covered
        return self._covered.keys()

    def _add(self, left: bytes, top: bytes, right: bytes, bottom: bytes) -> None:
        self.count += 1
        if self.count > MOST_MERGED:
            raise Unreadable("merged-cells")
        first, last = (column_index_from_string(name.decode()) - 1 for name in (left, right))
        above, below = int(top), int(bottom)
        columns = range(first, min(last, MOST_COLUMNS) + 1)
        self._span(columns[1:], above, above)
        self._span(columns, above + 1, below)

    def _span(self, columns: range, above: int, below: int) -> None:
        if len(columns) and above <= below:
            self._begin[above].append((columns, below))
            self._end[below + 1] += []
