"""Which times of day, or benefits, the words of a title name ("night shift", "with lodging"), since titles often say
what the fields of an advert leave out or contradict. The words are data of the pack."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from shared.reference.title_folding import LONGEST

_NEAR = 8  # letters, at most, between a time and the word that takes it back ("no work at night")
_APART = "|"  # what stands in brackets is said by itself


class TitleTimes:
    """``times``: words with the plain shifts they name, none for a longer word that means something else ("night care
    centre"); ``not_so``: what takes back the time before it. The longest word counts. What is written apart is a word
    only where one begins: the end of one and the beginning of the next are none."""

    def __init__(self, times: Mapping[str, tuple[str, ...]], not_so: Iterable[str]) -> None:
        self._times = {_letters(_plain(word)): frozenset(codes) for word, codes in times.items()}
        words = "|".join(map(_written, sorted(self._times, key=lambda word: (-len(word), word))))
        back = "|".join(_apart(_letters(_plain(word))) for word in sorted(not_so))
        taken_back = rf"(?! ?(?:[^ {_APART}] ?){{0,{_NEAR}}}?(?:{back}))" if back else ""
        self._words = re.compile(rf"({words}){taken_back}" if words else r"(?!)")

    def named(self, title: str) -> frozenset[str]:
        """The codes that the title names and does not take back."""
        found = self._words.finditer(_plain(title))
        return frozenset[str]().union(*(self._times[_letters(word[1])] for word in found))


def _written(word: str) -> str:
    """Together anywhere, or apart from the beginning of a word on."""
    return rf"{re.escape(word)}|(?<![^ {_APART}]){_apart(word)}"


def _apart(word: str) -> str:
    return " ?".join(map(re.escape, word))


def _letters(plain: str) -> str:
    return plain.replace(" ", "")


def _plain(title: str) -> str:
    """Letters and digits as they compare, where words end, and where brackets stand."""
    text = unicodedata.normalize("NFKC", title[:LONGEST]).casefold()
    signs = (sign if sign.isalnum() else _APART if sign in "()[]<>{}【】" else " " for sign in text)
    return " ".join("".join(signs).split())
