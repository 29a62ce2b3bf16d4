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
_UNSEEN = frozenset({"Cf", "Mn", "Me"})  # marks on the digit before them (keycaps, variants), and what has no width
# All that is no letter, digit or sign that stands for a digit; and letters that are written as dashes and dots.
_SEPARATORS = re.compile("(?:[^\\w*\u25cf\u25cb]|[_\u3161\u1173\u30fc\uff70\u4e00\u318d\u119e])+")
_APART = re.compile("(?<![0-9])[0-9](?:-[0-9*xX\u25cf\u25cb]){5,}(?![0-9])")  # each digit by itself
# A day with a number behind it, unless that is an amount: its unit at once, or a word of its own (a place name such as
# \uc6d0\ubbf8\uad6c begins like one).
_DAY = re.compile(
    "(?<![0-9])([0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(?=-?[0-9])"
    "(?!-?[0-9]{1,12}(?:(?:\uc6d0|\ub9cc|\ucc9c|[wW]on|KRW)(?:-|$|[^\uac00-\ud7a3A-Za-z0-9]|\uc6d0|\uc774|\ubd80|\uae4c|\uc815)"
    "|-(?:\uc6d0|\ub9cc\uc6d0|\ucc9c\uc6d0|[wW]on|KRW)(?![\uac00-\ud7a3A-Za-z])))"
)
# A time of day with seconds, and what part of one it says: no day, whatever stands behind it.
_TIME = re.compile("(?<![0-9])(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.,][0-9]{1,9})?(?![0-9])")


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
    if text.isascii():
        return _SEPARATORS.sub("-", _TIME.sub("t", text)) if _MANY_DIGITS.match(text) is not None else ""
    if sum(map(str.isdigit, text)) < _FEWEST_DIGITS:
        return ""
    return _SEPARATORS.sub("-", _TIME.sub("t", "".join(map(_digit, text))))


def joined(plain: str) -> str:
    """Text of `numbers` with single digits in a row written together, and days that a number follows. Not what is
    grouped otherwise: phone numbers and amounts are."""
    return _DAY.sub(r"\1\2\3", _APART.sub(lambda run: run[0].replace("-", ""), plain))


class RefusedNumbers:
    """Finds numbers of the forms that a pack refuses, however they are written."""

    def __init__(self, forms: Sequence[str]) -> None:
        self._forms = re.compile("|".join(f"(?:{form})" for form in forms)) if forms else None

    def stand_in(self, text: str, *, free: bool = True) -> bool:
        """Whether one of them stands in it. ``free``: somebody wrote it, so that a day and the number behind it may be
        one, or digits by themselves; in an id or a reference these are a day and a serial number."""
        if self._forms is None or (plain := numbers(text)) == "":
            return False
        return self._forms.search(plain) is not None or (free and self._forms.search(joined(plain)) is not None)


def _digit(sign: str) -> str:
    """Also of circled and raised digits, and of those of all scripts."""
    value = unicodedata.digit(sign, None)
    if value is not None:
        return str(value)
    return "" if unicodedata.category(sign) in _UNSEEN else sign
