"""How many of something an agency has begun in a month or a day: what bounds the sum of what it can make us keep.

In the collection of references, which nearly every event reads anyway."""

from __future__ import annotations

from datetime import datetime

from services.intake.documents import TALLIES, TallyDocument
from shared.kit.store.unit_of_work import UnitOfWork


def counted(id: str, most: int, until: datetime, work: UnitOfWork) -> TallyDocument | None:
    """The tally with one more in it, to be saved; None when there have been the most already. Name it in needs."""
    held = TALLIES.get(work, id)
    count = 0 if held is None else held["count"]
    return None if count >= most else TallyDocument(_id=id, count=count + 1, until=until)


def midnight(now: datetime) -> datetime:
    """The beginning of the day, UTC."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
