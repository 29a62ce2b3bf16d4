"""From a cell to a value of an event; and what spreadsheets do to data on the way, told from what was meant.

What is certain is mended with a warning (a lost zero where only one code is known, a day as a number). What is gone for
good is refused. What is none of this goes on as it is: the contract says what is wrong with it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from shared.events.refusal import Refusal
from shared.files.amounts import Amounts, Says
from shared.files.columns import Column
from shared.files.dates import OPEN_ENDED, day_of_a_spreadsheet, month_of_a_spreadsheet, read_day, read_month
from shared.files.region_names import RegionNames
from shared.files.rows import Cell
from shared.reference import Pack

SEPARATORS = re.compile(r"[;|\n]")
MOST_DIGITS = 15  # of a number in a spreadsheet; what is longer has lost the rest
MOST_PADDED = 2  # zeros
MOST_REMEMBERED = 5_000  # names of codes, and words in cells
LONGEST_REMEMBERED = 100
_UNSEEN = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"  # without a width: copied along from a page or a chat
_AROUND = _UNSEEN + " \t\n\r\x0b\x0c\x85\xa0\u2002\u2003\u2009\u2028\u2029\u202f\u3000"
_SCIENTIFIC = re.compile(r"-?\d(?:\.\d+)?[eE][+-]\d{2,3}")


class Cells:
    """Reads cells by the words of a pack, and by those of an agency's mapping before them."""

    def __init__(self, pack: Pack, own: Mapping[str, Mapping[str, str]], today: date) -> None:
        self._pack = pack
        self._own = own
        self._today = today
        self._amounts, self._regions = Amounts(pack), RegionNames(pack)
        self._remembered: dict[tuple[str, str], str | None] = {}
        self._read: dict[tuple[str, str], Any] = {}

    def value(self, column: Column, cell: Cell, at: str, refusals: list[Refusal], warnings: list[Refusal]) -> Any:
        """The value of one cell, or `Says` where it says more. `at`: where it stands in the event. Short words
        of which there is nothing to say are read once, as far as there is room: a table says the same few in every
        row."""
        if column.kind == "text" or not isinstance(cell, str) or len(cell) > LONGEST_REMEMBERED:
            return self._value(column, cell, at, refusals, warnings)
        key, said = (column.path, cell), len(refusals) + len(warnings)
        if (known := self._read.get(key)) is None:
            known = self._value(column, cell, at, refusals, warnings)
            if len(refusals) + len(warnings) == said:
                if len(self._read) >= MOST_REMEMBERED:
                    self._read.clear()
                self._read[key] = known
        return list(known) if isinstance(known, list) else known

    def _value(self, column: Column, cell: Cell, at: str, refusals: list[Refusal], warnings: list[Refusal]) -> Any:
        if not column.many:
            return self._one(column, cell, at, refusals, warnings)
        parts = [part.strip() for part in SEPARATORS.split(_text(cell))]
        return [
            self._one(column, part, f"{at}/{index}", refusals, warnings)
            for index, part in enumerate(part for part in parts if part)
        ]

    def _one(self, column: Column, cell: Cell, at: str, refusals: list[Refusal], warnings: list[Refusal]) -> Any:
        text = _text(cell)
        meant = self._own[column.path].get(text) if column.path in self._own else None
        meant = meant or self._pack.words.value(column.path, text)
        if meant is not None:
            return meant
        if self._pack.words.leaves_open(column.path, text):
            warnings.append(Refusal("left-out", at))
            return Says(None)
        if column.kind == "boolean":
            return cell if isinstance(cell, bool) else _or(self._pack.words.truth(text), text)
        if column.kind in ("integer", "number", "day", "month"):
            said = (
                text if self._pack.words.means_open_ended(text) else self._pack.words.without_implied(column.path, text)
            )
            if column.kind == "day":
                return self._day(column, cell, said, at, warnings)
            if column.kind == "month":
                return self._month(cell, said, at, warnings)
            number = self._number(column, cell, said)
            return text if number == said else number
        if _damaged(cell, text):
            refusals.append(Refusal("scientific-notation", at))
            return text
        if column.kind == "code" and column.field is not None:
            return self._code(column.field, text, at, refusals, warnings)
        if column.path == "identity.phone" and (trunk := self._pack.words.trunk):
            return self._phone(text, trunk, at, warnings)
        return text

    def _number(self, column: Column, cell: Cell, text: str) -> Any:
        if isinstance(cell, bool):
            return text
        if isinstance(cell, int | float):
            return _whole(cell)
        if text.isdecimal() and len(text) <= MOST_DIGITS:
            return int(text)
        found = self._amounts.read(column.path, text)
        if isinstance(found, Says):
            return Says(_whole(found.value), found.beside)
        if found is not None:
            return _whole(found)
        return _whole(float(text)) if _SCIENTIFIC.fullmatch(text) else text

    def _day(self, column: Column, cell: Cell, text: str, at: str, warnings: list[Refusal]) -> str | Says:
        if column.path == "closes" and (self._pack.words.means_open_ended(text) or read_day(text, None) == OPEN_ENDED):
            return Says(None, {"until_filled": True})
        if isinstance(cell, datetime | date):
            return f"{cell:%Y-%m-%d}"
        born = self._today.year % 100 if column.path.endswith("birth_date") else None
        day = read_day(text, born)
        if day is None and (day := day_of_a_spreadsheet(text)) is not None:
            if born is not None and read_day(f"0{text.partition('.')[0]}", born) is not None:
                return text  # six digits without their first zero, or the number of a day: nobody can tell
            warnings.append(Refusal("serial-date", at))
        return text if day is None else day.isoformat()

    def _month(self, cell: Cell, text: str, at: str, warnings: list[Refusal]) -> str:
        if isinstance(cell, datetime | date):
            return f"{cell:%Y-%m}"
        if (month := read_month(text)) is not None:
            return month
        if (month := month_of_a_spreadsheet(text)) is None and (day := day_of_a_spreadsheet(text)) is not None:
            month = f"{day:%Y-%m}"
        if month is None:
            return text
        warnings.append(Refusal("serial-date", at))
        return month

    def _code(self, field: str, text: str, at: str, refusals: list[Refusal], warnings: list[Refusal]) -> str:
        """A code with its list, a name that means one code, or a code alone; a lost zero is put back, and a name's
        ending, where that gives one code."""
        if ":" in text:
            return text
        found = self._known(field, text)
        if found is not None:
            return found
        zeros = ("0" * count + text for count in range(1, MOST_PADDED + 1) if text.isascii() and text.isdecimal())
        padded = {code for one in zeros if (code := self._of_any_list(field, one)) is not None}
        if len(padded) == 1:
            warnings.append(Refusal("leading-zero-lost", at))
            return padded.pop()
        meant = {code for name in self._pack.words.completed(field, text) if (code := self._pack.find(field, name))}
        if field == "region" and (code := self._regions.find(text)) is not None:
            meant.add(code)
        if len(meant) == 1:
            code = meant.pop()
            said = f"{code} ({self._pack.label(code, self._pack.languages[0])})"
            warnings.append(Refusal("name-completed", at, {"found": said}))
            return code
        near = ", ".join(f"{one.code} ({one.title})" for one in self._pack.look_up(field, text, 3))
        refusals.append(Refusal("unknown-code-name", at, {"nearest": near} if near else {}))
        return text

    def _known(self, field: str, text: str) -> str | None:
        """Remembered, as far as there is room: a table says the same few words in every row."""
        key = (field, text)
        if key not in self._remembered:
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = self._pack.find(field, text) or self._of_any_list(field, text)
        return self._remembered[key]

    def _of_any_list(self, field: str, place: str) -> str | None:
        found = []
        for scheme in sorted(self._pack.schemes_for(field)):
            code = f"{scheme}:{place}"
            if self._pack.accepts(field, code) or code in self._pack.successors:
                found.append(code)
        return found[0] if len(found) == 1 else None

    @staticmethod
    def _phone(text: str, trunk: str, at: str, warnings: list[Refusal]) -> str:
        if text.isascii() and text.isdecimal() and 8 <= len(text) <= 10 and not text.startswith(trunk):
            warnings.append(Refusal("leading-zero-lost", at))
            return trunk + text
        return text


def _text(cell: Cell) -> str:
    if isinstance(cell, str):
        return unicodedata.normalize("NFC", cell.strip(_AROUND))
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime) and cell.time() == datetime.min.time():
        return f"{cell:%Y-%m-%d}"
    return str(cell)


def _damaged(cell: Cell, text: str) -> bool:
    """A text that a spreadsheet made a number of, and of which digits are gone."""
    if isinstance(cell, float | int) and not isinstance(cell, bool):
        return len(str(int(abs(cell)))) > MOST_DIGITS if abs(cell) < 1e300 else True
    return _SCIENTIFIC.fullmatch(text) is not None


def _whole(number: float | Decimal) -> int | float | str:
    """A whole number as one; as text what JSON has no number for."""
    if not isfinite(number) or abs(float(number)) >= 1e18:
        return str(number)
    return int(number) if number == int(number) else float(number)


def _or(truth: bool | None, text: str) -> bool | str:
    return text if truth is None else truth
