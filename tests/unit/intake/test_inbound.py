"""From a record of Kafka to an event of the door: modes, sealed identity, and what is said of the rest. No broker."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from services.intake.inbound.answers import Answered, document_of, records_of
from services.intake.inbound.api import state_of
from services.intake.inbound.records import item_of, opened
from services.intake.schemas import Receipt
from services.intake.settings import IntakeSettings
from shared.events.identity_boxes import BoxBroken, BoxKeys, UnknownBoxKey, seal
from shared.events.refusal import Refused
from shared.kit.base.ids import Ids
from shared.kit.base.sealing import Sealer
from shared.kit.kafka.records import Origin, Partition
from shared.kit.kafka.settings import KafkaSecurity, KafkaSettings

pytestmark = pytest.mark.unit
NEW, OLD, OTHER = bytes(range(32)), bytes(range(1, 33)), bytes(range(2, 34))
SOURCE, ID = "/agencies/hanawon", "hw-1"
UNSUPPORTED = ("unsupported-media-type", "/datacontenttype")
STRUCTURED = [("content-type", b"application/cloudevents+json")]


@dataclass
class Record:
    value: bytes | None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)
    topic: str = "inbound.hanawon"
    partition: int = 0
    offset: int = 7
    key: bytes | None = None


def record(value: bytes | None, headers: list[tuple[str, bytes | None]]) -> Any:
    """As much of a consumer's as is looked at."""
    return Record(value, headers)


def public(private: bytes) -> bytes:
    return base64.b64decode(next(iter(BoxKeys([private]).public.values())))


def rules(item: Any) -> list[tuple[str, str]]:
    assert isinstance(item, Refused)
    return [(one.rule, one.field) for one in item.refusals]


class TestRecords:
    def test_structured(self) -> None:
        event = {"specversion": "1.0", "id": ID, "data": {"a": 1}}
        assert item_of(record(json.dumps(event).encode(), [*STRUCTURED])) == event

    def test_binary_with_letters_as_they_are(self) -> None:
        headers = [("ce_specversion", b"1.0"), ("CE_ID", "가%20나".encode()), ("content-type", b"application/json")]
        found = item_of(record(b'{"a": 1}', [*headers, ("trace", b"x"), ("ce_time", None)]))
        assert found == {"specversion": "1.0", "id": "가%20나", "time": "", "data": {"a": 1}}

    @pytest.mark.parametrize(
        ("value", "headers", "rule", "place"),
        [
            (None, [], "missing-field", "/data"),
            (b"{", STRUCTURED, "not-json", ""),
            (b"\xff\xfe", STRUCTURED, "not-utf-8", ""),
            (b"[]", [("content-type", b"application/cloudevents-batch+json")], *UNSUPPORTED),
            (b"{}", [("content-type", b"application/cloudevents+avro")], *UNSUPPORTED),
            (b"{}", [("content-type", b"application/json")], *UNSUPPORTED),
            (b"{}", [("ce_specversion", b"1.0"), ("ce_id", b"\xff")], "wrong-encoding", "/id"),
            (b"{}", [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_id", b"2")], "named-twice", "/id"),
            (b"{}", [("ce_specversion", b"1.0"), ("ce_id", b"x" * 100_000)], "too-long", "/id"),
            (b"{}", [("ce_specversion", b"1.0"), *((f"ce_{n}", b"") for n in range(1_000))], "too-many", ""),
        ],
    )  # fmt: skip
    def test_what_is_no_event_is_refused(self, value: Any, headers: Any, rule: str, place: str) -> None:
        assert rules(item_of(record(value, [*headers]))) == [(rule, place)]


class TestIdentity:
    def event(self, identity: Any, **other: Any) -> dict[str, Any]:
        return {"id": ID, "source": SOURCE, "data": {"reference": "HW-1", "identity": identity}, **other}

    def test_opens_what_was_sealed_to_the_new_key_or_the_old_one(self) -> None:
        for key in (NEW, OLD):
            box = seal({"name": "가"}, public(key), SOURCE, ID)
            found = opened(self.event(box), BoxKeys([NEW, OLD]))
            assert found.refusals == ()
            assert found.item == self.event({"name": "가"})

    def test_the_first_key_is_the_one_to_seal_to(self) -> None:
        assert list(BoxKeys([NEW, OLD]).public.values()) == [
            base64.b64encode(public(key)).decode() for key in (NEW, OLD)
        ]

    @pytest.mark.parametrize("identity", [{"name": "가"}, {"key": "a"}, {"name": "가", "box": 1}, "가", ["가"], 7])
    def test_what_was_not_sealed_goes_no_further(self, identity: Any) -> None:
        found = opened(self.event(identity), BoxKeys([NEW]))
        assert [(one.rule, one.field, dict(one.values)) for one in found.refusals] == [
            ("identity-not-sealed", "/data/identity", {})
        ]
        assert found.item == {"id": ID, "source": SOURCE, "data": {"reference": "HW-1"}}

    def test_also_when_the_data_came_as_base64(self) -> None:
        data = base64.b64encode(json.dumps({"identity": {"name": "가"}}).encode()).decode()
        found = opened({"id": ID, "source": SOURCE, "data_base64": data}, BoxKeys([NEW]))
        assert [one.rule for one in found.refusals] == ["identity-not-sealed"]
        assert found.item == {"id": ID, "source": SOURCE, "data": {}}

    @pytest.mark.parametrize(
        ("change", "rule"),
        [
            ({"id": "hw-2"}, "box-not-opened"),
            ({"source": "/agencies/gjf"}, "box-not-opened"),
            ({"id": None}, "box-not-opened"),
        ],
    )
    def test_a_box_of_another_event_does_not_open(self, change: dict[str, Any], rule: str) -> None:
        box = seal({"name": "가"}, public(NEW), SOURCE, ID)
        found = opened(self.event(box, **change), BoxKeys([NEW]))
        assert [one.rule for one in found.refusals] == [rule]
        assert "identity" not in found.item["data"]

    def test_a_key_that_is_gone_is_told_from_a_box_that_is_broken(self) -> None:
        box = seal({"name": "가"}, public(OTHER), SOURCE, ID)
        assert [one.rule for one in opened(self.event(box), BoxKeys([NEW])).refusals] == ["box-key-unknown"]
        named = {**box, "key": next(iter(BoxKeys([NEW]).public))}
        assert [one.rule for one in opened(self.event(named), BoxKeys([NEW])).refusals] == ["box-not-opened"]

    def test_events_without_identity_pass(self) -> None:
        for event in ({"data": {"reference": "a"}}, {"data": {"identity": None}}, {"data": 7}, {}):
            assert opened(event, BoxKeys([NEW])).item == event

    @pytest.mark.parametrize("box", ["", "!", "AAAA", "가", "A" * 20_000])
    def test_rubbish_is_no_box(self, box: str) -> None:
        keys = BoxKeys([NEW])
        with pytest.raises(BoxBroken) as raised:
            keys.open({"key": next(iter(keys.public)), "box": box}, SOURCE, ID)
        assert not isinstance(raised.value, UnknownBoxKey)


class TestAnswers:
    def test_are_kept_sealed_and_published_as_cloudevents_under_the_same_id(self) -> None:
        ids, sealer, now = Ids(NEW), Sealer(OLD), datetime(2026, 11, 28, tzinfo=UTC)
        origin = Origin(Partition("inbound.hanawon", 0), "t1", 41)
        answered = Answered(origin, b"k\xff", Receipt(id="HW 가", status="accepted", receipt="r"))
        one, two = (document_of([answered], "d", "hanawon", now, ids, sealer) for _ in range(2))
        assert "HW 가" not in repr(one)
        assert repr("HW 가".encode())[2:-1] not in repr(one)  # long enough to come out of no seal by chance
        (record,) = records_of(one, sealer)
        assert record.key == b"k\xff"
        assert json.loads(record.value) == {
            "partition": 0, "offset": 41, "id": "HW 가", "status": "accepted", "receipt": "r",
        }  # fmt: skip
        headers = dict(record.headers)
        assert (headers["ce_type"], headers["ce_specversion"]) == (b"event-answered", b"1.0")
        assert headers["ce_id"] == dict(records_of(two, sealer)[0].headers)["ce_id"]


class TestOff:
    def test_where_nobody_is_authenticated_or_nothing_can_be_sealed(self) -> None:
        open_to_all = KafkaSettings(bootstrap="k:1", instance="i")
        known = KafkaSettings(
            bootstrap="k:1", instance="i", prefix="p.",
            security=KafkaSecurity(security_protocol="SASL_SSL", user="u", password="p"),
        )  # fmt: skip
        off, without, on = (
            state_of(open_to_all, BoxKeys([NEW])), state_of(known, BoxKeys([])), state_of(known, BoxKeys([NEW, OLD])),
        )  # fmt: skip
        assert (off.open, off.keys, "authenticates nobody" in (off.why or "")) == (False, [], True)
        assert (without.open, "IEUM_INBOUND_KEYS" in (without.why or "")) == (False, True)
        assert (on.open, on.why, len(on.keys), on.publish_to) == (True, None, 2, "p.inbound.<agency>")

    @pytest.mark.parametrize("keys", ["x", "00" * 32, "a1" * 31, f"{NEW.hex()},", "d3" * 32])
    def test_keys_that_are_none_are_not_started_with(self, keys: str) -> None:
        with pytest.raises(ValidationError) as raised:
            IntakeSettings(profile="development", kafka="k:1", mongo_url="mongodb://m/", inbound_keys=keys)
        assert keys not in str(raised.value) or keys == "x"
