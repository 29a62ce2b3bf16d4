"""Files for the tests of the converter, and what comes out of it."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from openpyxl import Workbook

from shared.files import Converted, Converter, FileMapping, lines_about
from shared.reference import load_pack

PACK = load_pack("kr-gyeonggi")
AS_OF = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
JOB = ("관리번호", "제목", "직종", "근무지역", "임금형태", "임금", "마감일")
A_JOB = ("A-1", "빵 굽는 사람", "제과사", "수원시", "월급", "2,500,000원", "2026-12-31")
A_JOB_SAYS = {
    "reference": "A-1",
    "title": "빵 굽는 사람",
    "occupation": "work24-2024-occupation:871100",
    "region": "legal-dong-2026:41110",
    "wage": {"per": "month", "minimum": 2500000, "currency": "KRW"},
    "closes": "2026-12-31",
}


def make_id(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def converter(mapping: FileMapping | None = None, agency: str = "gjf") -> Converter:
    return Converter(PACK, agency, AS_OF, make_id, mapping)


def converted(content: bytes, type: str | None = "job-posted", mapping: FileMapping | None = None) -> list[Converted]:
    return list(converter(mapping).convert(io.BytesIO(content), type))


def data_of(row: Converted) -> dict[str, Any]:
    assert row.event is not None, row.refusals
    found: dict[str, Any] = row.event["data"]
    return found


def findings(rows: Sequence[Converted]) -> list[tuple[int, str, str]]:
    """Row, column and rule of everything."""
    return [(line.row, line.column, line.rule) for row in rows for line in lines_about(row, PACK, "en")]


def csv_of(*rows: Sequence[str], encoding: str = "utf-8", delimiter: str = ",") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode(encoding)


def xlsx_of(*rows: Sequence[Any]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(list(row))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def with_part(workbook: bytes, name: str, content: bytes) -> bytes:
    """The same workbook with another content of one of its parts."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            if part.filename != name:
                new.writestr(part, old.read(part))
        new.writestr(name, content)
    return stream.getvalue()
