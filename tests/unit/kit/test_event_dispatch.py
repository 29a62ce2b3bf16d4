"""A record's second chance is like its first: what has no effect from the topic has none from quarantine."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.events import Event
from shared.events.envelope import to_kafka
from shared.events.topics.deliveries import NOTICE_DELIVERED, Delivery
from shared.kit.base.sealing import Sealer
from shared.kit.kafka.records import Bad, Origin, Partition, Record
from shared.kit.runtime.cloudevent_codec import CloudEventCodec
from shared.kit.store.unit_of_work import UnitOfWork
from shared.kit.stream.event_dispatch import Routes
from shared.kit.stream.quarantine import COLLECTION, LARGEST_KEPT, Quarantine

pytestmark = pytest.mark.unit
CODEC = CloudEventCodec()
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
EXAMPLE = Delivery(delivery="a" * 32, recipient="gjf", channel="feed", about="notice", person="b" * 32)
EVENT = Event(
    id="c" * 32, source="/test", type=NOTICE_DELIVERED.name, version=1, time=NOW, key="a" * 32, data=EXAMPLE, sequence=1
)


@dataclass
class Again:
    """A quarantined record tried again by a service that reads ``topics`` and has a handler for deliveries."""

    topics: tuple[str, ...] = ("deliveries",)

    def __post_init__(self) -> None:
        self.handled: list[str] = []
        self.work = UnitOfWork(NOW, codec=CODEC)
        database: Any = defaultdict(object)
        self.routes = Routes("test", self.topics)
        self.routes.codec = CODEC
        self.routes.quarantine = Quarantine(database, Sealer(bytes(32)), "test", CODEC)

    def known(self) -> Again:
        self.routes.add(NOTICE_DELIVERED, lambda event, work: self.handled.append(event.id), lambda event, work: [])
        return self

    def apart(self, event: Event[Any], topic: str = "deliveries", value: bytes | None = None) -> str:
        key, said, headers = to_kafka(event)
        record = Record(topic, 0, 7, key, value or said, list(headers))
        origin = Origin(Partition(topic, 0), "t" * 8, 7)
        self.routes.quarantine.set_apart(self.work, record, origin, Bad("handler-failed", "KeyError", event.type))
        return origin.id

    def tried(self, id: str) -> Any:
        task = self.routes.again(id)
        try:
            list(task.needs(self.work))
            return task.do(self.work)
        except Exception as error:
            assert task.otherwise is not None
            task.otherwise(self.work, error)
            return error

    def kept(self, id: str) -> dict[str, Any]:
        return self.work.get(COLLECTION, id) or {}


class TestAgain:
    def test_a_mended_record_has_its_effect(self) -> None:
        world = Again().known()
        id = world.apart(EVENT)
        assert world.tried(id) is True
        assert world.handled == [EVENT.id]
        assert world.kept(id)["state"] == "replayed"

    def test_a_test_run_has_none_and_is_apart_no_longer(self) -> None:
        world = Again().known()
        id = world.apart(replace(EVENT, testrun=True))
        assert world.tried(id) is True
        assert world.handled == []
        assert world.kept(id)["state"] == "replayed"

    def test_what_nothing_here_takes_goes_by_as_it_would_from_the_topic(self) -> None:
        world = Again()
        id = world.apart(EVENT)
        assert world.tried(id) is True
        assert world.kept(id)["state"] == "replayed"

    def test_a_record_on_the_wrong_topic_stays_apart(self) -> None:
        world = Again(topics=("deliveries", "agencies")).known()
        id = world.apart(EVENT, topic="agencies")
        assert isinstance(world.tried(id), Exception)
        assert world.handled == []
        assert (world.kept(id)["state"], world.kept(id)["reason"]) == ("apart", "wrong-topic")

    def test_a_record_of_a_topic_that_is_not_read_here_is_left_alone(self) -> None:
        world = Again(topics=("agencies",))
        id = world.apart(EVENT)
        assert world.tried(id) is False
        assert (world.kept(id)["state"], world.kept(id)["attempts"]) == ("apart", 1)

    def test_a_record_too_large_to_be_kept_is_named_and_stays_apart(self) -> None:
        world = Again().known()
        id = world.apart(EVENT, value=b"x" * (LARGEST_KEPT + 1))
        assert world.kept(id)["sealed"] is None
        assert isinstance(world.tried(id), Exception)
        assert (world.kept(id)["reason"], world.kept(id)["attempts"]) == ("handler-failed", 2)
