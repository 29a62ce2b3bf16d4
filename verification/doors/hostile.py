"""Files that somebody made to break a door, or that broke on their way: `python -m verification.doors.hostile`.

Sound tables, workbooks, JSON Lines and Work24's XML of the sample world, mutated at random: bytes, encodings,
separators, quotation marks, cells with formulas and markers, zips within zips, entities, paths, numbers out of all
bounds. Each goes through the converter and, event by event, through every rule that needs no store. Last line: one JSON
object; the exit code is 1 when anything was raised that is no refusal, when a marker came back in a finding, or when an
event was taken that its published schema forbids.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from openpyxl import Workbook

from samples.world import World, load_setting
from samples.world.days import today_of
from samples.world.tables import table_of
from services.intake.dependencies import Dependencies
from services.intake.event_validation import Validation
from services.intake.identity import References, Vault
from shared.events.publish_schemas import door_schema
from shared.events.refusal import Refusal, Refused
from shared.files import Converter, Unreadable
from shared.files.template import template_csv
from shared.kit.base.ids import Ids
from shared.kit.base.sealing import Sealer
from shared.reference import load_pack
from shared.screening.findings import Budget
from verification.doors import adverts

MARKER = "Zqx7Secret"
MOST_EVENTS = 40  # of one file that are looked at
_CELLS = (
    f"=HYPERLINK(\"http://{MARKER}\")", f"+{MARKER}", f"@{MARKER}", f"-1+{MARKER}", f"../../{MARKER}", f"{MARKER}\x00",
    f"\u202e{MARKER}", "9" * 400, "1e999", "-0", "NaN", "#N/A", "\ufeff", "\ud55c" * 5_000, f"901231-1{MARKER[:6]}",
    "9999-99-99", "0000-00-00", "채용시까지", "\u0315" * 900, "null", "[]", "true", " ", "\"", "'", ";;;;", "1,2",
    "٣",
)  # fmt: skip


class Found:
    """What should not have happened, by kind, with the number of the file that shows it again."""

    def __init__(self) -> None:
        self.raised: list[int] = []
        self.echoed: list[int] = []
        self.against_schema: list[int] = []
        self.files = self.rows = self.accepted = self.refused = self.unreadable = 0


class Hostile:
    """Makes the files and reads them. The same seed and number give the same file."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._pack = load_pack("kr-gyeonggi")
        ids = Ids(bytes(32))
        self._dependencies = Dependencies(self._pack, ids, Sealer(bytes(32)), Vault(bytes(32)), References(ids))
        self._validation = Validation(self._dependencies)
        setting = load_setting("kr-gyeonggi")
        world = World(setting, seed=1, people=12, today=today_of(setting))
        events = [item.event for chapter in world.day(1) for item in chapter.items if item.mistake is None]
        events = [event for event in events if not event["type"].startswith("agency-")]
        self._events = sorted(events, key=lambda event: str(event["id"]))[:400]

    def run(self, count: int, found: Found, first: int = 0) -> None:
        """So many files."""
        for number in range(first, first + count):
            self.one(number, found)

    def one(self, number: int, found: Found) -> None:
        """One of them."""
        chance = random.Random(f"{self._seed}/{number}")
        content, type = self._file(chance)
        found.files += 1
        converter = Converter(self._pack, "gjf", datetime(2026, 1, 1, tzinfo=UTC), lambda content: "0" * 32)
        budget, now = Budget(), datetime.now(UTC)
        try:
            for at, row in enumerate(converter.convert(io.BytesIO(content), type)):
                found.rows += 1
                if at >= MOST_EVENTS:
                    break
                self._said(number, (*row.refusals, *row.warnings), found)
                item = row.event if row.event is not None else Refused(*row.refusals)
                validated = self._validation.validate(item, "gjf", now, budget)
                self._said(number, (*validated.refusals, *validated.warnings), found)
                if validated.refusals or validated.event is None:
                    found.refused += 1
                    continue
                found.accepted += 1
                if row.event is not None and not _allowed(row.event["type"], row.event["data"]):
                    found.against_schema.append(number)
        except Unreadable as unreadable:
            found.unreadable += 1
            self._said(number, (unreadable.refusal,), found)
        except Exception as error:
            print(f"file {number}: {type_name(error)}", file=sys.stderr)
            found.raised.append(number)

    def _said(self, number: int, refusals: Sequence[Refusal], found: Found) -> None:
        for one in refusals:
            remedy = self._pack.remedy(one.rule, one.field, one.values)
            if MARKER in f"{one.field} {one.rule} {dict(one.values)} {remedy}":
                found.echoed.append(number)

    def _file(self, chance: random.Random) -> tuple[bytes, str | None]:
        begin = chance.randrange(len(self._events))
        events = self._events[begin : begin + chance.randrange(1, 12)]
        make: Callable[..., bytes] = chance.choice([_table, _book, _lines, self._xml, _template])
        content = make(events, chance)
        for _ in range(chance.choice((0, 0, 1, 3, 30))):
            content = _damaged(content, chance)
        return content, chance.choice((None, None, "job-posted", "person-enrolled", "person-left", MARKER))

    def _xml(self, events: list[dict[str, Any]], chance: random.Random) -> bytes:
        jobs = [e for e in self._events if e["type"] == "job-posted" and adverts.can_be_said(e["data"])][:5]
        text = adverts.as_xml(jobs, "utf-8").decode()
        for _ in range(chance.randrange(4)):
            cell = chance.choice(_CELLS).replace("\x00", "")
            at = chance.choice([place for place, sign in enumerate(text) if sign == ">"])
            text = text[: at + 1] + chance.choice((cell, f"<![CDATA[{cell}]]>", "<x>" * 40, "&a;")) + text[at + 1 :]
        if chance.random() < 0.2:
            bomb = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 9 if n else MARKER}">' for n in range(9))
            text = text.replace("?>", f'?><!DOCTYPE r [{bomb}<!ENTITY f SYSTEM "file:///etc/passwd">]>', 1)
        return text.encode(chance.choice(("utf-8", "utf-8-sig", "utf-16")), "replace")


def type_name(error: Exception) -> str:
    """What was raised, without its text."""
    return type(error).__name__


@cache
def _schema(type: str) -> Draft202012Validator:
    from shared.events import registry  # loaded by now

    return Draft202012Validator(door_schema(registry.find(type)) or False)


def _allowed(type: str, data: Any) -> bool:
    return bool(_schema(type).is_valid(data))


def _rows(events: list[dict[str, Any]], chance: random.Random) -> list[list[str]]:
    headings, rows = table_of(events)
    table = [list(headings), *(list(row) for row in rows)]
    for _ in range(chance.randrange(4)):
        row = chance.choice(table[chance.random() < 0.9 and len(table) > 1 :])
        if row:
            row[chance.randrange(len(row))] = chance.choice(_CELLS)
    if chance.random() < 0.1:
        chance.choice(table).extend(chance.choices(_CELLS, k=chance.randrange(1, 400)))
    return table


def _table(events: list[dict[str, Any]], chance: random.Random) -> bytes:
    separator = chance.choice(",,,;\t|")
    quoted = chance.random() < 0.7
    lines = [
        separator.join(f'"{cell.replace(chr(34), chr(34) * 2)}"' if quoted else cell for cell in row)
        for row in _rows(events, chance)
    ]
    text = chance.choice(("\r\n", "\n", "\r")).join(lines)
    return text.encode(chance.choice(("utf-8", "utf-8-sig", "cp949", "utf-16", "utf-16-le", "utf-7")), "replace")


def _book(events: list[dict[str, Any]], chance: random.Random) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in _rows(events, chance):
        sheet.append(["".join(sign for sign in cell if sign >= " ")[:32_000] for cell in row])
    stream = io.BytesIO()
    book.save(stream)
    if chance.random() < 0.3:
        with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
            name = chance.choice(
                (f"../../{MARKER}", "xl/sharedStrings.xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml")
            )
            archive.writestr(name, chance.choice((b"0" * 3_000_000, b"<a>" * 30_000, MARKER.encode(), b"")))
    return stream.getvalue()


def _lines(events: list[dict[str, Any]], chance: random.Random) -> bytes:
    said = []
    for event in events:
        data = dict(event["data"])
        data[chance.choice((*data, MARKER, "주민등록번호"))] = chance.choice(
            (*_CELLS, 10**400, -1, None, [MARKER] * 50, {MARKER: {MARKER: MARKER}}, 1e308, True)
        )
        said.append(json.dumps({**event, "source": "/agencies/gjf", "data": data}, ensure_ascii=chance.random() < 0.5))
    text = chance.choice(("\n", "\r\n", ",")).join(said)
    return (f"[{text}]" if chance.random() < 0.3 else text).encode("utf-8", "replace")


def _template(events: list[dict[str, Any]], chance: random.Random) -> bytes:
    pack = load_pack("kr-gyeonggi")
    head = template_csv(chance.choice(("job-posted", "person-enrolled")), pack, "utf-8-sig")
    width = head.count(b",") + 1
    row = ",".join(cell.replace(",", "").replace("\n", "") for cell in chance.choices(_CELLS, k=width))
    return head + row.encode("utf-8", "replace")


def _damaged(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    what = chance.randrange(6)
    if what == 0:
        return content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]
    if what == 1:
        return content[:at]
    if what == 2:
        return content[:at] + content[at + chance.randrange(1, 200) :]
    if what == 3:
        return content[:at] + chance.choice((b"\x00", b'"', b"\xff\xfe", b"\n", b"<", b"]]>", b"\xa1")) + content[at:]
    if what == 4:
        return content[:at] + content[max(0, at - 300) : at] * chance.randrange(1, 6) + content[at:]
    return chance.choice((b"\xef\xbb\xbf", b"PK\x03\x04", b"<?xml", b"{", b"\xff\xfe")) + content


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m verification.doors.hostile")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    said = parser.parse_args()
    found = Found()
    Hostile(said.seed).run(said.files, found, said.first)
    print(json.dumps(vars(found)))
    return 1 if found.raised or found.echoed or found.against_schema else 0


if __name__ == "__main__":
    sys.exit(main())
