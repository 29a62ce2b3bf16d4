"""Reading the files of a pack. Every complaint names file, place and rule."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from shared.reference.errors import PackError
from shared.reference.title_folding import is_composed

T = TypeVar("T")


def read_json(path: Path, shape: type[T]) -> T:
    """The file as the given shape. A key that is written twice is an error, not a silent overwrite."""
    text = _text(path)
    try:
        raw = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as wrong:
        raise PackError(path.name, f"line {wrong.lineno}", wrong.msg) from None
    except KeyError as twice:
        raise PackError(path.name, f"key {twice.args[0]}", "is written twice") from None
    return checked(path.name, "", raw, shape)


def checked(file: str, where: str, raw: object, shape: type[T]) -> T:
    """The raw value as the given shape, or a PackError that names the place below `where`."""
    try:
        return TypeAdapter(shape).validate_python(raw)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PackError(file, " ".join(part for part in (where, place) if part), first["msg"]) from None


def read_table(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Line number and filled cells of each row. Lines that begin with # are remarks."""
    lines = ["" if line.startswith("#") else line for line in _text(path).splitlines()]
    rows = csv.reader(lines, strict=True)
    header: list[str] | None = None
    for row in rows:
        if not row:
            continue
        if header is None:
            header = row
        elif len(row) != len(header):
            raise PackError(path.name, f"line {rows.line_num}", f"{len(row)} cells under {len(header)} headings")
        else:
            yield rows.line_num, {name: cell for name, cell in zip(header, row, strict=True) if cell}
    if header is None:
        raise PackError(path.name, "line 1", "no heading line")


def required(path: Path, line: int, row: Mapping[str, str], column: str) -> str:
    """The cell of a column that must be filled."""
    if column not in row:
        raise PackError(path.name, f"line {line}", f"column '{column}' is empty or missing")
    return row[column]


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PackError(path.name, "", "the file is missing") from None
    except UnicodeDecodeError:
        raise PackError(path.name, "", "is not UTF-8") from None
    for number, line in enumerate(text.splitlines(), start=1):
        if not is_composed(line):
            raise PackError(path.name, f"line {number}", "text is not in composed form (NFC)")
    return text


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result: dict[str, object] = {}
    for key, value in pairs:
        if key in result:
            raise KeyError(key)
        result[key] = value
    return result
