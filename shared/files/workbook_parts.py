"""What of a workbook is opened: its first sheet that is seen, the shared strings, which styles are days. Nothing else
is, whatever is in it, and none of these more than once but for the sheet, which is searched for merged cells first.

A workbook is a zip of XML, and any part may have any name and any content. So each is read as a stream, element by
element; only one of those that are asked for is held at a time, and that within bounds.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO
from xml.etree.ElementTree import Element
from xml.parsers import expat

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
from openpyxl.xml.constants import REL_NS, SHEET_MAIN_NS

from shared.files.merged_cells import MergedCells
from shared.files.rows import LONGEST_CELL, MOST_COLUMNS, PIECE, Unreadable

WORKBOOK = "xl/workbook.xml"
MOST_UNPACKED = 600_000_000  # bytes, all parts together: read as a stream
MOST_BETWEEN = 150_000  # bytes between two tags, a tag included: the text of a cell has 32,767 characters at most
MOST_TAGS = 20_000  # of one element that is held, as a row is
DEEPEST = 30  # elements in one another
SHORTEST = 64  # bytes that an element beside the rows counts as: many short ones cost time, whatever they hold
MOST_BESIDE = 500_000  # elements that are in none that is asked for: others wait for the thread
MOST_SHEETS = 20  # of which it is told that they are like the first
MOST_FEW = 50_000  # elements of the parts that say which others there are
MOST_ATTRIBUTES = 50  # of an element
LONGEST_FORMAT = 255  # characters: Excel's own bound, and telling whether it is a day's takes the square of it
MOST_FORMATS = 2_000  # of numbers, written in the workbook: Excel has about 250
_LITERAL = re.compile(r'"[^"]{0,255}"|\\.')  # of a format: shown as it is
_RELATIONS = "xl/_rels/workbook.xml.rels"
_KOREAN_DAYS = frozenset((*range(27, 32), 36, *range(50, 59)))  # built in where Excel is Korean, and written nowhere
_MAIN = f"{{{SHEET_MAIN_NS}}}"
_STRICTLY = "http://purl.oclc.org/ooxml/"
# The strict variant of the standard says the same under names of its own.
_STRICT = {
    f"{_STRICTLY}spreadsheetml/main": SHEET_MAIN_NS,
    f"{_STRICTLY}officeDocument/relationships": REL_NS,
}


@dataclass(frozen=True, slots=True)
class Formats:
    """The styles in which a number is a day or a time, a span of time, or shown as a hundred times what it is."""

    days: set[int] = field(default_factory=set)
    spans: set[int] = field(default_factory=set)
    percents: set[int] = field(default_factory=set)

    def of(self, number: int, form: str | None) -> list[set[int]]:
        """Those of them that a style with this format belongs to."""
        is_day = is_date_format(form) or (form is None and number in _KOREAN_DAYS)
        is_percent = form is not None and "%" in _LITERAL.sub("", form)
        told = ((self.days, is_day), (self.spans, is_timedelta_format(form)), (self.percents, is_percent))
        return [styles for styles, is_one in told if is_one]


class Parts:
    """Of one workbook. `most_held`: bytes of the part whose texts are held. Everything raises Unreadable, or whatever
    the zip and the XML raise that are damaged."""

    def __init__(self, archive: zipfile.ZipFile, most_held: int) -> None:
        self._archive = archive
        self._most_held = most_held
        self._sheets, self._targets = self._related()
        self._seen, self._since_1904 = self._chosen()
        self._sheet = self._seen[0] if self._seen else None
        self._hidden: list[tuple[int, int]] = []

    @property
    def since_1904(self) -> bool:
        """Whether days are counted from 1904 on."""
        return self._since_1904

    def rows(self) -> Iterator[Element]:
        """The rows of the sheet, each as it is written there."""
        if self._sheet is None:
            raise Unreadable("broken-workbook")
        for _, element in self._elements(self._sheet, "row", "col", most=None):
            if element.tag == f"{_MAIN}row":
                yield element
            elif element.get("hidden") in ("1", "true"):  # they stand before the rows
                self._hidden.append((int(element.get("min", 0)), int(element.get("max", 0))))
                if len(self._hidden) > MOST_COLUMNS:
                    raise too_large()

    def beginnings(self) -> Iterator[tuple[int, Element]]:
        """Of the other sheets that are seen the first row with its number among all of them, as far as they are few."""
        for number, sheet in enumerate(self._seen[1:MOST_SHEETS], start=2):
            for _, row in self._elements(sheet, "row"):
                yield number, row
                break

    def is_hidden(self, at: int) -> bool:
        """Whether nobody sees the column at this position, as far as its rows are read."""
        return any(first <= at + 1 <= last for first, last in self._hidden)

    def merged(self) -> MergedCells:
        """The cells of the sheet that are one with another. That stands behind its rows, so they are looked for before
        these are read."""
        if self._sheet is None:
            raise Unreadable("broken-workbook")
        with self._archive.open(self._sheet) as part:
            return MergedCells.of(part)

    def strings(self) -> list[str]:
        """The texts that cells name by their number, without how they are to be read aloud."""
        name = self._targets.get("sharedStrings")
        if name is None or not self._has(name):
            return []
        if self._archive.getinfo(name).file_size > self._most_held:
            raise too_large(self._most_held)
        return [text_of(each) for _, each in self._elements(name, "si")]

    def formats(self) -> Formats:
        """What the styles make of a number, each by its own number."""
        name = self._targets.get("styles")
        found, count = Formats(), 0
        own, told = dict[int, str](), dict[int, list[set[int]]]()  # by the number of a format
        if name is None or not self._has(name):
            return found
        for parent, element in self._elements(name, "numFmt", "xf"):
            if element.tag == f"{_MAIN}numFmt":
                own[int(element.get("numFmtId", 0))] = element.get("formatCode", "")[:LONGEST_FORMAT]
                if len(own) > MOST_FORMATS:
                    raise too_large()
            elif parent == f"{_MAIN}cellXfs":
                number = int(element.get("numFmtId", 0))
                if number not in told:  # once for each, for styles are many and may all be of one
                    told[number] = found.of(number, own.get(number, BUILTIN_FORMATS.get(number)))
                for styles in told[number]:
                    styles.add(count)
                count += 1
        return found

    def _chosen(self) -> tuple[list[str], bool]:
        """The parts of the sheets that whoever opens the workbook sees, for a hidden one may hold anything, and that
        have cells, as a chart with a sheet of its own has none. And whether days are counted from 1904 on."""
        seen, since_1904 = list[str](), False
        for _, element in self._elements(WORKBOOK, "sheet", "workbookPr", most=MOST_FEW):
            if element.tag == f"{_MAIN}workbookPr":
                since_1904 = element.get("date1904") in ("1", "true")
            elif len(seen) < MOST_SHEETS and element.get("state", "visible") == "visible":
                part = self._sheets.get(element.get(f"{{{REL_NS}}}id", ""))
                if part is not None and part not in seen:
                    seen.append(part)
        return seen, since_1904

    def _related(self) -> tuple[dict[str, str], dict[str, str]]:
        """The parts that may be asked for: sheets with cells by their relation, the others by their kind."""
        sheets, others = dict[str, str](), dict[str, str]()
        for _, element in self._elements(_RELATIONS, "*", most=MOST_FEW):
            kind = element.get("Type", "").rpartition("/")[2]
            target = posixpath.normpath(posixpath.join("/xl", element.get("Target", "")))[1:]
            if kind in ("sharedStrings", "styles"):
                others.setdefault(kind, target)
            elif kind == "worksheet":
                sheets.setdefault(element.get("Id", ""), target)
        return sheets, others

    def _has(self, name: str) -> bool:
        return name in self._archive.NameToInfo

    def _elements(self, name: str, *wanted: str, most: int | None = 0) -> Iterator[tuple[str, Element]]:
        """Each of these elements with the name of the one around it. `most`: elements of the part, by default as many
        as would be held if each were short; None where whoever asks counts."""
        most = self._most_held // SHORTEST if most == 0 else most
        with self._archive.open(name) as part:
            yield from elements(part, *wanted, most=most)


def too_large(most: int | None = None) -> Unreadable:
    """What is refused, by the bound of all parts where no other is said."""
    return Unreadable("workbook-too-large", megabytes=(most or MOST_UNPACKED) // 1_000_000)


def elements(part: IO[bytes], *wanted: str, most: int | None = None) -> Iterator[tuple[str, Element]]:
    """Each of these elements once it is whole, with the name of the one around it; of all others only their names are
    known. `*`: whatever stands in the outermost; `most`: elements of all. Raises Unreadable, expat.ExpatError."""
    reader = _Elements(frozenset(name if name == "*" else f"{SHEET_MAIN_NS}}}{name}" for name in wanted))
    fed = 0
    while piece := part.read(PIECE):
        reader.parser.Parse(piece, False)
        fed += len(piece)
        if fed - reader.parser.CurrentByteIndex > MOST_BETWEEN:  # of one tag, or what else is read as a whole
            raise too_large()
        if reader.beside > MOST_BESIDE or (most is not None and reader.count > most):
            raise too_large()
        while reader.found:
            yield reader.found.popleft()
    reader.parser.Parse(b"", True)


class _Elements:
    """Takes what the parser says. `found`: elements that are whole; `count`: of all; `beside`: of those in none that is
    wanted."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self.found = deque[tuple[str, Element]]()
        self.count = self.beside = 0
        self._wanted, self._all = wanted, "*" in wanted
        self._names: list[str] = []
        self._held: list[Element] = []  # the one that is wanted, and those that are open in it
        self._tags = 0  # in the one that is wanted
        self._texts: list[str] | None = None  # of the element that has just begun
        self._length = 0
        self.parser = parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._names) >= DEEPEST or len(attributes) > MOST_ATTRIBUTES:
            raise too_large()
        self.count += 1
        name = _usual(name)
        self._names.append(name)
        self._texts = None
        if not self._held and name not in self._wanted and not (self._all and len(self._names) == 2):
            self.beside += 1
            return
        self._tags += 1
        if self._tags > MOST_TAGS:
            raise too_large()
        element = Element(_named(name), {_named(_usual(key)): value for key, value in attributes.items()})
        if self._held:
            self._held[-1].append(element)
        self._held.append(element)
        self._texts, self._length = [], 0

    def _text(self, text: str) -> None:
        if self._texts is not None:
            self._length += len(text)
            if self._length > MOST_BETWEEN:
                raise too_large()
            self._texts.append(text)

    def _end(self, _: str) -> None:
        self._names.pop()
        if not self._held:
            return
        element = self._held.pop()
        if self._texts:
            element.text = "".join(self._texts)
        self._texts = None
        if not self._held:
            self._tags = 0
            self.found.append((_named(self._names[-1]) if self._names else "", element))

    @staticmethod
    def _doctype(*_: object) -> None:
        """With it entities begin, which unpack themselves."""
        raise Unreadable("broken-workbook")


def _usual(name: str) -> str:
    """A name of the strict variant as the usual one writes it."""
    if not name.startswith(_STRICTLY):
        return name
    space, _, plain = name.rpartition("}")
    return f"{_STRICT.get(space, space)}}}{plain}"


def _named(name: str) -> str:
    """As `Element` writes a name with its namespace."""
    return "{" + name if "}" in name else name


def text_of(string: Element) -> str:
    """Of one string, or of its runs. What is longer than a cell may be is refused with its row."""
    plain = string.findtext(f"{_MAIN}t", "")
    runs = (run.findtext(f"{_MAIN}t", "") for run in string.iterfind(f"{_MAIN}r"))
    return (plain + "".join(runs)).replace("x005F_", "")[: LONGEST_CELL + 1]
