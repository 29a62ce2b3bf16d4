"""Text that shows what it says: something to see, and nothing hidden."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import filterfalse

from shared.screening.refused_numbers import DAY_OR_MOMENT, FEWEST_DIGITS

# What is there and does not show, though Unicode calls it a letter: the fillers of Hangul.
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
_JOINERS = frozenset("\u200c\u200d")  # written within words of some scripts
# Control and formatting (directions, blanks of no width), lone surrogates, private use, separators of lines.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# Letters, digits and signs of ASCII and whole syllables of Hangul, a letter or digit first (after the slash of a path)
# and fewer digits than a number has; or a day, or a moment: nothing is wrong with such a text, as nearly all are.
_SIGN = r"[ -/:-~\uac00-\ud7a3]"
_ORDINARY = re.compile(
    rf"/?(?=[0-9A-Za-z\uac00-\ud7a3]){_SIGN}*+(?:[0-9]{_SIGN}*+){{0,{FEWEST_DIGITS - 1}}}+|{DAY_OR_MOMENT}"
)


def extraordinary(texts: Iterable[str]) -> Iterator[str]:
    """Those that might not show, hide something or hold a long number, and an empty one; most of them are in order,
    too. It is asked of every text of every event: the loop is C."""
    return filterfalse(_ORDINARY.fullmatch, texts)


def shows(text: str) -> bool:
    """Whether it has a letter or digit that can be seen."""
    if text[:1].isalnum() and text[0] not in _FILLERS:
        return True
    return any(sign.isalnum() and sign not in _FILLERS for sign in text)


def hides(text: str) -> bool:
    """Whether it has a sign that is not seen and changes what is: control and direction marks, fillers."""
    if text.isprintable() and (text.isascii() or _FILLERS.isdisjoint(text)):
        return False
    return any(sign in _FILLERS or (sign not in _JOINERS and unicodedata.category(sign) in _HIDDEN) for sign in text)
