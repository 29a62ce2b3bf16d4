"""XLSX, row by row. How a number, a day or a truth is written in a cell openpyxl knows, a well-kept library.

A workbook is a zip of XML. What it says of its own sizes binds the reader (zipfile reads no further), so a bomb is
refused before anything of it is unpacked; only the parts that are needed are opened (`workbook_parts.py`). DTDs and
entities are refused.
"""

from __future__ import annotations

import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any, BinaryIO
from xml.etree.ElementTree import Element
from xml.parsers import expat

from openpyxl.utils.cell import coordinate_to_tuple
from openpyxl.utils.datetime import CALENDAR_MAC_1904, WINDOWS_EPOCH
from openpyxl.worksheet._reader import FORMULA_TAG, INLINE_STRING, WorkSheetParser

from shared.events.refusal import Refusal
from shared.files.rows import LONGEST_CELL, MOST_COLUMNS, MOST_ROWS, Broken, Cell, EmptyRows, Row, Unreadable
from shared.files.workbook_parts import MOST_UNPACKED, WORKBOOK, Parts, text_of, too_large

MOST_HELD = 256_000_000  # bytes of what the reader holds in memory: shared strings
MOST_PARTS = 500
MOST_RATIO = 200  # unpacked to packed: text of tables shrinks 5 to 20 times
IDLE_FOR_ONE = 100  # elements that hold nothing count like an empty row
ELEMENTS_OF_A_CELL = 10  # and more: its value, its runs
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # all that the standard of workbooks allows
_DAMAGE: tuple[type[Exception], ...] = (
    expat.ExpatError, zipfile.BadZipFile, SyntaxError, ValueError, KeyError, IndexError, TypeError, AttributeError,
    EOFError, OSError, OverflowError, NotImplementedError, RuntimeError, UnicodeError,
    zlib.error,
)  # fmt: skip


def xlsx_rows(
    stream: BinaryIO,
    most_held: int = MOST_HELD,
    most_unpacked: int = MOST_UNPACKED,
    empty: EmptyRows | None = None,
) -> Iterator[Row | Broken]:
    """The rows of the first sheet that is seen with anything in them, the first one the headings. A formula is named,
    no more; so is another sheet with the same headings."""
    try:
        with zipfile.ZipFile(stream) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of cells that are no days; they name them
            _check_declared(archive.infolist(), most_unpacked)
            parts = Parts(archive, most_held)
            reader, head = _Cells(parts), set[str]()
            for row in _rows(parts, reader, empty or EmptyRows()):
                if not head and isinstance(row, Row):
                    head = {str(cell) for cell in row.cells.values()}
                yield row
            for number in _alike(parts, reader, head):
                yield Broken(1, Refusal("other-sheet", "", {"number": number}))
    except Unreadable:
        raise
    except _DAMAGE:
        raise Unreadable("broken-workbook") from None


def unpacked_size(stream: BinaryIO) -> int:
    """Bytes of a workbook's parts together, as it says itself, which binds whoever reads them; 0 for what is none."""
    try:
        with zipfile.ZipFile(stream) as archive:
            return sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
        return 0


def _alike(parts: Parts, reader: _Cells, head: set[str]) -> list[int]:
    """The other sheets that begin with the same headings, as far as they can be read: nobody asked for them."""
    found = list[int]()
    with suppress(Unreadable, *_DAMAGE):
        for number, first in parts.beginnings():
            if 2 * len(head.intersection(map(str, reader.of_row(first)[0].values()))) > len(head):
                found.append(number)
    return found


def _rows(parts: Parts, reader: _Cells, empty: EmptyRows) -> Iterator[Row | Broken]:
    merged, is_first, last = parts.merged(), True, 0
    for row in parts.rows():
        number = int(row.get("r", last + 1))
        if number <= last:  # one after the other, or nobody could say which row is meant
            raise Unreadable("broken-workbook")
        empty.passed(max(0, min(number, MOST_ROWS) - last - 1))
        if (last := number) > MOST_ROWS:
            raise Unreadable("too-many-rows", most=MOST_ROWS)
        found, wrong = reader.of_row(row)
        if max((*found, *wrong), default=0) >= MOST_COLUMNS:
            yield Broken(number, Refusal("too-many-columns", "", {"most": MOST_COLUMNS}))
        elif any(isinstance(value, str) and len(value) > LONGEST_CELL for value in found.values()):
            yield Broken(number, Refusal("too-long", "", {"max_length": LONGEST_CELL}))
        elif (found or wrong) and row.get("hidden") in ("1", "true"):
            yield Broken(number, Refusal("hidden-row", ""))  # whoever sends it does not see it
        elif found or wrong:
            wrong |= dict.fromkeys(merged.in_row(number), "merged-cells")
            if is_first:
                wrong |= {at: "hidden-column" for at in found if parts.is_hidden(at)}
            is_first = False
            yield Row(number, found, wrong)
        # what holds nothing costs work, too, beside what something stands in
        empty.passed((not found and not wrong) + idle_elements(row, len(found) + len(wrong)) // IDLE_FOR_ONE)


def idle_elements(row: Element, cells: int) -> int:
    """How many elements of a row are in none of its cells in which something stands, or more than such a cell has."""
    return max(0, sum(1 for _ in row.iter()) - 1 - ELEMENTS_OF_A_CELL * min(cells, MOST_COLUMNS))


class _Cells:
    """Reads the cells of one workbook."""

    def __init__(self, parts: Parts) -> None:
        formats = parts.formats()
        self._percents = formats.percents
        epoch = CALENDAR_MAC_1904 if parts.since_1904 else WINDOWS_EPOCH
        self._parser = WorkSheetParser(
            io.BytesIO(), parts.strings(), epoch=epoch, date_formats=formats.days, timedelta_formats=formats.spans
        )

    def of_row(self, row: Element) -> tuple[dict[int, Cell], dict[int, str]]:
        """What stands in its cells, and which of them are refused, by the position of their column."""
        found: dict[int, Cell] = {}
        wrong, at = dict[int, str](), -1
        for cell in row:
            at = coordinate_to_tuple(where)[1] - 1 if (where := cell.get("r")) else at + 1
            if not len(cell):  # most of those that hold nothing
                continue
            if cell.find(FORMULA_TAG) is not None:
                wrong[at] = "formula-not-taken"
            elif cell.get("t") == "inlineStr":
                inline = cell.find(INLINE_STRING)
                if inline is not None and (text := text_of(inline).strip()):
                    found[at] = text
            elif (said := self._said(cell))["data_type"] == "e":
                wrong[at] = "error-in-cell"
            elif said["value"] is not None and (plain := _plain(said["value"])) != "":
                found[at] = self._as_shown(plain, said["style_id"])
        return found, wrong

    def _as_shown(self, plain: Cell, style: int) -> Cell:
        """`50%` of a cell that is shown so: what it holds is 0.5, and of `100%` one."""
        if style in self._percents and isinstance(plain, int | float) and not isinstance(plain, bool):
            return f"{round(plain * 100, 9):g}%"
        return plain

    def _said(self, cell: Element) -> dict[str, Any]:
        """What openpyxl makes of it. A value that is none of its kind is an error of this cell and of no other."""
        try:
            said: dict[str, Any] = self._parser.parse_cell(cell)
        except (ValueError, TypeError, IndexError, KeyError, OverflowError):
            return {"data_type": "e"}
        return said


def _plain(value: Any) -> Cell:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool | int | float | datetime | date):
        return value
    if isinstance(value, time | timedelta):
        return str(value)
    return str(value)[: LONGEST_CELL + 1].strip()


def _check_declared(parts: Sequence[zipfile.ZipInfo], most_unpacked: int) -> None:
    """What the parts say of themselves binds whoever reads them."""
    unpacked = sum(part.file_size for part in parts)
    packed = sum(part.compress_size for part in parts)
    if len(parts) > MOST_PARTS or unpacked > most_unpacked:
        raise too_large(most_unpacked)
    if unpacked > 1_000_000 and unpacked > MOST_RATIO * max(1, packed):
        raise too_large()
    if any(part.flag_bits & 1 for part in parts):
        raise Unreadable("locked-workbook")
    if any(part.compress_type not in _PACKED for part in parts):  # others may be slow, or want gigabytes of memory
        raise Unreadable("broken-workbook")
    if not any(part.filename == WORKBOOK for part in parts):
        raise Unreadable("unknown-format")
