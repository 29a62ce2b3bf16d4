"""The one list of topics and event types. A module in ``shared/events/topics`` that registers one is all it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from shared.events.data_classification import DataClass, Model, highest_class

SCHEMA_BASE = "https://schemas.ieum.invalid/"


@dataclass(frozen=True, slots=True)
class Topic:
    """A kind of thing. All events about one thing share the topic and a key, so that their order holds.

    ``key`` names what the partition key is the id of; ``written_by`` the one service that writes the topic. ``urgent``:
    small, and read by every replica apart from all others; to come late is worse than to come twice or out of order.
    """

    name: str
    key: str
    written_by: str
    retention: timedelta = timedelta(days=7)
    urgent: bool = False

    @property
    def dead(self) -> str:
        """Where consumers say what they could not process (never the payload)."""
        return f"{self.name}.dead"


@dataclass(frozen=True, slots=True)
class EventType:
    """One version of one type: what travels on the bus and, if agencies may send it, what the door takes.

    ``upcast`` makes of the version before's data this one's: whoever reads sees the newest version only. ``forbids``:
    it ends or takes away what somebody may do, so it waits for nothing else that its sender sends.
    """

    name: str
    version: int
    topic: Topic
    summary: str
    bus: type[Model]
    example: Mapping[str, Any]
    door: type[Model] | None = None
    door_example: Mapping[str, Any] | None = None
    upcast: Callable[[Any], Model] | None = None
    forbids: bool = False

    @property
    def dataschema(self) -> str:
        """The CloudEvents ``dataschema`` of this version."""
        return f"{SCHEMA_BASE}{self.name}/{self.version}"

    @property
    def dataclassification(self) -> DataClass:
        """The most dangerous class that an event of this type carries on the bus."""
        return highest_class(self.bus)


class UnknownType(LookupError):
    """No such event type, or not in that version."""


@dataclass(slots=True)
class Registry:
    """Topics by name, event types by name and version."""

    topics: dict[str, Topic] = field(default_factory=dict)
    types: dict[tuple[str, int], EventType] = field(default_factory=dict)

    def written_by(self, service: str) -> tuple[str, ...]:
        """The topics that only this service writes."""
        return tuple(topic.name for topic in self.topics.values() if topic.written_by == service)

    def add_topic(self, topic: Topic) -> Topic:
        """Register a topic; a name can be taken once."""
        if topic.name in self.topics:
            raise ValueError(f"topic {topic.name} is registered twice")
        self.topics[topic.name] = topic
        return topic

    def add_type(self, event_type: EventType) -> EventType:
        """Register one version of a type, one after the other from 1: all share a topic, one with another model than
        the version before knows how to upcast that one's data, and none carries an identity on the bus."""
        key = (event_type.name, event_type.version)
        if key in self.types:
            raise ValueError(f"event type {key} is registered twice")
        older = self.versions(event_type.name)
        if event_type.version != len(older) + 1:
            raise ValueError(f"event type {key}: the next version is {len(older) + 1}")
        if any(other.topic.name != event_type.topic.name for other in older):
            raise ValueError(f"{event_type.name}: all versions of a type live on one topic, else their order is lost")
        if older and older[-1].bus is not event_type.bus and event_type.upcast is None:
            raise ValueError(f"event type {key}: with another model than before it needs upcast, for those who read")
        if event_type.dataclassification is DataClass.IDENTITY:
            raise ValueError(f"{event_type.name}: a model with an identity field may not go on the bus")
        if (event_type.door is None) != (event_type.door_example is None):
            raise ValueError(f"{event_type.name}: a door model and its example come together")
        self.types[key] = event_type
        return event_type

    def versions(self, name: str) -> list[EventType]:
        """All versions of a type, oldest first; empty when the name is unknown."""
        found: list[EventType] = []
        while (next_one := self.types.get((name, len(found) + 1))) is not None:
            found.append(next_one)
        return found

    def known_name(self, value: object) -> str | None:
        """The value, if it is the name of a type. Whatever was sent may be asked about."""
        return value if isinstance(value, str) and (value, 1) in self.types else None

    def find(self, name: str, version: int | None = None) -> EventType:
        """One version, or the newest when none is asked for. Raises UnknownType."""
        if version is not None:
            if (name, version) not in self.types:
                raise UnknownType(name, version)
            return self.types[name, version]
        if not (versions := self.versions(name)):
            raise UnknownType(name)
        return versions[-1]

    def carrying(self, topic: str, model: type[Model]) -> list[EventType]:
        """The types of a topic whose events are read as this model: what a handler that expects it can take."""
        newest = {each.name: each for each in self if each.topic.name == topic}
        return [each for each in newest.values() if each.bus is model]

    def upcast(self, event_type: EventType, data: Model) -> tuple[EventType, Model]:
        """The newest version of the type, and the data as that one has it."""
        while (later := self.types.get((event_type.name, event_type.version + 1))) is not None:
            event_type, data = later, later.upcast(data) if later.upcast else data
        return event_type, data

    def __iter__(self) -> Iterator[EventType]:
        return iter(sorted(self.types.values(), key=lambda t: (t.topic.name, t.name, t.version)))


registry = Registry()
_Registered = TypeVar("_Registered", Topic, EventType)


def register(item: _Registered) -> _Registered:
    """Add a topic or an event type to the one registry and hand it back."""
    if isinstance(item, Topic):
        registry.add_topic(item)
    else:
        registry.add_type(item)
    return item
