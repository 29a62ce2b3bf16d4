"""Days and months as people, spreadsheets and other systems write them."""

from __future__ import annotations

import re
from datetime import date, timedelta

OPEN_ENDED = date(9999, 12, 31)  # by a convention of databases
_PLAIN = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SHORT = re.compile(r"(\d{2})(\d{2})(\d{2})")
# What stands between the parts and behind them, and nothing else: "2026 4분기" and "2026-1기" are no months.
_BETWEEN = r"(?:\s{0,2}[-./,\u00b7\u2010-\u2015\u2212\u30fc\uff0c-\uff0f]\s{0,2}|\s{1,2})"
_YEAR, _MONTH_OF_YEAR = rf"(?:{_BETWEEN}|\s?년\s{{0,2}})", rf"(?:{_BETWEEN}|\s?월\s{{0,2}})"
_HOUR = r"(?:\s{1,2}|T)(?:오[전후]\s?)?\d{1,2}(?::\d{2}(?::\d{2}(?:\.0+)?)?|시(?:\s?\d{1,2}분)?)"
_PARTS = re.compile(
    rf"['\u2018\u2019]?(\d{{4}}|\d{{2}}){_YEAR}(\d{{1,2}}){_MONTH_OF_YEAR}(\d{{1,2}})(?:\s?일)?[.\uff0e]?"
    rf"(?:\s?\(([월화수목금토일])(?:요일)?\)|(?:\s|(?<=\.))([월화수목금토일])(?:요일)?)?(?:{_HOUR})?"
)
_MONTH = re.compile(rf"(\d{{4}})(\d{{2}})|(\d{{4}}){_YEAR}(\d{{1,2}})(?:\s?월|\.)?|'?(\d{{2}})\s?년\s?(\d{{1,2}})\s?월")
_ENGLISH = re.compile(r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-(\d{2})")
_SERIAL = re.compile(r"[2-7]\d{4}(?:\.\d+)?")  # behind the point is the time of the day
_FIRST_SERIAL = date(1899, 12, 30)  # so that the numbers are right from March 1900 on
_WEEK = "월화수목금토일"
_NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def read_day(text: str, this_century_until: int | None) -> date | None:
    """A day; None for what is none. Of two digits a year is of this century, or with a bound (for dates of birth, which
    may have six digits) only up to it and else of the last. A day of the week that is not that day's says that one of
    them is wrong."""
    text = text.strip()
    found = _PLAIN.fullmatch(text) or _PARTS.fullmatch(text)
    if found is None and this_century_until is not None:
        found = _SHORT.fullmatch(text)
    if found is None:
        return None
    year = int(found[1])
    if len(found[1]) == 2:
        year += 2000 if this_century_until is None or year <= this_century_until else 1900
    day = _day(year, int(found[2]), int(found[3]))
    of_the_week = found[4] or found[5] if found.re is _PARTS else None
    return None if day is None or (of_the_week and _WEEK[day.weekday()] != of_the_week) else day


def read_month(text: str) -> str | None:
    """A month as `2026-11`; None for what is none."""
    day = read_day(text, None)
    if day is not None:
        return f"{day:%Y-%m}"
    found = _MONTH.fullmatch(text.strip())
    if found is None:
        return None
    year, month = (int(part) for part in found.groups() if part is not None)
    return f"{year + 2000 * (year < 100)}-{month:02d}" if 1 <= month <= 12 else None


def month_of_a_spreadsheet(text: str) -> str | None:
    """`Nov-26`, which a spreadsheet makes of `2026-11` where it thinks in English."""
    found = _ENGLISH.fullmatch(text.strip())
    return None if found is None else f"20{found[2]}-{_NAMES.index(found[1]) + 1:02d}"


def day_of_a_spreadsheet(text: str) -> date | None:
    """The day that a spreadsheet counts as this number (46387 is 2026-12-31), between 1954 and 2119."""
    if _SERIAL.fullmatch(text.strip()) is None:
        return None
    return _FIRST_SERIAL + timedelta(days=int(float(text)))


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
