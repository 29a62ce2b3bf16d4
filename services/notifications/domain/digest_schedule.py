"""When a digest leaves: once a day at a time of the clock on the wall, whatever that clock does."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo


def next_window(after: datetime, zone: tzinfo, at: time) -> datetime:
    """The first moment strictly after ``after`` at which a day's digest leaves.

    A time that a day has twice is its first; a time that a day does not have is as far behind the gap as it would lie
    in it. So every local day has exactly one, and what is told at the very moment belongs to the next.
    """
    day = after.astimezone(zone).date()
    while True:
        moment = datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
        if moment > after:
            return moment
        day += timedelta(days=1)
