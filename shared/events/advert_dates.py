"""The last day of an advert, and how far away its days may be: a rule of the door that a sender can see offline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from shared.events.refusal import Refusal
from shared.events.topics.opportunities import JobAtDoor, ProgrammeAtDoor

LONGEST_OPEN = timedelta(days=3 * 366)


def wrong_dates(data: JobAtDoor | ProgrammeAtDoor, today: date) -> Iterator[Refusal]:
    """An advert ends some day, or says that it is open until the places are filled; one that has ended is not open."""
    if data.closes is None:
        if not data.until_filled:
            yield Refusal("no-closing-date", "/data/closes")
    elif data.closes < today:
        yield Refusal("closes-in-the-past", "/data/closes")
    for name in ("closes", "starts"):
        day: date | None = getattr(data, name)
        if day is not None and not today - LONGEST_OPEN <= day <= today + LONGEST_OPEN:
            yield Refusal("date-too-far", f"/data/{name}", {"days": LONGEST_OPEN.days})
