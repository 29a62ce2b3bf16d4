"""From a file to events: one converter for the command line and for `POST /files`.

A file is read as a stream, row by row, and every row becomes an event or a finding; a broken row stops no other. What
is made is not yet checked against the contract: whoever sends it, or takes it, does. Event ids follow from who says
what and when, so the same file sent again is the same events.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO

from shared.events.limits import check_structure
from shared.events.refusal import Refusal, Refused
from shared.files.amounts import Says
from shared.files.cells import Cells
from shared.files.columns import ENVELOPE, Placed
from shared.files.csv_rows import csv_rows
from shared.files.format_detection import format_of
from shared.files.headings import Headings, look_like_headings, read_headings
from shared.files.json_lines import json_objects
from shared.files.mapping import FileMapping
from shared.files.rows import Broken, EmptyRows, Object, Row, Unreadable
from shared.files.work24 import Work24
from shared.files.workbook_parts import MOST_UNPACKED
from shared.files.xlsx_rows import MOST_HELD, xlsx_rows
from shared.files.xml_adverts import Advert, adverts
from shared.reference import Pack

_CANONICAL = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode
MOST_ABOVE = 10  # rows of a title above the headings
_LETTERS = str.maketrans("0123456789", "ghijklmnop")


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of a row: an event, or why it is none. `columns`: the letter of each field's column."""

    row: int
    event: dict[str, Any] | None
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[Refusal, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)


class Converter:
    """Of one agency. `as_of`: when the file was made, for rows that do not say when; `make_id`: a keyed hash, for what
    goes into an id may be personal. `most_held`: bytes of a workbook's parts that its reader holds in memory;
    `most_unpacked`: of all of them."""

    def __init__(
        self,
        pack: Pack,
        agency: str,
        as_of: datetime,
        make_id: Callable[[bytes], str],
        mapping: FileMapping | None = None,
        *,
        most_held: int = MOST_HELD,
        most_unpacked: int = MOST_UNPACKED,
    ) -> None:
        self._pack = pack
        self._agency = agency
        self._as_of = as_of
        self._make_id = make_id
        self._mapping = mapping or FileMapping()
        self._cells = Cells(pack, self._mapping.values, as_of.date())
        self._work24 = Work24(pack)
        self._most_held, self._most_unpacked = most_held, most_unpacked

    def convert(self, stream: BinaryIO, type: str | None = None, empty: EmptyRows | None = None) -> Iterator[Converted]:
        """As `opened`, row after row alone."""
        yield from self.opened(stream, type, empty)[1]

    def opened(
        self, stream: BinaryIO, type: str | None = None, empty: EmptyRows | None = None
    ) -> tuple[Headings | None, Iterator[Converted]]:
        """What a table's columns are taken as (None for what is no table), and row after row, in one reading. `empty`:
        how many rows may hold nothing. `stream` can be read more than once (`seek`). Raises Unreadable, at once or on
        the way, for what is no file that is taken, or cannot be read any further."""
        type, empty = type or self._mapping.type, empty or EmptyRows()
        form = format_of(stream)
        if form == "xml":
            return None, self._of_adverts(stream)
        if form == "json":
            return None, (self._of_object(thing, type) for thing in empty.beside(json_objects(stream, empty)))
        table = (
            csv_rows(stream, empty) if form == "csv" else xlsx_rows(stream, self._most_held, self._most_unpacked, empty)
        )
        rows = empty.beside(table)
        headings = self._headings(rows, type)
        return headings, self._of_table(rows, headings, type)

    def _headings(self, rows: Iterator[Row | Broken], type: str | None) -> Headings:
        first = next(rows, None)
        if isinstance(first, Broken):  # so that it is told what is wrong with it
            raise Unreadable.of(first.refusal)
        if first is None:
            raise Unreadable("no-headings")
        found = read_headings(first, type, self._mapping.columns, self._pack)
        if any(one.field.startswith("/columns/") for one in found.refusals):
            for row in islice(rows, MOST_ABOVE):
                if isinstance(row, Row) and look_like_headings(row, type, self._mapping.columns, self._pack):
                    found.refusals = [Refusal("headings-below", "", {"row": row.number})]
                    break
        return found

    def _of_table(self, rows: Iterator[Row | Broken], headings: Headings, type: str | None) -> Iterator[Converted]:
        if headings.refusals:
            yield Converted(headings.row, None, tuple(headings.refusals), columns=headings.letters)
            return
        for row in rows:
            if isinstance(row, Broken):
                yield Converted(row.number, None, (row.refusal,))
            else:
                yield self._of_row(row, headings, type)

    def _of_row(self, row: Row, headings: Headings, type: str | None) -> Converted:
        if self._is_none(row, headings):
            return Converted(row.number, None, (Refusal("not-a-record", ""),))
        refusals: list[Refusal] = []
        warnings: list[Refusal] = []
        envelope: dict[str, str] = {}
        data: dict[str, Any] = {}
        further: list[tuple[Placed, Says]] = []
        if not row.cells.keys() <= headings.known:
            refusals.append(Refusal("more-cells-than-headings", ""))  # a comma in a value moves all that follows
        for placed in headings.placed:
            if (rule := row.wrong.get(placed.at)) is not None:
                refusals.append(Refusal(rule, placed.pointer))
            elif (cell := row.cells.get(placed.at)) is not None:
                value = self._cells.value(placed.column, cell, placed.pointer, refusals, warnings)
                if isinstance(value, Says):
                    further.append((placed, value))
                    value = value.value
                if placed.column.path in ENVELOPE:
                    envelope[placed.column.path] = str(value)
                elif value is not None:
                    _place(data, placed.way, placed.number, value)
        if self._mapping.fixed:
            for path, column in headings.fixed(self._mapping.fixed).items():
                if path in headings.paths:
                    continue
                value = self._cells.value(column, self._mapping.fixed[path], column.pointer(None), refusals, warnings)
                if isinstance(value, Says):
                    further.append((Placed.of(-1, column, None), value))
                    value = value.value
                if value is not None:
                    _place(data, path.split("."), None, value)
        for placed, said in further:
            refusals += self._beside(data, placed, said)
        _closed(data)
        self._currency(data)
        return self._converted(row.number, envelope, data, type, refusals, warnings, headings.letters)

    def _is_none(self, row: Row, headings: Headings) -> bool:
        """A sum, or a note below the table: it begins as one, and lacks what every record has."""
        first, words = next((cell for _, cell in sorted(row.cells.items())), None), self._pack.words
        if not isinstance(first, str) or not (
            words.sums_up(first) or (len(row.cells) == 1 and words.begins_a_note(first))
        ):
            return False
        return any(each.column.needed and each.at not in row.cells for each in headings.placed)

    def _beside(self, data: dict[str, Any], placed: Placed, said: Says) -> Iterator[Refusal]:
        """What a cell says of the fields beside its own, put there; refused where another cell says something else."""
        holder = data
        for part in placed.way[:-1]:
            holder = holder.setdefault(part, {})
        for name, value in said.beside.items():
            if holder.setdefault(name, value) != value:
                path = ".".join((*placed.way[:-1], name))
                yield Refusal("cells-disagree", placed.pointer, {"other": path})

    def _of_object(self, thing: Object | Broken, type: str | None) -> Converted:
        if isinstance(thing, Broken):
            return Converted(thing.number, None, (thing.refusal,))
        try:
            check_structure(thing.value)  # before anything looks into it
        except Refused as refused:
            return Converted(thing.number, None, refused.refusals)
        if "specversion" in thing.value:  # an event as it is
            return Converted(thing.number, dict(thing.value))
        return self._converted(thing.number, {}, dict(thing.value), type, [], [], {})

    def _of_adverts(self, stream: BinaryIO) -> Iterator[Converted]:
        for found in adverts(stream):
            if isinstance(found, Broken):
                yield Converted(found.number, None, (found.refusal,))
            else:
                yield self.of_advert(*found)

    def of_advert(self, number: int, advert: Advert) -> Converted:
        """An advert of Work24, by its number in the list."""
        data, warnings = self._work24.data_of(advert)
        changed = self._work24.changed(advert)
        envelope = {} if changed is None else {"time": changed.isoformat(), "sequence": f"{changed:%Y%m%d%H%M}"}
        return self._converted(number, envelope, data, "job-posted", [], warnings, {})

    def _converted(
        self,
        number: int,
        envelope: dict[str, str],
        data: dict[str, Any],
        type: str | None,
        refusals: list[Refusal],
        warnings: list[Refusal],
        columns: Mapping[str, str],
    ) -> Converted:
        said = envelope.get("type", type)
        if said is None:
            refusals.append(Refusal("missing-field", "/type"))
        if refusals or said is None:
            return Converted(number, None, tuple(refusals), tuple(warnings), columns)
        return Converted(number, self.event(said, data, envelope), (), tuple(warnings), columns)

    def event(self, type: str, data: Mapping[str, Any], envelope: Mapping[str, str]) -> dict[str, Any]:
        """What the agency says; without an id of its own under one that follows from all of it."""
        event = {
            "specversion": "1.0",
            "type": type,
            "source": f"/agencies/{self._agency}",
            "time": envelope.get("time") or self._as_of.isoformat(),
            **({"sequence": envelope["sequence"]} if "sequence" in envelope else {}),
            **({"actor": envelope["actor"]} if "actor" in envelope else {}),
            "data": data,
        }
        return {**event, "id": envelope.get("id") or self._id(event)}

    def _id(self, event: Mapping[str, Any]) -> str:
        """The same for the same thing said at the same time, whichever file says it. In letters alone: digits of a hash
        may by chance look like a number that is never collected."""
        content = _CANONICAL(event).encode()
        return f"file-{self._make_id(content).translate(_LETTERS)}"

    def _currency(self, data: dict[str, Any]) -> None:
        """An amount is in the pack's currency where no column says another."""
        wishes = data.get("wants")
        for holder in (data.get("wage"), wishes.get("wage_min") if isinstance(wishes, dict) else None):
            if isinstance(holder, dict):
                holder.setdefault("currency", self._pack.currency)


def _place(data: dict[str, Any], path: Sequence[str], number: int | None, value: Any) -> None:
    """Put a value where it belongs; of several things each under its number, until `_closed`."""
    here: dict[Any, Any] = data
    for part in path[:-1]:
        here = here.setdefault(number or 1 if part == "#" else part, {})
    here[path[-1]] = value


def _closed(data: dict[str, Any]) -> None:
    """Numbered things become lists, in the order of their numbers."""
    for name, value in data.items():
        if isinstance(value, dict):
            if all(isinstance(key, int) for key in value):
                data[name] = [value[key] for key in sorted(value)]
            else:
                _closed(value)
