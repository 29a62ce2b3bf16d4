"""Records on Kafka, and the codec that makes events of them: what an application gives to the kit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple, Protocol

LARGEST_RECORD = 900_000  # bytes; Kafka's default limit is 1 MiB per record, headers included


# Tuples: who is behind reads some ten thousand records between two transactions, and a tuple is made in a third of the
# time of a frozen dataclass.


class Record(NamedTuple):
    """A record as it was read, or as the quarantine has kept it (``topic`` without prefix then)."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Partition(NamedTuple):
    """A partition of a topic (without prefix)."""

    topic: str
    number: int


class Origin(NamedTuple):
    """Where a record came from: never what was in it."""

    partition: Partition
    topic_id: str
    offset: int

    @property
    def id(self) -> str:
        """Names the record for ever."""
        return f"{self.partition.topic}/{self.topic_id}/{self.partition.number}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Bad:
    """Why a record is set apart. All three are the application's own words: a rule, a place in its contract, a type it
    knows; never a value of the record."""

    reason: str
    field: str = ""
    type: str = "unknown"


class Outgoing(NamedTuple):
    """One record to publish, as it will be on the wire (topic without prefix)."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]

    @property
    def size(self) -> int:
        return len(self.key) + len(self.value) + sum(map(len, chain.from_iterable(self.headers)))


class DeadLetter(NamedTuple):
    """What is said on a dead topic about a record that ``service`` could not process and has set apart."""

    topic: str
    service: str
    origin: Origin
    bad: Bad
    time: datetime


class NamedTopic(Protocol):
    """A topic, without prefix."""

    @property
    def name(self) -> str: ...


class EventType(Protocol):
    """A type of event, on the topic that it belongs to."""

    @property
    def name(self) -> str: ...
    @property
    def topic(self) -> NamedTopic: ...


class DecodedEvent(Protocol):
    """What the kit sees of an event; the rest is between its codec and its handler. ``testrun``: it passes without
    effect."""

    @property
    def type(self) -> str: ...
    @property
    def testrun(self) -> bool: ...


class EventCodec(Protocol):
    """How events become records and records events. It decides what is sound; the kit never looks into a payload."""

    def encode(self, event: Any) -> Outgoing:
        """The record of an event. Raises when it is no sound one: the operation that emitted it fails alone."""

    def decode(self, record: Record, topic: str) -> Any:
        """The DecodedEvent in a record of this topic, or a Bad. Must not raise, whatever anybody has put there."""

    def dead_letter(self, letter: DeadLetter) -> Outgoing:
        """The record that says it."""
