"""What is published to Kafka, and what never leaves the machine; how the client comes to the brokers. No broker."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from clients.ieum.kafka.door import KafkaDoor, KafkaLogin
from clients.ieum.kafka.records import record_of
from shared.events.boxes import BoxKeys
from shared.events.registry import registry
from tests.support.files import PACK

pytestmark = pytest.mark.unit
PRIVATE = bytes(range(32))
KEYS = BoxKeys([PRIVATE])
PUBLIC = base64.b64decode(next(iter(KEYS.public.values())))
SECRET = "비밀이름"


def event(type: str, **changed: Any) -> dict[str, Any]:
    data = {**(registry.find(type).door_example or {}), **changed}
    return {
        "specversion": "1.0", "id": "e-1", "source": "/agencies/gjf", "type": type,
        "time": "2026-11-20T09:00:00+09:00", "data": data,
    }  # fmt: skip


def published(event: dict[str, Any]) -> dict[str, Any]:
    record = record_of(event, PUBLIC, PACK)
    assert isinstance(record, bytes), record
    found: dict[str, Any] = json.loads(record)
    return found


def refused(event: dict[str, Any]) -> list[tuple[str, str]]:
    answer = record_of(event, PUBLIC, PACK)
    assert isinstance(answer, dict)
    assert answer["status"] == "refused"
    assert SECRET not in json.dumps(answer, ensure_ascii=False)
    assert all(one["remedy"].keys() == {"ko", "en"} for one in answer["problem"]["errors"])
    return [(one["field"], one["rule"]) for one in answer["problem"]["errors"]]


def test_an_identity_travels_in_a_box_that_opens_for_its_event_alone() -> None:
    said = event("trainee-graduated")
    sent = published(said)
    assert json.loads(KEYS.open(sent["data"]["identity"], said["source"], said["id"])) == said["data"]["identity"]
    assert {**sent["data"], "identity": None} == {**said["data"], "identity": None}
    assert said["data"]["identity"]["name"] not in json.dumps(sent, ensure_ascii=False)


def test_data_in_base64_is_looked_into_and_sealed_too() -> None:
    said = event("trainee-graduated")
    packed = {**said, "data_base64": base64.b64encode(json.dumps(said.pop("data")).encode()).decode()}
    packed.pop("data", None)
    assert published(packed)["data"]["identity"].keys() == {"key", "box"}
    assert refused({**packed, "data_base64": "?"}) == [("/data_base64", "wrong-form")]


@pytest.mark.parametrize(
    "changed",
    [
        {"data": {"reference": "A-1", "idenity": {"name": SECRET}}},
        {"data": [SECRET]},
        {"type": "trainee-gradated"},
        {"type": None},
        {"data": {"reference": "A-1", "identity": {"name": SECRET, "birth_date": "1991-01-01", "nick": SECRET}}},
    ],
)
def test_what_may_name_somebody_outside_of_the_box_is_not_published(changed: dict[str, Any]) -> None:
    assert refused({**event("trainee-graduated"), **changed})


def test_what_names_nobody_goes_as_it_is_also_when_it_is_wrong() -> None:
    wrong = event("job-posted", titel="x")
    assert published(wrong) == wrong
    assert refused(event("job-posted", identity={"name": SECRET}))


class TestLogin:
    def test_over_tls_but_to_this_machine_itself(self) -> None:
        def protocol(brokers: str, **more: Any) -> str:
            return str(KafkaLogin(brokers, "agency-gjf", "secret", **more).settings()["security.protocol"])

        assert protocol("127.0.0.1:9092,localhost:9093,[::1]:9094") == "SASL_PLAINTEXT"
        assert protocol("127.0.0.1:9092,kafka.example:9092") == "SASL_SSL"
        assert protocol("127.0.0.1:9092", authority="ca.pem") == "SASL_SSL"
        with pytest.raises(ValueError, match="host"):
            protocol("kafka")

    def test_says_no_password(self) -> None:
        assert "secret" not in repr(KafkaLogin("localhost:9092", "agency-gjf", "secret"))

    def test_a_door_that_is_closed_is_said_before_anything_is_sent(self) -> None:
        with pytest.raises(ValueError, match="authenticates nobody"):
            KafkaDoor(KafkaLogin("x:1", "u", "p"), "gjf", {"open": False, "why": "authenticates nobody"}, PACK, 1)
