"""XLSX, row by row, by openpyxl's streaming reader: a well-kept library that tells formulas from values.

A workbook is a zip of XML. What it says of its own sizes binds the reader (zipfile reads no further), so a bomb is
refused before anything of it is unpacked. DTDs and entities are refused by defusedxml, which openpyxl uses.
"""

from __future__ import annotations

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import IO, Any, BinaryIO

from defusedxml.common import DefusedXmlException
from openpyxl import load_workbook

from shared.events.refusal import Refusal
from shared.files.rows import LONGEST_CELL, MOST_COLUMNS, MOST_ROWS, PIECE, Broken, Cell, EmptyRows, Row, Unreadable

MOST_UNPACKED = 600_000_000  # bytes, all parts together: read as a stream
MOST_HELD = 256_000_000  # bytes of parts that the reader holds in memory: shared strings, styles
MOST_BETWEEN = 150_000  # bytes between two tags, a tag included: the text of a cell has 32,767 characters at most
MOST_TAGS = 20_000  # of a row, which is held in memory, and of what stands behind the last one
MOST_PARTS = 500
MOST_RATIO = 200  # unpacked to packed: text of tables shrinks 5 to 20 times
_ROW = re.compile(rb"(?:\w{1,20}:)?(?:row|mergeCell|dataValidation|conditionalFormatting|hyperlink)[\s/>]")
_HELD = ("sharedStrings", "styles", "workbook", "[Content_Types]", "theme")
_DAMAGE: tuple[type[Exception], ...] = (
    DefusedXmlException, zipfile.BadZipFile, SyntaxError, ValueError, KeyError, IndexError, TypeError, AttributeError,
    EOFError, OSError, OverflowError, NotImplementedError, RuntimeError, UnicodeError,
    zlib.error,
)  # fmt: skip


def xlsx_rows(
    stream: BinaryIO,
    most_held: int = MOST_HELD,
    most_unpacked: int = MOST_UNPACKED,
    empty: EmptyRows | None = None,
) -> Iterator[Row | Broken]:
    """The rows of the first sheet with anything in them, the first one the headings. A formula is named, no more."""
    _check_sizes(stream, most_held, most_unpacked)
    stream.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of parts that are passed over; they name them
            book = load_workbook(stream, read_only=True, data_only=False, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # it is what the file says, and may be anything
        rows = enumerate(sheet.iter_rows(max_col=MOST_COLUMNS, max_row=MOST_ROWS + 1), start=1)
        yield from _rows(rows, empty or EmptyRows())
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


def _rows(rows: Iterable[tuple[int, Iterable[Any]]], empty: EmptyRows) -> Iterator[Row | Broken]:
    for number, cells in rows:
        if number > MOST_ROWS:
            raise Unreadable("too-many-rows", most=MOST_ROWS)
        found: dict[int, Cell] = {}
        formulas, errors = set[int](), set[int]()
        for at, cell in enumerate(cells):
            value = cell.value
            if value is None:
                continue
            if cell.data_type == "f":
                formulas.add(at)
            elif cell.data_type == "e":
                errors.add(at)
            elif (plain := _plain(value)) != "":
                found[at] = plain
        if any(isinstance(value, str) and len(value) > LONGEST_CELL for value in found.values()):
            yield Broken(number, Refusal("too-long", "", {"max_length": LONGEST_CELL}))
        elif found or formulas or errors:
            yield Row(number, found, frozenset(formulas), frozenset(errors))
        else:
            empty.passed()


def _plain(value: Any) -> Cell:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool | int | float | datetime | date):
        return value
    if isinstance(value, time | timedelta):
        return str(value)
    return str(value)[: LONGEST_CELL + 1].strip()


def _check_sizes(stream: BinaryIO, most_held: int, most_unpacked: int) -> None:
    try:
        with zipfile.ZipFile(stream) as archive:
            parts = archive.infolist()
            _check_declared(parts, most_held, most_unpacked)
            for part in parts:
                if part.filename.endswith(".xml"):
                    with archive.open(part) as opened:
                        _check_pieces(opened, rows="worksheets/" in part.filename)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, zlib.error):
        raise Unreadable("broken-workbook") from None


def _check_pieces(part: IO[bytes], *, rows: bool) -> None:
    """Whatever the reader holds at a time is small: the text between two tags, the tags of one row."""
    between = tags = 0
    while piece := part.read(PIECE):
        first, *rest = piece.split(b"<")
        between += len(first)
        for each in rest:
            if between > MOST_BETWEEN:
                raise Unreadable("workbook-too-large", megabytes=MOST_UNPACKED // 1_000_000)
            between = len(each)
            tags = 0 if not rows or _ROW.match(each) else tags + 1
        if between > MOST_BETWEEN or tags > MOST_TAGS:
            raise Unreadable("workbook-too-large", megabytes=MOST_UNPACKED // 1_000_000)


def _check_declared(parts: Sequence[zipfile.ZipInfo], most_held: int, most_unpacked: int) -> None:
    """What the parts say of themselves binds whoever reads them."""
    unpacked = sum(part.file_size for part in parts)
    packed = sum(part.compress_size for part in parts)
    held = sum(part.file_size for part in parts if any(name in part.filename for name in _HELD))
    if len(parts) > MOST_PARTS or unpacked > most_unpacked or held > most_held:
        raise Unreadable("workbook-too-large", megabytes=most_unpacked // 1_000_000)
    if unpacked > 1_000_000 and unpacked > MOST_RATIO * max(1, packed):
        raise Unreadable("workbook-too-large", megabytes=MOST_UNPACKED // 1_000_000)
    if any(part.flag_bits & 1 for part in parts):
        raise Unreadable("locked-workbook")
    if not any(part.filename == "xl/workbook.xml" for part in parts):
        raise Unreadable("unknown-format")
