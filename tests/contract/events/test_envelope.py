"""Events survive the way over Kafka and HTTP, and the public CloudEvents package reads what we write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage
from cloudevents.core.bindings.kafka import from_kafka as read_kafka
from cloudevents.core.formats.json import JSONFormat

from shared.events import Event, EventType, Refused, registry
from shared.events.data_classification import FEATURE
from shared.events.envelope import from_kafka, isotime, parse_time, to_kafka
from shared.events.topics.people import Person

pytestmark = pytest.mark.contract
TYPES = [pytest.param(item, id=f"{item.name}-{item.version}") for item in registry]
FULL = {
    "sequence": 3, "correlationid": "c0" * 16, "causationid": "ca" * 16, "actor": "w-1 counsellor", "testrun": True,
    "recordedtime": datetime(2026, 11, 20, 1, 2, 3, 456789, UTC),
    "traceparent": "00-" + "4b" * 16 + "-" + "00" * 7 + "01-01",
}  # fmt: skip


def event_of(event_type: EventType, **attributes: Any) -> Event[Any]:
    return Event(
        id="1d" * 16, source="/intake", type=event_type.name, version=event_type.version,
        time=datetime(2026, 11, 20, 0, 0, 0, tzinfo=UTC), key="0f" * 16,
        data=event_type.bus.model_validate_json(json.dumps(event_type.example)), **attributes,
    )  # fmt: skip


@pytest.fixture
def second_version() -> Iterator[EventType]:
    """A second version of a type, with one more field, for the time of a test."""

    class NewPerson(Person):
        languages: Annotated[tuple[str, ...], FEATURE]

    def upcast(before: Person) -> NewPerson:
        return NewPerson(languages=(), **dict(before))

    first = registry.find("person-updated", 1)
    example = {**first.example, "languages": ["ko"]}
    second = replace(first, version=2, bus=NewPerson, example=example, door=None, door_example=None, upcast=upcast)
    yield registry.add_type(second)
    del registry.types["person-updated", 2]


class TestKafkaBinaryMode:
    @pytest.mark.parametrize("event_type", TYPES)
    @pytest.mark.parametrize("more", [{}, FULL], ids=["least", "most"])
    def test_brings_back_the_same_event(self, event_type: EventType, more: dict[str, Any]) -> None:
        event = event_of(event_type, **more)
        key, value, headers = to_kafka(event)
        newest, data = registry.upcast(event_type, event.data)
        assert from_kafka(value, headers) == replace(event, version=newest.version, data=data)
        assert key == event.key.encode()

    @pytest.mark.parametrize("name", ["ce_type", "ce_id", "ce_source", "ce_time", "ce_partitionkey"])
    def test_without_a_needed_header_is_refused_by_its_name(self, name: str) -> None:
        _, value, headers = to_kafka(event_of(registry.find("job-posted")))
        with pytest.raises(Refused) as error:
            from_kafka(value, [header for header in headers if header[0] != name])
        assert (error.value.refusals[0].rule, error.value.refusals[0].field) == ("missing-field", f"/{name[3:]}")

    @pytest.mark.parametrize("raw", [None, b"\xff\xfe"])
    def test_with_an_unreadable_header_is_refused(self, raw: bytes | None) -> None:
        _, value, headers = to_kafka(event_of(registry.find("job-posted")))
        with pytest.raises(Refused) as error:
            from_kafka(value, [*headers, ("ce_actor", raw)])
        assert error.value.refusals[0].rule == "unreadable-header"

    @pytest.mark.parametrize("value", [None, b"", b"{", b'"x"', b"\xff"])
    def test_with_unreadable_data_is_refused(self, value: bytes | None) -> None:
        _, _, headers = to_kafka(event_of(registry.find("job-posted")))
        with pytest.raises(Refused):
            from_kafka(value, headers)

    def test_carries_no_default_that_nobody_set(self) -> None:
        _, value, _ = to_kafka(event_of(registry.find("trainee-graduated")))
        assert b"null" not in value
        assert b'"from":"2026-12"' in value  # and the names that senders know


class TestVersions:
    def test_live_side_by_side_and_are_all_read_as_the_newest(self, second_version: EventType) -> None:
        first = registry.find("person-updated", 1)
        for event_type, languages in ((first, ()), (second_version, ("ko",))):
            event = event_of(event_type)
            _, value, headers = to_kafka(event)
            assert dict(headers)["ce_dataschema"].endswith(f"/{event_type.version}".encode())
            found = from_kafka(value, headers)
            assert (found.version, type(found.data)) == (2, second_version.bus)
            assert (found.data.person, found.data.languages) == (event.data.person, languages)

    def test_are_told_apart_by_dataschema_alone(self, second_version: EventType) -> None:
        _, value, headers = to_kafka(event_of(second_version))
        old = [(n, v.replace(b"/2", b"/1") if n == "ce_dataschema" else v) for n, v in headers]
        with pytest.raises(Refused) as error:
            from_kafka(value, old)
        assert error.value.refusals[0].rule == "unknown-field"

    def test_that_nobody_knows_are_refused(self) -> None:
        _, value, headers = to_kafka(event_of(registry.find("person-updated", 1)))
        with pytest.raises(Refused) as error:
            from_kafka(value, [(n, v.replace(b"/1", b"/2") if n == "ce_dataschema" else v) for n, v in headers])
        assert error.value.refusals[0].rule == "unknown-version"


class TestPublicPackage:
    @pytest.mark.parametrize("event_type", TYPES)
    def test_reads_our_kafka_records(self, event_type: EventType) -> None:
        event = event_of(event_type, **FULL)
        key, value, headers = to_kafka(event)
        found = read_kafka(KafkaMessage(dict(headers), key, value), JSONFormat())
        assert (found.get_id(), found.get_source(), found.get_type()) == (event.id, event.source, event.type)
        assert found.get_time() == event.time
        assert found.get_dataschema() == event_type.dataschema
        assert found.get_extension("correlationid") == event.correlationid
        assert found.get_extension("partitionkey") == event.key
        assert found.get_data() == json.loads(value)


class TestAttributes:
    def test_have_names_that_cloudevents_allows(self) -> None:
        _, _, headers = to_kafka(event_of(registry.find("match-found"), **FULL))
        names = [name.removeprefix("ce_") for name, _ in headers if name != "content-type"]
        assert len(names) > 10
        for name in names:
            assert name.isascii()
            assert name.isalnum()
            assert name == name.lower()
            assert len(name) <= 20

    def test_say_the_class_of_what_is_carried(self) -> None:
        for type, said in (("match-found", b"feature"), ("job-posted", b"public")):
            assert dict(to_kafka(event_of(registry.find(type)))[2])["ce_dataclassification"] == said


class TestTimes:
    def test_are_written_in_utc(self) -> None:
        moment = datetime(2026, 11, 20, 9, 0, tzinfo=timezone(timedelta(hours=9)))
        assert isotime(moment) == "2026-11-20T00:00:00Z"
        assert parse_time("2026-11-20t09:00:00+09:00") == moment

    @pytest.mark.parametrize("text", ["2016-12-31T23:59:60Z", "2017-01-01T08:59:60.25+09:00"])
    def test_a_leap_second_is_the_second_before_it(self, text: str) -> None:
        assert f"{parse_time(text):%FT%T}" == "2016-12-31T23:59:59"

    @pytest.mark.parametrize("text", ["2016-12-31T23:59:60+09:00", "2016-12-31T23:58:60Z", "2016-12-31T23:59:61Z"])
    def test_there_is_no_other_second_of_that_number(self, text: str) -> None:
        with pytest.raises(ValueError, match="second"):
            parse_time(text)

    def test_without_zone_are_a_bug(self) -> None:
        with pytest.raises(ValueError, match="zone"):
            isotime(datetime(2026, 11, 20))  # noqa: DTZ001 - that is the point
