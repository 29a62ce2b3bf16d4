"""Which day it is for the matches: a day that begins cannot be taken back, for it withdraws what has ended."""

from __future__ import annotations

from datetime import date, tzinfo

from shared.kit.base.clock import Clock


class MatchingDay:
    """The day in the programme's zone. While the clock is in doubt (shared/kit/base/clock.py) it is the earlier one of
    two, and never before the latest that was ``reached``: matches that stand are neither withdrawn nor begun anew."""

    def __init__(self, clock: Clock, zone: tzinfo) -> None:
        self._clock = clock
        self._zone = zone
        self.reached: date | None = None

    def to_match(self) -> date:
        """The day by which matches come and go."""
        day = self._clock.earliest().astimezone(self._zone).date()
        if self.reached is None or not self._clock.doubtful:
            return day
        return max(day, self.reached)

    def to_show(self) -> date:
        """The day by which something may still be shown."""
        return self._clock.latest().astimezone(self._zone).date()
