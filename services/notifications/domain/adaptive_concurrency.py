"""How many attempts at once one endpoint gets: an adaptive limit, AIMD."""

from __future__ import annotations


class ConcurrencyLimit:
    """``most``: while it answers well. Halved by every answer that is the endpoint's fault, one more by every good one.

    Notices leave one slot to recalls, as long as there is more than one.
    """

    def __init__(self, most: int) -> None:
        self._most = self._now = most
        self._taken = {"recall": 0, "notice": 0}

    @property
    def at_maximum(self) -> bool:
        """Whether nothing is held back at the moment."""
        return self._now == self._most

    def give_at_most(self, most: int) -> None:
        """Other replicas take the rest. Who had all has all of that."""
        if most != self._most:
            self._now = most if self.at_maximum else min(self._now, most)
            self._most = most

    def probe(self) -> None:
        """One at a time until it answers well."""
        self._now = 1

    def available(self, about: str) -> int:
        """How many recalls or notices may be started now."""
        most = self._now if about == "recall" else max(1, self._now - 1)
        return max(0, most - sum(self._taken.values()))

    def acquire(self, about: str) -> None:
        """One attempt starts."""
        self._taken[about] += 1

    def release(self, about: str) -> None:
        """One attempt has ended."""
        self._taken[about] -= 1

    def adjust(self, well: bool) -> None:
        """The endpoint gave a sensible answer, or not."""
        self._now = min(self._most, self._now + 1) if well else max(1, self._now // 2)
