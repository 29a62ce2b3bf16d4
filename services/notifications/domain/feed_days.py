"""Which entries of a feed belong to which day: stretches of positions, so that a day that is over gets no entry more.

A day begins with the first entry that is given on it, or when somebody looks at the files; from then on no entry can
belong to an earlier one, whatever a replica's clock says. A day without an entry has an empty stretch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

KEPT_DAYS = 30  # files can be fetched for so long; entries are kept for 90 days after they have arrived

Days = Sequence[tuple[date, int]]  # each day that has begun with the first position that may be its own, oldest first


@dataclass(frozen=True, slots=True)
class Stretch:
    """The positions of one day, both included; none if ``last`` is before ``first``. ``closed``: it gets no more."""

    day: date
    first: int
    last: int
    closed: bool


def begun(days: Days, today: date, next_position: int) -> Days:
    """With ``today``, if it is later than all of them; without those that are not needed any more."""
    if days and days[-1][0] >= today:
        return days
    oldest = today - timedelta(days=KEPT_DAYS)
    after = [*days, (today, next_position)]
    return [each for each, (follows, _) in pairwise(after) if follows > oldest] + after[-1:]


def stretch_of(days: Days, day: date, position: int) -> Stretch | None:
    """Where a day lies in a feed whose last position this is; None for one that has no file (yet, or any more)."""
    if not days or not days[0][0] <= day <= days[-1][0] or day < days[-1][0] - timedelta(days=KEPT_DAYS):
        return None
    first = next((first for begins, first in reversed(days) if begins == day), None)
    after = next((first for begins, first in days if begins > day), None)
    last = position if after is None else after - 1
    return Stretch(day, last + 1 if first is None else first, last, after is not None)


def shown(days: Days, position: int) -> list[Stretch]:
    """Every day that has a file, newest first."""
    if not days:
        return []
    newest = days[-1][0]
    found = (stretch_of(days, newest - timedelta(days=n), position) for n in range(KEPT_DAYS + 1))
    return [each for each in found if each is not None]


def day_of(days: Days, position: int) -> date | None:
    """The day to which an entry belongs; None for one from before the first."""
    return next((day for day, first in reversed(days) if first <= position), None)
