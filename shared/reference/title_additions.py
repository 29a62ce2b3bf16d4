"""What people add to a title that is not part of the name: "course", "2nd round", a year, where it is held. The words
are data of the pack, taking them off is done here.

What is left has to be a title of the pack, so that a word too many in the data takes off too much and finds nothing;
it is never a guess at what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from pydantic import Field, field_validator

from shared.reference.models import Data
from shared.reference.title_folding import folded

MOST_TRIED = 40  # ways to take something off that are tried for one title
_NUMBER = 20  # signs at the end of a title among which a number is looked for
_BRACKETS = re.compile(r"[(\[{<【『「〔《（［]([^()\[\]{}<>【】『』「」〔〕《》（）［］]*)[)\]}>】』」〕》）］]")


class Everyday(Data):
    """Words with a second, everyday meaning: they mean the trade only before certain endings."""

    words: tuple[str, ...]
    only_before: tuple[str, ...]


class Additions(Data):
    """What may be added to the titles of one field.

    ``numbers``: rounds, years and the like, as regular expressions over folded text. ``other_brackets``: what else
    stands in brackets may be left out as well, unless it is a title of another code. ``misspelt_from``: from how many
    signs on a title may have one stroke wrong; without it none may. ``not_meant``: what looks like a title with an
    addition and is something else. ``workplaces``: what stands before one says where the work is.
    """

    beginnings: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    other_brackets: bool = False
    misspelt_from: int | None = Field(default=None, ge=4)
    everyday: tuple[Everyday, ...] = ()
    not_meant: tuple[str, ...] = ()
    workplaces: tuple[str, ...] = ()

    @field_validator("numbers")
    @classmethod
    def _numbers_are_expressions(cls, numbers: tuple[str, ...]) -> tuple[str, ...]:
        for number in numbers:
            try:
                re.compile(number)
            except re.error:
                raise ValueError("not a regular expression") from None
        return numbers

    @cached_property
    def _ends(self) -> Mapping[str, tuple[str, ...]]:
        return _by_sign((folded(word) for word in self.endings), -1)

    @cached_property
    def _begins(self) -> Mapping[str, tuple[str, ...]]:
        return _by_sign((folded(word) for word in self.beginnings), 0)

    @cached_property
    def only_before(self) -> Mapping[str, tuple[str, ...]]:
        """Folded everyday words, and the endings before which they mean the trade."""
        return {folded(word): tuple(map(folded, group.only_before)) for group in self.everyday for word in group.words}

    @cached_property
    def _not_meant(self) -> frozenset[str]:
        return frozenset(map(folded, self.not_meant))

    def may_be_meant(self, left: str, key: str) -> bool:
        """Whether what is left of a folded title may be what it means: no everyday word with any ending, nor a word of
        its own that only looks like a title with an ending."""
        if left in self._not_meant:
            return False
        if left == key or (endings := self.only_before.get(left)) is None:
            return True
        return key.rpartition(left)[2].startswith(endings)

    @cached_property
    def _number(self) -> str:
        return f"(?:{'|'.join(self.numbers)})"

    @cached_property
    def _first_number(self) -> re.Pattern[str] | None:
        return re.compile(self._number) if self.numbers else None

    @cached_property
    def _last_number(self) -> re.Pattern[str] | None:
        return re.compile(f"{self._number}$") if self.numbers else None

    def without(self, key: str) -> Iterator[str]:
        """A folded title, and what is left of it when additions are taken off at either end, the longest first."""
        waiting, seen = [key], {key}
        while waiting:
            waiting.sort(key=lambda text: (-len(text), text))
            text = waiting.pop(0)
            yield text
            for less in self._once(text):
                if less not in seen and len(seen) < MOST_TRIED:
                    seen.add(less)
                    waiting.append(less)

    def _once(self, text: str) -> Iterator[str]:
        yield from (text[: -len(word)] for word in self._ends.get(text[-1:], ()) if text.endswith(word))
        yield from (text[len(word) :] for word in self._begins.get(text[:1], ()) if text.startswith(word))
        if self._first_number is not None and (found := self._first_number.match(text)):
            yield text[found.end() :]
        if self._last_number is not None and (found := self._last_number.search(text, max(0, len(text) - _NUMBER))):
            yield text[: found.start()]

    def is_only_additions(self, key: str) -> bool:
        """True when nothing is left of it."""
        return any(not text for text in self.without(key))


def _by_sign(words: Iterable[str], at: int) -> Mapping[str, tuple[str, ...]]:
    """Words by their first or last sign."""
    found: dict[str, list[str]] = {}
    for word in sorted(set(words) - {""}):
        found.setdefault(word[at], []).append(word)
    return {sign: tuple(several) for sign, several in found.items()}


def in_brackets(title: str) -> tuple[str, tuple[str, ...]]:
    """A title without its brackets, and what stands in them."""
    return _BRACKETS.sub(" ", title), tuple(found.group(1) for found in _BRACKETS.finditer(title))
