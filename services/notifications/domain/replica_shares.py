"""What one of several replicas may take of what an endpoint wants: those that run share it evenly, without asking each
other. Who runs each of them has read a moment ago, so while one starts or goes they may differ for a while."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class ReplicaShare:
    """``me`` among the ``live`` replicas. ``patience``: so long the one that is to do something (ask an endpoint in an
    outage, send the letter of a day) is waited for, then the next one does."""

    me: str = ""
    live: Sequence[str] = ()
    patience: timedelta = timedelta(0)

    @property
    def count(self) -> int:
        """Among how many it is shared: at least this one."""
        return max(1, len({*self.live, self.me}))

    def rate(self, per_second: float | None) -> float | None:
        """Of the rate that an endpoint wants."""
        return None if per_second is None else per_second / self.count

    def slots(self, slots: int) -> int:
        """Of the attempts at once; at least one."""
        return max(1, slots // self.count)

    def probes(self, outage: str, waited: timedelta) -> bool:
        """Whether this one asks an endpoint in an outage that nobody has asked although it could have been for so long.

        Each ``outage`` is an endpoint since it last failed: one that asks and cannot get there is not always the first,
        for when it has failed, that is another outage.
        """
        return self.does(outage, waited)

    def does(self, what: str, waited: timedelta) -> bool:
        """Whether this one does what one replica alone is to do, and nobody has done although it has been due for so
        long. Each thing has its own order of replicas, the same for all of them: the first does it at once, and one
        that is gone is stood in for by the next."""

        def place(replica: str) -> bytes:
            return hashlib.sha256(f"{what}/{replica}".encode()).digest()

        before = sum(place(other) < place(self.me) for other in {*self.live} - {self.me})
        return waited >= before * self.patience
