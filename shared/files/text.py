"""From bytes to lines of text: UTF-8 with and without its mark, UTF-16 with its mark, EUC-KR (CP949)."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from shared.events.refusal import Refusal
from shared.files.rows import PIECE, Broken

LONGEST_LINE = 100_000  # bytes
UTF_8, UTF_8_MARKED, KOREAN = "utf-8", "utf-8-sig", "cp949"
_UTF_16 = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def encoding_of(stream: BinaryIO) -> str:
    """How the text of a file is written, from all of it: a file may show its first Korean letter in its last row.

    With a mark it is what the mark says. Else UTF-8, unless more lines can be read as EUC-KR. Leaves the stream at its
    beginning.
    """
    stream.seek(0)
    begin = stream.read(3)
    stream.seek(0)
    if begin.startswith(codecs.BOM_UTF8):
        return UTF_8_MARKED
    for mark, name in _UTF_16:
        if begin.startswith(mark):
            return name
    bad = dict.fromkeys((UTF_8, KOREAN), 0)
    for line in _lines(stream):
        if line is None or line.isascii():
            continue
        for name in bad:
            try:
                line.decode(name)
            except UnicodeDecodeError:
                bad[name] += 1
    stream.seek(0)
    return KOREAN if bad[KOREAN] < bad[UTF_8] else UTF_8


def lines_of(stream: BinaryIO, encoding: str) -> Iterator[str | Broken]:
    """The lines with their ends. One that is too long or cannot be decoded is broken, and no other for it."""
    stream.seek(0)
    if encoding.startswith("utf-16"):
        yield from _of_utf_16(stream, encoding)
        return
    for number, line in enumerate(_lines(stream), start=1):
        if line is None:
            yield Broken(number, Refusal("line-too-long", "", {"most": LONGEST_LINE}))
            continue
        try:
            yield line.decode(UTF_8_MARKED if number == 1 and encoding == UTF_8_MARKED else encoding)
        except UnicodeDecodeError:
            yield Broken(number, Refusal("not-readable-text", ""))


def _lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """Line by line, none longer than is allowed: then None stands for it."""
    while line := stream.readline(LONGEST_LINE):
        if len(line) < LONGEST_LINE or line.endswith(b"\n"):
            yield line
            continue
        while (more := stream.readline(PIECE)) and not more.endswith(b"\n"):
            pass
        yield None


def _of_utf_16(stream: BinaryIO, encoding: str) -> Iterator[str | Broken]:
    stream.read(2)
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    left, number = "", 0
    while True:
        piece = stream.read(PIECE)
        left += decoder.decode(piece, final=not piece)
        *whole, left = left.split("\n")
        for line in whole:
            number += 1
            yield line + "\n"
        if not piece:
            break
        if len(left) > LONGEST_LINE:
            yield Broken(number + 1, Refusal("line-too-long", "", {"most": LONGEST_LINE}))
            return
    if left:
        yield left
