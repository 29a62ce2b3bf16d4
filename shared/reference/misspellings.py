"""Which known titles one wrong stroke leads to.

Compared in decomposed form, where signs are syllable blocks: one stroke more, less or other. A digit is no stroke that
may be wrong: it tells a grade from another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from shared.reference.title_folding import decomposed


class Misspellings:
    """Known folded titles of at least ``least`` signs, by what is left of each without one stroke."""

    def __init__(self, titles: Iterable[str], least: int) -> None:
        self._least = least
        self._longest = 0
        self._without_one: dict[str, set[str]] = defaultdict(set)
        for title in titles:
            if len(title) >= least:
                strokes = decomposed(title)
                self._longest = max(self._longest, len(strokes))
                for left in (strokes, *_without_one(strokes)):
                    self._without_one[left].add(title)

    def meant(self, title: str) -> frozenset[str]:
        """The titles that differ from a folded one by one stroke."""
        strokes = decomposed(title)
        if len(title) < self._least or len(strokes) > self._longest + 1:
            return frozenset()
        near = {known for left in (strokes, *_without_one(strokes)) for known in self._without_one.get(left, ())}
        return frozenset(known for known in near if _digits(known) == _digits(title) and _one_off(known, strokes))


def _without_one(strokes: str) -> set[str]:
    return {strokes[:at] + strokes[at + 1 :] for at in range(len(strokes))}


def _one_off(known: str, strokes: str) -> bool:
    """Whether at most one stroke has to change: two that share what is left without one may still differ twice."""
    one, other = decomposed(known), strokes
    if len(one) == len(other):
        return sum(a != b for a, b in zip(one, other, strict=True)) <= 1
    return abs(len(one) - len(other)) == 1


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isdecimal())
