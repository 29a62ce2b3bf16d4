"""From bytes to text: UTF-8 and UTF-16 with and without their mark, EUC-KR (CP949)."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from shared.events.refusal import Refusal
from shared.files.rows import PIECE, Broken

LONGEST_LINE = 200_000  # bytes
UTF_8, UTF_8_MARKED, KOREAN = "utf-8", "utf-8-sig", "cp949"
_MARKS = (
    (codecs.BOM_UTF8, UTF_8_MARKED),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0", "utf-16-le"),  # XML without a mark, as its standard tells it
    (b"\0<", "utf-16-be"),
)


def encoding_of(stream: BinaryIO) -> str:
    """How the text of a file is written, from all of it: a file may show its first Korean letter in its last row.

    With a mark it is what the mark says; without, UTF-16 where so many bytes are zero as only its letters have them.
    Else UTF-8, unless more of it can be read as EUC-KR. Leaves the stream at its beginning.
    """
    stream.seek(0)
    begin = stream.read(PIECE)
    stream.seek(0)
    for mark, name in _MARKS:
        if begin.startswith(mark):
            return name
    if (unmarked := _unmarked_utf_16(begin)) is not None:
        return unmarked
    bad = {name: _unreadable(stream, name) for name in (UTF_8, KOREAN)} if _unreadable(stream, UTF_8) else {}
    stream.seek(0)
    return KOREAN if bad and bad[KOREAN] < bad[UTF_8] else UTF_8


def _unmarked_utf_16(begin: bytes) -> str | None:
    """Which of the two it is: signs, digits and Latin letters have a zero byte, all of them on the same side."""
    first, second = begin[::2].count(0), begin[1::2].count(0)
    if 16 * (first + second) < len(begin) or max(first, second) < 4 * min(first, second):
        return None
    return "utf-16-le" if second > first else "utf-16-be"


def lines_of(stream: BinaryIO, encoding: str) -> Iterator[str | Broken]:
    """The lines with their ends. One that is too long or cannot be decoded is broken, and no other for it."""
    stream.seek(0)
    if encoding.startswith("utf-16"):
        yield from _of_utf_16(stream, encoding)
        return
    by_return = _ends_with_return(stream.read(PIECE).decode("latin-1"))
    stream.seek(0)
    for number, line in enumerate(_lines_by_return(stream) if by_return else _lines(stream), start=1):
        if line is None:
            yield Broken(number, Refusal("line-too-long", "", {"most": LONGEST_LINE}))
            continue
        try:
            yield line.decode(UTF_8_MARKED if number == 1 and encoding == UTF_8_MARKED else encoding)
        except UnicodeDecodeError:
            yield Broken(number, Refusal("not-readable-text", ""))


def pieces_of(stream: BinaryIO, encoding: str, instead: str) -> Iterator[str]:
    """The text in pieces, whatever its lines are; `instead` stands where it cannot be decoded."""
    stream.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    while True:
        raw = stream.read(PIECE)
        piece = decoder.decode(raw, final=not raw)
        yield piece.replace("\ufffd", instead)
        if not raw:
            return


def _unreadable(stream: BinaryIO, encoding: str) -> int:
    """How many places cannot be read so."""
    return sum(piece.count("\ufffd") for piece in pieces_of(stream, encoding, "\ufffd"))


def _lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """Line by line, none longer than is allowed: then None stands for it."""
    while line := stream.readline(LONGEST_LINE):
        if len(line) < LONGEST_LINE or line.endswith(b"\n"):
            yield line
            continue
        while (more := stream.readline(PIECE)) and not more.endswith(b"\n"):
            pass
        yield None


def _ends_with_return(begin: str) -> bool:
    """Whether lines end with a carriage return alone, as an old spreadsheet writes them: told from the first end that
    stands in no quotation marks, for a cell may hold the other one."""
    quoted = False
    for at, letter in enumerate(begin):
        if letter == '"':
            quoted = not quoted
        elif not quoted and letter in "\r\n":
            return letter == "\r" and begin[at + 1 : at + 2] not in ("", "\n")
    return False


def _lines_by_return(stream: BinaryIO) -> Iterator[bytes | None]:
    """As `_lines`, and each as if it ended with a line feed."""
    left = b""
    too_long = False
    while piece := stream.read(PIECE):
        *whole, left = (left + piece).split(b"\r")
        for line in whole:
            yield None if too_long or len(line) >= LONGEST_LINE else line + b"\n"
            too_long = False
        if len(left) >= LONGEST_LINE:
            left, too_long = b"", True
    if left or too_long:
        yield None if too_long else left


def _of_utf_16(stream: BinaryIO, encoding: str) -> Iterator[str | Broken]:
    left, number, too_long = "", 0, False
    end: str | None = None
    for piece in pieces_of(stream, encoding, "\ufffd"):
        end = end or ("\r" if _ends_with_return(piece) else "\n")
        *whole, left = (left + piece).split(end)
        for line in whole:
            number += 1
            if too_long or len(line) > LONGEST_LINE:
                yield Broken(number, Refusal("line-too-long", "", {"most": LONGEST_LINE}))
            else:
                yield (line.removeprefix("\ufeff") if number == 1 else line) + "\n"
            too_long = False
        if len(left) > LONGEST_LINE:
            left, too_long = "", True
    if too_long:
        yield Broken(number + 1, Refusal("line-too-long", "", {"most": LONGEST_LINE}))
    elif left:
        yield left.removeprefix("\ufeff") if number == 0 else left
