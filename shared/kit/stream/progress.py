"""How far a stream is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.kit.kafka.consumer import Reader
from shared.kit.kafka.records import Partition
from shared.kit.kafka.settings import KafkaSettings


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


def progress_of(reader: Reader | None, kafka: KafkaSettings, done: Mapping[Partition, int], moved: float) -> Progress:
    """How far this reader is when so much is ``done``; without one nothing runs. Asks nobody."""
    if reader is None or reader.kafka is None:
        return Progress(False, (), moved)
    found = []
    for assigned in sorted(reader.kafka.assignment()):
        partition = Partition(kafka.logical(assigned.topic), assigned.partition)
        end = reader.kafka.highwater(assigned)
        # before the first record of this session: where it is read from, our checkpoint or about to be
        next = done[partition] + 1 if partition in done else reader.position(assigned)
        lag = max(0, end - next) if end is not None and next is not None else 0
        found.append(PartitionProgress(*partition, (next or 0) - 1, lag))
    return Progress(True, tuple(found), moved)
