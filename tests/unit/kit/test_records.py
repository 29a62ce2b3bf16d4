from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.events import Event
from shared.events.envelope import to_kafka
from shared.events.topics.agencies import AGENCY_CHANGED
from shared.events.topics.deliveries import NOTICE_DELIVERED
from shared.kit.kafka.records import LARGEST_RECORD, Bad, Origin, Partition, Record
from shared.kit.runtime.cloudevent_codec import CloudEventCodec, type_of
from shared.kit.stream.event_dispatch import Routes, bad_of
from shared.kit.stream.stream import Stream
from tests.integration.kit.parts import agency_event, count, delivery, needs_of

pytestmark = pytest.mark.unit
CODEC = CloudEventCodec()
ORIGIN = Origin(Partition("deliveries", 2), "ab" * 16, 7)


def record(event: Event[Any] | None = None, *, value: Any = ..., headers: dict[str, Any] | None = None) -> Record:
    key, content, found = to_kafka(event or delivery(1))
    changed = {**dict(found), **(headers or {})}
    return Record("deliveries", 2, 7, key, content if value is ... else value, list(changed.items()))


def read_record(record: Record, topic: str = "deliveries") -> Any:
    return CODEC.decode(record, topic)


class TestDecode:
    def test_gives_a_sound_event(self) -> None:
        assert read_record(record()) == delivery(1)

    @pytest.mark.parametrize(
        ("broken", "reason"),
        [
            (record(value=None), "missing-field"),
            (record(value=None)._replace(key=None), "missing-field"),
            (record(value=b"{not json"), "not-json"),
            (record(value=b"\xff\xfe"), "not-json"),
            (record(value=b"{}"), "missing-field"),
            (record(value=b"[" * 100_000), "not-json"),
            (record(value=b"x" * (LARGEST_RECORD + 1)), "too-large"),
            (record(headers={"ce_id": None}), "unreadable-header"),
            (record(headers={"ce_actor": b"\xff"}), "unreadable-header"),
            (record(headers={"ce_type": b"no-such", "ce_dataschema": b"https://x/no-such/1"}), "unknown-type"),
            (record(headers={"ce_type": b"notice-failed"}), "wrong-form"),
            (record(headers={"ce_dataschema": b"https://x/notice-delivered/99"}), "unknown-version"),
            (record(headers={"ce_time": b"yesterday"}), "wrong-form"),
        ],
    )
    def test_says_what_is_wrong_and_never_raises(self, broken: Record, reason: str) -> None:
        bad = read_record(broken)
        assert isinstance(bad, Bad)
        assert bad.reason == reason

    @pytest.mark.parametrize("key", [None, b"", b"another"])
    def test_a_record_under_another_key_may_be_out_of_order(self, key: bytes | None) -> None:
        assert read_record(record()._replace(key=key)) == Bad("wrong-key", "/partitionkey", NOTICE_DELIVERED.name)

    @pytest.mark.parametrize("value", [None, b"\xff"])
    def test_names_an_unreadable_header_only_when_it_is_one_of_the_contract(self, value: bytes | None) -> None:
        assert read_record(record(headers={"ce_actor": value})) == Bad(
            "unreadable-header", "/headers/actor", NOTICE_DELIVERED.name
        )
        assert read_record(record(headers={"ce_HongGildong": value})) == Bad(
            "unreadable-header", "/headers", NOTICE_DELIVERED.name
        )

    def test_a_type_of_another_topic_is_bad(self) -> None:
        assert read_record(record(agency_event("gjf", 1))) == Bad("wrong-topic", "/type", AGENCY_CHANGED.name)

    def test_a_header_of_somebody_elses_may_be_anything(self) -> None:
        assert read_record(record(headers={"trace": None, "x": b"\xff"})) == delivery(1)

    def test_says_nothing_of_the_content(self) -> None:
        bad = read_record(record(value=b'{"name": "Hong Gildong", "010-1234-5678": 1}'))
        assert "Hong" not in repr(bad)
        assert "010" not in repr(bad)


class TestTypeOf:
    def test_is_one_of_ours_or_unknown(self) -> None:
        assert type_of(record()) == NOTICE_DELIVERED.name
        assert type_of(record(headers={"ce_type": "김철수".encode()})) == "unknown"
        assert type_of(record(headers={"ce_type": None})) == "unknown"


class TestBadBy:
    def test_names_the_class_of_the_error_only(self) -> None:
        assert bad_of(ValueError("born 1991-03-02"), "t") == Bad("handler-failed", "ValueError", "t")


class TestRoutes:
    def routes(self) -> Routes:
        routes = Routes("test", ["deliveries"])
        routes.add(NOTICE_DELIVERED, count, needs_of)
        return routes

    def test_a_test_run_and_a_type_without_handler_are_passed_over(self) -> None:
        routes = self.routes()
        assert routes.passes_over(delivery(1, testrun=True))
        assert routes.passes_over(replace(delivery(1), type="notice-failed"))
        assert not routes.passes_over(delivery(1))
        assert not routes.passes_over(Bad("not-json"))

    def test_a_type_has_one_handler_and_must_be_read(self) -> None:
        stream = Stream("test", ["deliveries"])
        stream.subscriber(NOTICE_DELIVERED, needs=needs_of)(count)
        with pytest.raises(ValueError, match="already"):
            stream.subscriber(NOTICE_DELIVERED, needs=needs_of)(count)
        with pytest.raises(ValueError, match="does not read"):
            stream.subscriber(AGENCY_CHANGED, needs=needs_of)(count)


class TestOrigin:
    def test_names_the_record_for_ever(self) -> None:
        assert ORIGIN.id == f"deliveries/{'ab' * 16}/2/7"
