"""What the service asks its worker, and what it hears: each a plain value, so that it goes over a pipe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.intake.portions import Portion
from shared.events.refusal import Refusal, Refused
from shared.files import Converted, FileMapping


@dataclass(frozen=True)
class Start:
    """The first question: how to be a worker of this service. `id_key` makes the keyed hashes of events."""

    pack: str
    id_key: bytes
    instance: str
    log_level: str


@dataclass(frozen=True)
class OpenBatch:
    """A batch of at most so many events. What is heard: `Opened`."""

    body: bytes
    most: int
    agency: str
    now: datetime


@dataclass(frozen=True)
class OpenFile:
    """A file whose rows are events. What is heard: `Opened`."""

    body: bytes
    agency: str
    now: datetime
    testrun: bool
    as_of: datetime
    type: str | None
    mapping: FileMapping | None


@dataclass(frozen=True)
class Next:
    """The next portion of what was opened under this number. `late`: events of a batch that are put off, by position.
    What is heard: `Found`."""

    number: int
    late: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Close:
    """Nothing more is asked of it."""

    number: int


@dataclass(frozen=True)
class Opened:
    """Of a batch the type of each event, and why it cannot be read as a whole."""

    number: int
    types: list[str | None]
    refused: Refused | None = None


@dataclass(frozen=True)
class Found:
    """A portion, empty at the end. Of a file also the rows that it came from, without their events, how many rows held
    nothing so far, and why nothing after these can be read."""

    portion: Portion
    rows: list[Converted]
    empty: int = 0
    stopped: Refusal | None = None


Question = OpenBatch | OpenFile | Next | Close
