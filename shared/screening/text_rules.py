"""Text that shows what it says: something to see, nothing hidden, and no number that may tell who somebody is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import filterfalse

# What is there and does not show, though Unicode calls it a letter: the fillers of Hangul.
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
_JOINERS = frozenset("\u200c\u200d")  # written within words of some scripts
# Control and formatting (directions, blanks of no width), lone surrogates, private use, separators of lines.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_FEWEST_DIGITS = 7  # of a number that is looked for, others may be hidden by asterisks
# Letters, digits and signs of ASCII and whole syllables of Hangul, a letter or digit first (after the slash of a path)
# and fewer digits than a number has: nothing is wrong with such a text, as nearly all are.
_ORDINARY = re.compile(rf"(?!(?:[^0-9]*[0-9]){{{_FEWEST_DIGITS}}})/?[0-9A-Za-z\uac00-\ud7a3][ -~\uac00-\ud7a3]*")
_MANY_DIGITS = re.compile(rf"(?:\D*\d){{{_FEWEST_DIGITS}}}")
_SEPARATORS = re.compile(r"(?:[\s._/~\u00b7]|-)+")


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


def numbers(text: str) -> str:
    """The text in which a number is looked for: plain digits, and every separator as one "-". Empty when it cannot
    hold a long one."""
    if _MANY_DIGITS.match(text) is None:
        return ""
    return _SEPARATORS.sub("-", text if text.isascii() else "".join(map(_digit, text)))


class RefusedNumbers:
    """Finds numbers of the forms that a pack refuses, however they are written."""

    def __init__(self, forms: Sequence[str]) -> None:
        self._forms = re.compile("|".join(f"(?:{form})" for form in forms)) if forms else None

    def stand_in(self, text: str) -> bool:
        """Whether one of them stands in it."""
        return self._forms is not None and (plain := numbers(text)) != "" and self._forms.search(plain) is not None


def _digit(sign: str) -> str:
    if sign.isdecimal():
        return str(unicodedata.decimal(sign))
    category = unicodedata.category(sign)
    return "-" if category in ("Pd", "Sm") else "" if category == "Cf" else sign
