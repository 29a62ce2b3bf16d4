"""Of whom something was forbidden lately, in the memory of this replica.

Every replica hears all that forbids, and keeps it before anything else happens (shared/access/prohibitions_stream.py).
What it heard before a transaction began was committed by then, so the transaction's snapshot holds it. What one found
allowed is therefore still allowed a moment later if this replica has heard nothing about its person and its agency
since the transaction began, and is sure that it hears: the broker has just told it where the logs end, and all of them
is taken in. Else the database is asked.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

HEARS_WITHIN_SECONDS = 2.0
SURE_SECONDS = 0.005  # so long a yes counts for all who ask: each delivery asks twice
ALLOWED_SECONDS = 30.0  # so long counts what a transaction found allowed, and so long is remembered what was heard


class RecentProhibitions:
    """``clock`` is monotonic. Until it knows whom to ask whether all was heard (`follow`), nothing is sure."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._current: Callable[[float], bool] = lambda seconds: False
        self._sure_at = -math.inf
        self._heard: dict[str, float] = {}  # who, and when last; in the order of time

    def follow(self, current: Callable[[float], bool]) -> None:
        """``current`` says whether all is taken in that was there at some moment within the last so many seconds."""
        self._current, self._sure_at = current, -math.inf

    def about(self, who: str) -> None:
        """Something about this person or agency is committed now."""
        now = self._clock()
        self._heard.pop(who, None)
        self._heard[who] = now
        while self._heard and next(iter(self._heard.values())) < now - ALLOWED_SECONDS:
            del self._heard[next(iter(self._heard))]

    @property
    def remembered(self) -> int:
        """Of how many it still knows when something was heard of them."""
        return len(self._heard)

    def is_sure(self) -> bool:
        """Whether this replica surely hears all that forbids."""
        now = self._clock()
        if now - self._sure_at > SURE_SECONDS:
            self._sure_at = now if self._current(HEARS_WITHIN_SECONDS - SURE_SECONDS) else -math.inf
        return self._sure_at > -math.inf

    def nothing_since(self, allowed_at: float, *about: str) -> bool:
        """Whether nothing was heard of these since a transaction began that found it allowed. It only means something
        while it `is_sure`."""
        return self._clock() - allowed_at <= ALLOWED_SECONDS and all(
            self._heard.get(who, -math.inf) < allowed_at for who in about
        )
