"""Kafka records as the stream sees them: sound events, or the reason why not. No IO."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared.events import Event, Refused, registry
from shared.events.envelope import from_kafka
from shared.kit.store.unit_of_work import LARGEST_EVENT
from shared.kit.stream.checkpoints import Partition

LARGEST_VALUE = LARGEST_EVENT  # nobody of ours may say more in one event
_SAFE_FIELD = re.compile(r"^[A-Za-z0-9_/, -]{0,200}$")


class Record(Protocol):
    """What we use of aiokafka's ConsumerRecord."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


@dataclass(frozen=True, slots=True)
class Origin:
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
    """Why a record is set apart. All three are ours: a rule, a place in the contract, a registered type."""

    reason: str
    field: str = ""
    type: str = "unknown"


def read_record(record: Record) -> Event[Any] | Bad:
    """The event in a record, or what is wrong with it. Never raises, whatever anybody put into the topic."""
    try:
        if record.value is not None and len(record.value) > LARGEST_VALUE:
            return Bad("too-large", "/data", type_of(record))
        event = from_kafka(record.value, record.headers)
    except Refused as refused:
        first = refused.refusals[0]
        field = first.field if _SAFE_FIELD.match(first.field) else ""
        return Bad(first.rule, field, type_of(record))
    except Exception as error:  # a way to be wrong that the contract's reader did not foresee
        return bad_by(error, type_of(record))
    if record.key != event.key.encode():  # it may be in another partition than the events before it
        return Bad("wrong-key", "/partitionkey", event.type)
    return event


def bad_by(error: Exception, type: str) -> Bad:
    """What a failed handler is called: the class of the error, no word of its text."""
    name = error.__class__.__name__
    return Bad("handler-failed", name if _SAFE_FIELD.match(name) else "", type)


def type_of(record: Record) -> str:
    """The record's type if it is one of ours, else "unknown": a header is somebody's text."""
    for name, value in record.headers:
        if name == "ce_type" and value is not None and len(value) <= 100:
            text = value.decode(errors="replace")
            return text if registry.versions(text) else "unknown"
    return "unknown"
