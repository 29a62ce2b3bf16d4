"""JSON Lines: an event, or the data of one, in every line; and JSON as a whole, an object or an array of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from shared.events.http_binding import BATCH, STRUCTURED, Item, split
from shared.events.refusal import Refusal, Refused
from shared.files.rows import MOST_ROWS, Broken, EmptyRows, Object, Unreadable
from shared.files.text_encoding import encoding_of, lines_of, pieces_of

_BLANK = "\ufeff \t\r\n"
LARGEST_DOCUMENT = 64_000_000  # bytes of JSON that is no lines: it is held in memory


def json_objects(stream: BinaryIO, empty: EmptyRows | None = None) -> Iterator[Object | Broken]:
    """One after the other; a line that is none stops no other."""
    encoding = encoding_of(stream)
    if next((text for piece in pieces_of(stream, encoding, "") if (text := piece.strip(_BLANK))), "").startswith("["):
        yield from _whole(stream, encoding)
        return
    lines = _filled(lines_of(stream, encoding), empty or EmptyRows())
    first = next(lines, None)
    if first is None:
        return
    if isinstance(first[1], Broken) or isinstance(_parsed(first[1]), Refused):
        yield from _whole(stream, encoding)
        return
    yield _object(*first)
    for number, line in lines:
        if number > MOST_ROWS:
            raise Unreadable("too-many-rows", most=MOST_ROWS)
        yield _object(number, line)


def _filled(lines: Iterable[str | Broken], empty: EmptyRows) -> Iterator[tuple[int, str | Broken]]:
    for number, line in enumerate(lines, start=1):
        if _blank(line):
            empty.passed()
        else:
            yield number, line


def _object(number: int, line: str | Broken) -> Object | Broken:
    if isinstance(line, Broken):
        return line
    item = _parsed(line)
    return Broken(number, item.refusals[0]) if isinstance(item, Refused) else Object(number, item)


def _parsed(line: str) -> Item:
    try:
        return next(iter(split(STRUCTURED, (), line.encode())))
    except Refused as refused:
        return refused


def _whole(stream: BinaryIO, encoding: str) -> Iterator[Object | Broken]:
    stream.seek(0)
    body = stream.read(LARGEST_DOCUMENT + 1)
    if len(body) > LARGEST_DOCUMENT:
        raise Unreadable("document-too-large", megabytes=LARGEST_DOCUMENT // 1_000_000)
    try:
        if encoding not in ("utf-8", "utf-8-sig"):
            body = body.decode(encoding).encode()
        media = BATCH if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[") else STRUCTURED
        yield from _numbered(media, body)
    except UnicodeDecodeError:
        yield Broken(1, Refusal("not-readable-text", ""))


def _numbered(media: str, body: bytes) -> Iterator[Object | Broken]:
    number = 0
    try:
        for number, item in enumerate(split(media, (), body), start=1):
            yield Broken(number, item.refusals[0]) if isinstance(item, Refused) else Object(number, item)
    except Refused as refused:  # nothing after this place can be read
        yield Broken(number + 1, refused.refusals[0])


def _blank(line: str | Broken) -> bool:
    return isinstance(line, str) and not line.strip(_BLANK)
