"""The circuit breaker of one endpoint: closed while it answers, open after an outage, half-open for one attempt at a
time when the wait is over; and given up after a long time.

It is stored as the count of bad answers in a row and ``held_until``, so every replica and a restart know of it. One
attempt after each wait is the probe: the endpoint's concurrency is one by then. Its first good answer closes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.notifications.domain.retry_schedule import OUTAGE

WARNED_BEFORE = timedelta(days=1)  # its end; half of the whole time where that is less
MOST_COUNTED = 20  # bad answers in a row; fewer never end a subscription, however long ago the first was


@dataclass(frozen=True, slots=True)
class Breaker:
    """``first``: how long it stays open after an outage has begun, and always while a recall waits; doubled by each bad
    probe of a notice up to ``longest``. ``give_up_after``: since the first bad answer in a row. ``recall_held``: the
    most of what a partner asks us to wait that holds a recall, too; a notice it holds for all of it."""

    first: timedelta = timedelta(seconds=3)
    longest: timedelta = timedelta(minutes=1)
    give_up_after: timedelta = timedelta(days=5)
    recall_held: timedelta = timedelta(minutes=2)

    def asked(self, hold: timedelta | None, about: str) -> timedelta | None:
        """For how much of what the partner asked for (``hold``) a notice or a recall waits."""
        return min(hold, self.recall_held) if hold is not None and about == "recall" else hold

    def open_for(self, failures: int, about: str) -> timedelta | None:
        """How long nothing is sent after so many bad answers in a row, the last one to a notice or a recall; None: it
        stays closed."""
        if failures < OUTAGE:
            return None
        return self.first if about == "recall" else min(self.first * 2 ** (failures - OUTAGE), self.longest)

    def gives_up_at(self, failures: int, since: datetime | None) -> datetime | None:
        """When the subscription ends if nothing changes: told from the beginning of an outage on."""
        return None if since is None or failures < OUTAGE else since + self.give_up_after

    def warns_at(self, failures: int, since: datetime | None) -> datetime | None:
        """From when on its owner is to be told that it is about to end."""
        ends = self.gives_up_at(failures, since)
        return None if ends is None else ends - min(WARNED_BEFORE, self.give_up_after / 2)

    def gives_up(self, failures: int, since: datetime | None, now: datetime) -> bool:
        """Whether it ends now: by count and by time."""
        return since is not None and failures >= MOST_COUNTED and now - since >= self.give_up_after
