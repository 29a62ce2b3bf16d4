"""The rate that an endpoint wants, kept by its worker: a token bucket. Each replica has its own, filled at its share
(replica_shares.py)."""

from __future__ import annotations

import math

BURST_SECONDS = 0.25  # of its rate, at least one request
AHEAD_SECONDS = 1.0  # what leaves later is not claimed yet: another replica may send it sooner, or something goes first


def ahead(per_second: float) -> int:
    """How many to claim ahead."""
    return max(1, math.ceil(per_second * AHEAD_SECONDS))


class Pace:
    """``now`` is any clock that only goes forward."""

    def __init__(self) -> None:
        self._tokens: float | None = None
        self._at = 0.0

    def allow(self, per_second: float | None, wanted: int, now: float) -> int:
        """How many of so many requests may leave now; None: all."""
        if per_second is None:
            return wanted
        most = max(1.0, per_second * BURST_SECONDS)
        tokens = most if self._tokens is None else min(most, self._tokens + (now - self._at) * per_second)
        self._at = now
        allowed = min(wanted, int(tokens + 1e-9))
        self._tokens = tokens - allowed
        return allowed

    def wait(self, per_second: float) -> float:
        """Seconds until the next one may leave, asked right after `allow`."""
        return max(0.0, 1 - (self._tokens or 0.0)) / per_second
