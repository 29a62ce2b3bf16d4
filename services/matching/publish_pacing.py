"""How much of the time goes into telling while much waits to be taken in."""

from __future__ import annotations

import time
from collections.abc import Callable

SHARE_IN_A_FLOOD = 0.1
LONGEST_SECONDS = 30.0  # until the next: a database that stood still does not hold telling back for long


class PublishPacing:
    """As long as no more waits than ``most`` (records of one batch), all the time that is left may go into telling. In
    a flood it is `SHARE_IN_A_FLOOD`: windows get longer, so that more of what comes is told at once, and less in all.
    What takes away is never held back, and is not counted."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._next = 0.0

    def may_publish(self, waiting: int) -> bool:
        """Whether it is time to tell something, where so much waits to be taken in and assessed."""
        return waiting <= self._most or self._clock() >= self._next

    def seconds_left(self) -> float:
        """Until it is time, however much waits."""
        return max(0.0, self._next - self._clock())

    def published(self, began: float) -> None:
        """Something was told from then on until now."""
        now = self._clock()
        self._next = now + min((now - began) * (1 / SHARE_IN_A_FLOOD - 1), LONGEST_SECONDS)
