"""Time, and how far it can be believed (docs/decisions/0010).

Two clocks. The *wall clock* is the machine's: leases, limits, key expiry. The *calendar* is what consents, retry
schedules and milestones follow; a setting may move it (rehearsals, demos), which production refuses.

The wall clock may be wrong, so it is compared with MongoDB's: with the server's time carried on by the monotonic clock,
so that one which jumps is doubted at the next question. While the two differ by more than a minute nobody here knows
which one is right, and ``latest``, ``earliest`` and ``calendar`` part; without doubt all three are the wall clock. Not
guaranteed: two clocks that are wrong by the same amount; MongoDB's own TTL deletions, which follow the server alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

MOST_DIFFERENCE = timedelta(minutes=1)


def machine_time() -> datetime:
    """The wall clock of this machine, aware UTC. The only place that reads it."""
    return datetime.now(UTC)


class Clock:
    """One per process. ``heard`` is told MongoDB's time now and then; before the first time there is no doubt yet,
    so the kit asks before anything is done. ``offset`` moves the calendar."""

    def __init__(
        self,
        offset: timedelta = timedelta(0),
        *,
        wall: Callable[[], datetime] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._offset = offset
        self._wall = wall
        self._monotonic = monotonic
        self._server: datetime | None = None
        self._at = 0.0

    def wall(self) -> datetime:
        return machine_time() if self._wall is None else self._wall()

    def heard(self, server: datetime, asked: float, answered: float) -> None:
        """MongoDB said its time between these two readings of the monotonic clock."""
        self._server, self._at = server, (asked + answered) / 2

    def server(self) -> datetime | None:
        """MongoDB's time now, carried on by the monotonic clock; None before it was heard."""
        return None if self._server is None else self._server + timedelta(seconds=self._monotonic() - self._at)

    @property
    def difference(self) -> timedelta:
        """Wall clock minus MongoDB's; zero before it was heard."""
        server = self.server()
        return timedelta(0) if server is None else self.wall() - server

    @property
    def doubtful(self) -> bool:
        return abs(self.difference) > MOST_DIFFERENCE

    def trusted(self) -> datetime:
        """The time to write down where it is compared with MongoDB's own (TTL, age of an outbox row): never moved."""
        return self._readings()[1]

    def calendar(self) -> datetime:
        """The time to write down and to schedule by: the server's, for all replicas share it."""
        return self._readings()[1] + self._offset

    def latest(self) -> datetime:
        """What has ended by now, by either clock, may not be sent or shown any more."""
        return self._readings()[2] + self._offset

    def earliest(self) -> datetime:
        """What has ended by now, by both clocks, has ended for good (a lapse, a recall by time); all else waits."""
        return self._readings()[0] + self._offset

    def _readings(self) -> tuple[datetime, datetime, datetime]:
        """Earliest, trusted and latest, without the offset."""
        wall, server = self.wall(), self.server()
        if server is None or abs(wall - server) <= MOST_DIFFERENCE:
            return wall, wall, wall
        return min(wall, server), server, max(wall, server)
