"""Of whom something was forbidden lately, in the memory of this replica.

Every replica hears all that forbids, and keeps it before anything else happens (shared/access/prohibitions_stream.py).
So what a transaction found allowed is still allowed a moment later if this replica has heard nothing about its person
and its agency since, and is sure that it hears: the broker has just told it where the logs end, and all of them is
taken in. Else the database is asked.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

HEARS_WITHIN_SECONDS = 2.0
REMEMBERED_SECONDS = 120.0  # longer than what a transaction allowed counts, from before it read anything
ALLOWED_SECONDS = 30.0


class HeardProhibitions:
    """``clock`` is monotonic. Until it knows whom to ask whether all was heard (`follow`), nothing is sure."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._current: Callable[[float], bool] = lambda seconds: False
        self._heard: dict[str, float] = {}  # who, and when last; in the order of time

    def follow(self, current: Callable[[float], bool]) -> None:
        """``current`` says whether all is taken in that was there at some moment within the last so many seconds."""
        self._current = current

    def about(self, who: str) -> None:
        """Something about this person or agency is kept now."""
        now = self._clock()
        self._heard.pop(who, None)
        self._heard[who] = now
        while self._heard and next(iter(self._heard.values())) < now - REMEMBERED_SECONDS:
            del self._heard[next(iter(self._heard))]

    def is_sure(self) -> bool:
        """Whether this replica surely hears all that forbids."""
        return self._current(HEARS_WITHIN_SECONDS)

    def nothing_since(self, allowed_at: float, *about: str) -> bool:
        """Whether nothing was heard of these since a transaction began that found it allowed. It only means something
        while it `is_sure`."""
        now = self._clock()
        return now - allowed_at <= ALLOWED_SECONDS and not any(
            now - self._heard.get(who, -math.inf) <= REMEMBERED_SECONDS for who in about
        )
