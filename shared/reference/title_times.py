"""Which times of day the words of a title name ("night shift"), since titles often say what the fields of an advert
leave out or contradict. The words are data of the pack."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from shared.reference.title_folding import LONGEST

_NEAR = 8  # letters, at most, between a time and the word that takes it back ("no work at night")
_APART = "|"  # what stands in brackets is said by itself


class TitleTimes:
    """``times``: words with the plain shifts they name, none for a longer word that means something else ("night care
    centre"); ``not_so``: what takes back the time before it. The longest word counts."""

    def __init__(self, times: Mapping[str, tuple[str, ...]], not_so: Iterable[str]) -> None:
        self._times = {_plain(word): frozenset(codes) for word, codes in times.items()}
        words = "|".join(map(re.escape, sorted(self._times, key=lambda word: (-len(word), word))))
        back = "|".join(re.escape(_plain(word)) for word in sorted(not_so))
        taken_back = rf"(?![^{_APART}]{{0,{_NEAR}}}?(?:{back}))" if back else ""
        self._words = re.compile(rf"({words}){taken_back}" if words else r"(?!)")

    def named(self, title: str) -> frozenset[str]:
        """The plain shifts that the title names and does not take back."""
        return frozenset[str]().union(*(self._times[word[1]] for word in self._words.finditer(_plain(title))))


def _plain(title: str) -> str:
    """Letters and digits as they compare, and where brackets stand."""
    text = unicodedata.normalize("NFKC", title[:LONGEST]).casefold()
    return "".join(sign if sign.isalnum() else _APART for sign in text if sign.isalnum() or sign in "()[]<>{}【】")
