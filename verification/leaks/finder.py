"""Finds any of very many byte strings in very many bytes, with the standard library alone.

The idea: a term of 15 bytes or more holds, wherever it stands, one 8-byte word that begins at a multiple of eight. So
all such words of a piece of data (`memoryview.cast`, in C) are met with the set of words that terms can have there;
only a term whose word is present is really searched for. Shorter terms (7 bytes and more) do the same
with words of four. 50,000 terms cost little more than one.
"""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Generic, TypeVar

T = TypeVar("T")
SHORTEST = 7  # bytes
SHORT = 9  # bytes; a shorter term must stand alone, or chance would find it in a long random id
PIECE = 64 * 1024
LONGEST = 4 * 1024  # of a term: how far pieces overlap
MOST_UNPACKED = 4 * 1024 * 1024
_PACKED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class Finder(Generic[T]):
    """Looks for the keys of ``terms``; `find` returns the values of those that are there.

    Raises ValueError for a term that is too short to mean anything, or longer than pieces overlap.
    """

    def __init__(self, terms: Mapping[bytes, T]) -> None:
        self._terms = terms
        self._long: dict[int, list[bytes]] = {}
        self._brief: dict[int, list[bytes]] = {}
        for term in terms:
            if not SHORTEST <= len(term) <= LONGEST:
                raise ValueError(f"a term has {SHORTEST} to {LONGEST} bytes")
            size, words = (8, self._long) if len(term) >= 15 else (4, self._brief)
            end = term[-(2 * size - 1) :]  # the end tells more: numbers of one kind begin alike
            for start in range(size):
                word = int.from_bytes(end[start : start + size], sys.byteorder)
                words.setdefault(word, []).append(term)
        self._long_words, self._brief_words = set(self._long), set(self._brief)

    def find(self, data: bytes) -> set[T]:
        """What every term that is in ``data`` stands for, also inside gzip and zlib streams in it."""
        return {self._terms[term] for term in self.terms_in(data)}

    def terms_in(self, data: bytes, *, unpack: bool = True) -> set[bytes]:
        """The terms themselves: not to be shown to anybody."""
        found: set[bytes] = set()
        for start in range(0, len(data), PIECE):
            found |= self._in_piece(data[start : start + PIECE + LONGEST])
        if unpack:
            for inner in unpacked(data):
                found |= self.terms_in(inner, unpack=False)
        return found

    def _in_piece(self, piece: bytes) -> set[bytes]:
        if piece.count(0) == len(piece):  # much of a database's files
            return set()
        view = memoryview(piece + bytes(-len(piece) % 8))
        # in C, without a set of what is held
        long, brief = (
            self._long_words.intersection(view.cast("Q")),
            self._brief_words.intersection(view.cast("I")),
        )
        candidates = chain.from_iterable((*(self._long[word] for word in long), *(self._brief[word] for word in brief)))
        return {term for term in set(candidates) if _there(term, piece)}


def _there(term: bytes, piece: bytes) -> bool:
    at = piece.find(term)
    if len(term) >= SHORT:
        return at >= 0
    while at >= 0:
        end = at + len(term)
        if not piece[max(0, at - 1) : at].isalnum() and not piece[end : end + 1].isalnum():
            return True
        at = piece.find(term, at + 1)
    return False


def unpacked(data: bytes) -> Iterator[bytes]:
    """What is in the gzip and zlib streams that stand anywhere in ``data``, as far as it can be read."""
    for match in _PACKED.finditer(data):
        stream = zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            inner = stream.decompress(data[match.start() : match.start() + MOST_UNPACKED], MOST_UNPACKED)
        except zlib.error:
            continue
        if inner:
            yield inner
