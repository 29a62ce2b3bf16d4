"""Invented identities that cannot be anybody's and can be searched for: every one is a canary.

Names are made of Hangul syllables that no Korean word uses (none is in the 2,350 of KS X 1001); the numbers begin with
010-0, which is given to no subscriber.
"""

from __future__ import annotations

from datetime import date
from random import Random

_FIRST, _LAST = 0xAC00, 0xD7A3


def _improbable() -> tuple[str, ...]:
    syllables = map(chr, range(_FIRST, _LAST + 1))
    return tuple(s for s in syllables if len(s.encode("euc_kr")) > 2)  # the codec spells out what KS X 1001 lacks


SYLLABLES = _improbable()


def name(random: Random) -> str:
    """Three syllables that nobody is called."""
    return "".join(random.choices(SYLLABLES, k=3))


def phone(random: Random, pattern: str) -> str:
    """A number in the form of ``pattern`` (two numbers: three and four digits) that nobody has."""
    return pattern.format(random.randrange(1000), random.randrange(10_000))


def birth_date(random: Random, age: int, today: date) -> date:
    """A day of birth of somebody who is ``age`` years old today."""
    year = today.year - age
    day = date(year, random.randint(1, 12), random.randint(1, 28))
    return day if (day.month, day.day) <= (today.month, today.day) else day.replace(year=year - 1)


def reference(random: Random, prefix: str) -> str:
    """An agency's own number, long enough to be found nowhere by chance. No vowels: it makes no word."""
    return f"{prefix}-" + "".join(random.choices("BCDFGHJKLMNPQRSTVWXZ23456789", k=8))
