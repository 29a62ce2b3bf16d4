"""Numbers that may tell who somebody is, however they are written.

A pack says which numbers those are. Here is only how they may be written: in one, as a day and a number behind it, or
in parts. A day and a number are also what a reference is made of, and a time of day reads as a day: so in parts a
pack refuses fewer of them (`numbers_in_parts`), by the years in which papers of today are dated and nobody was born
whom this is about.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

FEWEST_DIGITS = 7  # of a number that is looked for, others may be hidden by asterisks
_MANY_DIGITS = re.compile(rf"(?:\D*\d){{{FEWEST_DIGITS}}}")
_UNSEEN = frozenset({"Cf", "Mn", "Me"})  # marks on the digit before them (keycaps, variants), and what has no width
# All that is no letter, digit or sign that stands for a digit; and letters that are written as dashes and dots.
_SEPARATORS = re.compile("(?:[^\\w*\u25cf\u25cb]|[_\u3161\u1173\u30fc\uff70\u4e00\u318d\u119e])+")
_BORN = re.compile("(?<=[0-9일日])-?생(?=-?[0-9])")  # a word for the day before it
_APART = re.compile("(?<![0-9])[0-9](?:-[0-9*xX\u25cf\u25cb]){5,}(?![0-9])")  # each digit by itself
_HOUR = "([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])"
# A date and a time with seconds, what part of one and which zone it says: no day, whatever stands behind it.
_MOMENT = re.compile(
    "((?<![0-9])(?:[0-9]{4}|[0-9]{2})([-./]?)(?:0[1-9]|1[0-2])\\2(?:0[1-9]|[12][0-9]|3[01])(?:[Tt]|[ ,_-]{1,2})"
    f"|[0-9]일 ?){_HOUR}(?:[.,][0-9]{{1,9}})?(?![0-9])(?:[+-][0-9]{{2}}:[0-9]{{2}}(?![0-9]))?"
)
# A day alone, or such a moment, as the contract writes them: of whoever else's form they may be, nobody's number.
DAY_OR_MOMENT = (
    "[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    "(?:T(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}(?:[.][0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2}))?"
)
_DAY_OR_MOMENT = re.compile(DAY_OR_MOMENT)
# A time alone is written like a day with colons; hours and minutes like two parts of one.
_TIME = re.compile(f"(?<![0-9]){_HOUR}(?![0-9])")
_MINUTE = re.compile("(?<![0-9:])([01][0-9]|2[0-3]):([0-5][0-9])(?![0-9:])")
_COUNTRY = re.compile("(?<![0-9])\\+[1-9][0-9]{1,2}(?![0-9])")  # before a phone number
_SIGN = "[0-9*xX\u25cf\u25cb]"
_FEWEST_SIGNS = 11  # of a day, with a month and day of one digit, and the number behind it
_MANY_SIGNS = re.compile(f"(?:[^0-9*xX\u25cf\u25cb]*{_SIGN}){{{_FEWEST_SIGNS}}}")
_NUMBER = f"[0-9]{_SIGN}{{6}}"  # the part behind the day
_SPLIT = "|".join(  # the same in up to three groups
    [f"[0-9]{_SIGN}{{{first - 1}}}-{_SIGN}{{{7 - first}}}" for first in range(1, 7)]
    + [
        f"[0-9]{_SIGN}{{{first - 1}}}-{_SIGN}{{{second}}}-{_SIGN}{{{7 - first - second}}}"
        for first in range(1, 6)
        for second in range(1, 7 - first)
    ]
)
# No amount is meant: its unit at once, or a word of its own (a place name such as 원미구 begins like one).
_NO_AMOUNT = (
    "(?!(?:원|만|천|[wW]on|KRW)(?:-|$|[^가-힣A-Za-z0-9]|원|이|부|까|정)|-(?:원|만원|천원|[wW]on|KRW)(?![가-힣A-Za-z]))"
)
_END = f"(?![0-9]){_NO_AMOUNT}"
# An id as programs draw them at random (a UUID, 32 hexadecimal digits): one of 30,000 to 100,000 begins with such a
# number.
_DRAWN = re.compile("[0-9a-f]{8}(-?)(?:[0-9a-f]{4}\\1){3}[0-9a-f]{12}", re.IGNORECASE)
# Two digits each, and the number in one: in free text nothing else is written so.
_BY_TWOS = re.compile(f"(?<![0-9])(?=([0-9]{{2}})-([0-9]{{2}})-([0-9]{{2}})-?({_NUMBER}){_END})")
# Each of them only at the beginning of a group of digits. Year, month, day, and the number behind.
_IN_PARTS = (
    re.compile(  # the day in any groups
        f"(?<![0-9A-Za-z])(?=([0-9]-?[0-9])[-u]?([0-9][-u]?[0-9])[-u]?([0-9]-?[0-9])-([0-9]-?{_SIGN}{{6}}){_END})"
    ),
    re.compile(  # the number in groups, too: more than this would be any list of phone numbers
        f"(?<![0-9])(?=([0-9]{{2}})(?:([0-9]{{2}})([0-9]{{2}})-({_SPLIT})"
        "|(?:-([0-9]{2})-([0-9]{2})|t([0-9]{2})t([0-9]{2})|[년年]-?([0-9]{1,2})[월月]-?([0-9]{1,2})[일日])"
        f"(?:-?({_NUMBER})|-({_SPLIT}))){_END})"
    ),
    re.compile(  # the year in full
        "(?<![0-9])(?=(?:19|20)([0-9]{2})(?:([0-9]{2})([0-9]{2})|[-u]([0-9]{1,2})[-u]([0-9]{1,2})"
        f"|[년年]-?([0-9]{{1,2}})[월月]-?([0-9]{{1,2}})[일日])-({_NUMBER}|{_SPLIT}){_END})"
    ),
    re.compile(  # a day and month of one digit
        f"(?<![0-9])(?=([0-9]{{2}})[-u]([0-9]{{1,2}})[-u]([0-9]{{1,2}})-([0-9]-?{_SIGN}{{6}}){_END})"
    ),
)


class RefusedNumbers:
    """Finds numbers of the forms that a pack refuses. `in_parts`: which of them are refused where they are written as
    a date and a number may be, too."""

    def __init__(self, forms: Sequence[str], in_parts: Sequence[str] = ()) -> None:
        self._forms = _any_of(forms)
        self._in_parts = _any_of(in_parts)

    def stand_in(self, text: str, *, free: bool = True) -> bool:
        """Whether one of them stands in it. ``free``: somebody wrote it, so that a day of this year and the number
        behind it may be one; in an id or a reference these are a day and a serial number, and what was drawn
        at random is not looked at."""
        if self._forms is None or (plain := _plain(text)) == "" or (not free and _DRAWN.fullmatch(text)):
            return False
        if _DAY_OR_MOMENT.fullmatch(text) is not None:
            return False
        if self._forms.search(plain) is not None:
            return True
        joined = _APART.sub(lambda run: run[0].replace("-", ""), plain)
        if joined != plain and self._forms.search(joined) is not None:
            return True
        if _MANY_SIGNS.match(joined) is None:
            return False
        if free and any(map(self._forms.fullmatch, _found(_BY_TWOS, joined))):
            return True
        in_parts = self._in_parts
        return in_parts is not None and any(
            in_parts.fullmatch(number) for way in _IN_PARTS for number in _found(way, joined)
        )


def _any_of(forms: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{form})" for form in forms)) if forms else None


def _plain(text: str) -> str:
    """The text in which a number is looked for: plain digits, and every separator as one "-"; times marked. Empty when
    it cannot hold a long number."""
    if text.isascii():
        if _MANY_DIGITS.match(text) is None:
            return ""
    elif sum(map(str.isdigit, text)) < FEWEST_DIGITS:
        return ""
    else:
        text = "".join(map(_digit, text))
    if ":" in text:
        text = _MINUTE.sub(r"\1u\2", _TIME.sub(r"\1t\2t\3", _MOMENT.sub(r"\1t", text)))
    if "+" in text:
        text = _COUNTRY.sub("+t", text)
    plain = _SEPARATORS.sub("-", text)
    return _BORN.sub("", plain) if "생" in plain else plain


def _found(way: re.Pattern[str], plain: str) -> Iterator[str]:
    """What is written in this way, as one number."""
    for found in way.finditer(plain):
        year, *day, number = (part.replace("-", "") for part in found.groups() if part is not None)
        yield year + "".join(part.zfill(2) for part in day) + number


def _digit(sign: str) -> str:
    """Also of circled and raised digits, and of those of all scripts."""
    value = unicodedata.digit(sign, None)
    if value is not None:
        return str(value)
    return "" if unicodedata.category(sign) in _UNSEEN else sign
