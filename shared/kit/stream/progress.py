"""How far a stream is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """How far one partition is: ``done`` is the last offset committed (-1: none; before the first record of a
    session: where it is read from), ``lag`` what the broker has beyond it as far as the consumer has heard."""

    topic: str
    partition: int
    done: int
    lag: int


@dataclass(frozen=True, slots=True)
class Progress:
    """For metrics and the watchdog. ``moved``: time.monotonic() of the last commit (or of the start). No partition
    although running for a while: nobody gives us work, which is an alarm."""

    running: bool
    partitions: tuple[PartitionProgress, ...]
    moved: float

    @property
    def lag(self) -> int:
        return sum(partition.lag for partition in self.partitions)
