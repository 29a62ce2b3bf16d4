"""Templates: an empty table with the headings of a type, and the code lists beside it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from openpyxl import Workbook
from openpyxl.utils import get_column_letter

from shared.files.columns import ENVELOPE, Column, columns_of, shown_heading
from shared.reference import Pack

NUMBERED = 2  # of each thing that there may be several of


def template_csv(type: str, pack: Pack, encoding: str) -> bytes:
    """The headings, those that every row needs with a star."""
    return _csv([_headings(type, pack)], encoding)


def codes_csv(pack: Pack, encoding: str) -> bytes:
    """All code lists: field, code, name."""
    return _csv([("field", "code", "name"), *_codes(pack)], encoding)


def template_xlsx(type: str, pack: Pack) -> bytes:
    """A workbook: the headings in its first sheet, with all cells as text; the code lists in its second."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(type[:31])
    for at in range(1, 1 + len(_headings(type, pack))):
        sheet.column_dimensions[get_column_letter(at)].number_format = "@"
    sheet.append(list(_headings(type, pack)))
    lists = book.create_sheet("codes")
    lists.append(["field", "code", "name"])
    for row in _codes(pack):
        lists.append(list(row))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _headings(type: str, pack: Pack) -> list[str]:
    columns = sorted((column for column in columns_of(type).values() if _is_shown(column)), key=_who_first)
    found = [_marked(column, pack, 1) for column in columns if "#" not in column.path]
    groups = dict.fromkeys(column.path.partition(".#.")[0] for column in columns if "#" in column.path)
    for group in groups:
        for number in range(1, NUMBERED + 1):
            found += [_marked(column, pack, number) for column in columns if column.path.startswith(f"{group}.#.")]
    return found


def _is_shown(column: Column) -> bool:
    """Not what is said once for a whole file, and no currency: it is the pack's unless a column says another."""
    return column.path not in ENVELOPE and not column.path.endswith("currency")


def _who_first(column: Column) -> tuple[bool, bool]:
    return column.path != "reference", not column.path.startswith("identity.")


def _marked(column: Column, pack: Pack, number: int) -> str:
    return shown_heading(column, pack, number) + ("*" if column.needed else "")


def _codes(pack: Pack) -> list[tuple[str, str, str]]:
    language = pack.languages[0]
    return [(field, code, pack.label(code, language)) for field in pack.fields for code in pack.codes(field)]


def _csv(rows: Iterable[Sequence[str]], encoding: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(encoding, errors="replace")
