"""What is told about the rows of a file: row, column, field, rule and remedy, and nothing of any value."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from shared.events.refusal import Refusal
from shared.files.convert import Converted
from shared.reference import Pack

COLUMNS = ("row", "column", "field", "rule", "remedy")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|", "%")


@dataclass(frozen=True, slots=True)
class Line:
    """One finding about a row; `warning`: the row was taken all the same."""

    row: int
    column: str
    field: str
    rule: str
    remedy: str
    warning: bool = False


def lines_about(
    converted: Converted, pack: Pack, language: str, more: Iterable[Refusal] = (), warned: Iterable[Refusal] = ()
) -> list[Line]:
    """The findings about one row, and `more` that were found in its event, with what it is only warned of."""
    return [
        Line(
            converted.row,
            column_of(refusal.field, converted),
            refusal.field,
            refusal.rule,
            pack.remedy(refusal.rule, refusal.field, refusal.values)[language],
            warning,
        )
        for warning, refusals in ((False, (*converted.refusals, *more)), (True, (*converted.warnings, *warned)))
        for refusal in refusals
    ]


def column_of(pointer: str, converted: Converted) -> str:
    """The letter of the column that a place in the event came from; nothing where it came from none."""
    if pointer.startswith("/columns/"):
        return pointer.rpartition("/")[2]
    while pointer and pointer not in converted.columns:
        pointer = pointer.rpartition("/")[0]
    return converted.columns.get(pointer, "")


class Report:
    """A table as CSV, in the encoding of the file that it is about, written as it goes."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        text = "utf-8-sig" if encoding.startswith("utf-16") else encoding
        self._text = io.TextIOWrapper(stream, encoding=text, errors="replace", newline="", write_through=True)
        self._writer = csv.writer(self._text)
        self._writer.writerow(COLUMNS)

    def add(self, line: Line) -> None:
        """One more line."""
        cells = (str(line.row), line.column, line.field, line.rule, line.remedy)
        self._writer.writerow([inert(cell) for cell in cells])

    def end(self) -> None:
        """Let go of the stream, which stays open."""
        self._text.detach()


def inert(cell: str) -> str:
    """A cell that no spreadsheet takes as a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
