"""Regions as addresses have them: from wide to narrow, and further down than the pack's list goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from shared.reference import Pack
from shared.reference.title_folding import folded

_MOST_WORDS = 6


class RegionNames:
    """Of a pack's list: a topmost region, a region in it, and what is narrower than that by how it ends. All else
    behind it may be another region, or say that this one is not meant."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack

    def find(self, text: str) -> str | None:
        """The narrowest region that the words name one in the other; None where they name none, or several."""
        widest, *rest = text.split() or [""]
        names = {widest, *self._pack.words.completed("region", widest)}
        top = {
            code for name in names if (code := self._pack.find("region", name)) and self._pack.province(code) == code
        }
        if len(top) != 1:
            return None
        (province,) = top
        for end in range(min(len(rest), _MOST_WORDS), 0, -1):
            found = self._by_last_words.get((province, folded("".join(rest[:end]))), frozenset())
            if found:
                return next(iter(found)) if len(found) == 1 and self._are_narrower(rest[end:]) else None
        return None

    def _are_narrower(self, words: Sequence[str]) -> bool:
        """Whether they go on as an address does, and name no further region."""
        if not words:
            return True
        first, *further = (folded(word) for word in words)
        place = first.rstrip("0123456789")  # of a house, without a space
        return place.endswith(self._pack.words.narrower) and self._names.isdisjoint((first, *further))

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(name for _, name in self._by_last_words)

    @cached_property
    def _by_last_words(self) -> Mapping[tuple[str, str], frozenset[str]]:
        found: dict[tuple[str, str], frozenset[str]] = {}
        for code in self._pack.codes("region"):
            words = self._pack.label(code, self._pack.languages[0]).split()
            for begin in range(len(words)):
                key = (self._pack.province(code) or "", folded("".join(words[begin:])))
                found[key] = found.get(key, frozenset()) | {code}
        return found
