"""Adverts in XML as Work24's open API gives them, list and detail: their fields as text, one advert after the other.

Read by defusedxml's parser into a target of ours, so that no more than one advert is in memory. A document type, and
with it every entity, is refused. After a place that is no XML the reading goes on with the next advert.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from shared.events.refusal import Refusal
from shared.files.rows import MOST_ROWS, Broken, Unreadable
from shared.files.text_encoding import encoding_of, pieces_of

ADVERTS = frozenset({"wanted", "wantedDtl"})  # an element of a list, and the root of a detail
MOST_FIELDS = 200  # of one advert
LONGEST_FIELD = 20_000  # characters
DEEPEST = 12
_BEGIN = re.compile(r"(?=<(?:wanted|wantedDtl)[\s>])")
_DECLARATION = re.compile(r"\s{0,200}<\?xml\s[^<>]{0,200}\?>")  # at the beginning alone, and bounded

Advert = Mapping[str, str]
MOST_BESIDE = 50_000  # elements that are in no advert, beyond one for each advert
MOST_AROUND = 20  # texts that stand beside the adverts
LONGEST_AROUND = 200  # characters of one


@dataclass(slots=True)
class Around:
    """What stands around the adverts of a list: its root, and texts as `total`, or a code where there is no list."""

    root: str | None = None
    texts: dict[str, str] = field(default_factory=dict)
    elements: int = 0


def adverts(stream: BinaryIO, around: Around | None = None) -> Iterator[tuple[int, Advert] | Broken]:
    """Each advert with its number in the file, or what is wrong with it. `around` is filled on the way."""
    around = around or Around()
    target = _Target(around)
    parser = _parser(target)
    fed = False
    for piece in _pieces(stream):
        before = target.count
        try:
            parser.feed(piece)
            fed = True
        except DefusedXmlException:
            raise Unreadable("entities-not-taken") from None
        except (ParseError, UnicodeError, ValueError):
            yield from target.done()
            lost = target.open or (target.count == before and _BEGIN.match(piece) is not None)
            if lost:  # else it stands between two adverts, or after the last
                yield Broken(target.count + 1, Refusal("broken-xml", ""))
            target = _Target(around, target.count + lost)
            parser = _parser(target)
            parser.feed("<rest>")
        yield from target.done()
        if target.count > MOST_ROWS:
            raise Unreadable("too-many-rows", most=MOST_ROWS)
    if target.open:
        yield Broken(target.count + 1, Refusal("broken-xml", ""))
    elif not target.count:
        raise Unreadable("no-adverts" if fed else "broken-xml")


class _Target:
    """Takes the parser's events; keeps leaves of the advert that is open, and what stands around."""

    def __init__(self, around: Around, count: int = 0) -> None:
        self.count = count
        self._around = around
        self.open = False
        self._found: deque[tuple[int, Advert] | Broken] = deque()
        self._depth = self._size = self._fields_seen = 0
        self._fields: dict[str, str] = {}
        self._text: list[str] = []
        self._wrong: Refusal | None = None

    def done(self) -> Iterator[tuple[int, Advert] | Broken]:
        """What is finished."""
        while self._found:
            yield self._found.popleft()

    def start(self, tag: str, _: Mapping[str, str]) -> None:
        """An element begins."""
        if self._around.root is None:
            self._around.root = tag
        if not self.open and tag not in ADVERTS:
            self._around.elements += 1
            if self._around.elements > MOST_BESIDE + self.count:  # they cost work, and nothing comes of them
                raise Unreadable("too-many-empty-rows", most=MOST_BESIDE)
        if not self.open and tag in ADVERTS:
            self.open, self._depth, self._fields, self._wrong = True, 0, {}, None
            self._fields_seen = 0
        elif self.open:
            self._depth += 1
            self._fields_seen += 1
            if self._depth > DEEPEST:
                self._wrong = Refusal("too-deep", "", {"most": DEEPEST})
            elif self._fields_seen > MOST_FIELDS:
                self._wrong = Refusal("too-many-values", "", {"most": MOST_FIELDS})
        self._text, self._size = [], 0

    def data(self, text: str) -> None:
        """Text of the element that is open."""
        if self.open and self._wrong is None:
            self._size += len(text)
            if self._size > LONGEST_FIELD:
                self._wrong = Refusal("too-long", "", {"max_length": LONGEST_FIELD})
            else:
                self._text.append(text)
        elif not self.open and self._size < LONGEST_AROUND and len(self._around.texts) < MOST_AROUND:
            self._size += len(text)
            self._text.append(text[:LONGEST_AROUND])

    def end(self, tag: str) -> None:
        """An element ends."""
        if not self.open:
            if text := "".join(self._text).strip():
                self._around.texts.setdefault(tag, text)
            self._text = []
            return
        if self._depth == 0:
            self.open = False
            self.count += 1
            self._found.append((self.count, self._fields) if self._wrong is None else Broken(self.count, self._wrong))
            return
        self._depth -= 1
        if self._wrong is None and (text := "".join(self._text).strip()):
            self._fields.setdefault(tag, text)  # one, or several of a kind: the first says it
        self._text = []

    def close(self) -> None:
        """The document ends."""


def _parser(target: _Target) -> DefusedXMLParser:
    return DefusedXMLParser(target=target, encoding="utf-8", forbid_dtd=True)


def _pieces(stream: BinaryIO) -> Iterator[str]:
    """The text, cut before every advert and nowhere inside of a tag; without the declaration, for it is no longer
    written as that says. What cannot be decoded becomes what is no XML, so that its advert is broken."""
    left, first = "", True
    for piece in pieces_of(stream, encoding_of(stream), "&"):
        text = left + piece
        if first and piece:
            text, first = text.lstrip("\ufeff"), False
            if (declaration := _DECLARATION.match(text)) is not None:
                text = text[declaration.end() :]
        end = text.rfind("<")
        if not piece or end < 0 or len(text) - end > LONGEST_FIELD:
            end = len(text)
        text, left = text[:end], text[end:]
        yield from (part for part in _BEGIN.split(text) if part)
    if left:
        yield left
