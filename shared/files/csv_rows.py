"""CSV, row by row. A quotation mark that nobody closes costs its own row and no other."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from shared.events.refusal import Refusal
from shared.files.rows import LONGEST_CELL, MOST_COLUMNS, MOST_ROWS, Broken, EmptyRows, Row, Unreadable
from shared.files.text_encoding import encoding_of, lines_of

MOST_LINES = 40  # of one row: line breaks inside of quotation marks
_DELIMITERS = ",\t;|"
_QUOTED = re.compile(r'"[^"]*"')
_TOLD = re.compile(r'"?sep=([,\t;|])"?\s{0,2}', re.IGNORECASE)  # a first line by which Excel is told


def csv_rows(stream: BinaryIO, empty: EmptyRows | None = None) -> Iterator[Row | Broken]:
    """The rows with anything in them, the first one the headings. Numbers are those of lines."""
    empty = empty or EmptyRows()
    lines = _Lines(lines_of(stream, encoding_of(stream)))
    delimiter: str | None = None
    for count, row in enumerate(_records(lines)):
        if count > MOST_ROWS:
            raise Unreadable("too-many-rows", most=MOST_ROWS)
        if isinstance(row, Broken):
            yield row
            continue
        number, text = row
        if delimiter is None:
            if (told := _TOLD.fullmatch(text)) is not None:
                delimiter = told[1]
                continue
            delimiter = max(_DELIMITERS, key=_QUOTED.sub("", text).count)
        try:
            cells = next(csv.reader([text], delimiter=delimiter, strict=True), [])
        except csv.Error:
            yield Broken(number, Refusal("broken-row", ""))
            continue
        if len(cells) > MOST_COLUMNS:
            yield Broken(number, Refusal("too-many-columns", "", {"most": MOST_COLUMNS}))
        elif any(len(cell) > LONGEST_CELL for cell in cells):
            yield Broken(number, Refusal("too-long", "", {"max_length": LONGEST_CELL}))
        elif found := {at: cell.strip() for at, cell in enumerate(cells) if cell and not cell.isspace()}:
            nul = (at for at, cell in found.items() if "\0" in cell) if "\0" in text else ()
            yield Row(number, found, dict.fromkeys(nul, "nul-in-cell"))
        else:
            empty.passed()


class _Lines:
    """Lines with their numbers, of which some can be put back."""

    def __init__(self, lines: Iterable[str | Broken]) -> None:
        self._lines = enumerate(lines, start=1)
        self._back: deque[tuple[int, str | Broken]] = deque()

    def next(self) -> tuple[int, str | Broken] | None:
        """The next one; None at the end."""
        return self._back.popleft() if self._back else next(self._lines, None)

    def put_back(self, lines: Iterable[tuple[int, str | Broken]]) -> None:
        """They come again, in this order."""
        self._back.extendleft(reversed(list(lines)))


def _records(lines: _Lines) -> Iterator[tuple[int, str] | Broken]:
    """The text of one row after the other: as many lines as it takes to close what is quoted."""
    while (first := lines.next()) is not None:
        number, line = first
        if isinstance(line, Broken):
            yield line
            continue
        taken: list[tuple[int, str | Broken]] = []
        text, is_open = line, _odd(line)
        while is_open and len(taken) < MOST_LINES and (more := lines.next()) is not None:
            taken.append(more)
            if isinstance(more[1], Broken):
                break
            text += more[1]
            is_open ^= _odd(more[1])
        if is_open:
            lines.put_back(taken)
            yield Broken(number, Refusal("open-quote", ""))
        else:
            yield number, text


def _odd(line: str) -> bool:
    return line.count('"') % 2 == 1
