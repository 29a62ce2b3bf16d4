"""What is published to Kafka, and what never leaves the machine; how the client comes to the brokers. No broker."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from clients.ieum.api_client import Away
from clients.ieum.kafka.door import KafkaDoor, KafkaLogin
from clients.ieum.kafka.records import Record, Records
from shared.events.identity_boxes import BoxKeys
from shared.events.registry import registry
from tests.support.files import PACK

pytestmark = pytest.mark.unit
PRIVATE = bytes(range(32))
KEYS = BoxKeys([PRIVATE])
PUBLIC = base64.b64decode(next(iter(KEYS.public.values())))
SECRET = "비밀이름"
NUMBER = "900101-1234567"
RECORDS = Records(PUBLIC, PACK)


def event(type: str, **changed: Any) -> dict[str, Any]:
    data = {**(registry.find(type).door_example or {}), **changed}
    return {
        "specversion": "1.0", "id": "e-1", "source": "/agencies/gjf", "type": type,
        "time": "2026-11-20T09:00:00+09:00", "data": data,
    }  # fmt: skip


def published(event: dict[str, Any]) -> dict[str, Any]:
    record = RECORDS.of(event)
    assert isinstance(record, Record), record
    found: dict[str, Any] = json.loads(record.value)
    return found


def refused(event: dict[str, Any]) -> list[tuple[str, str]]:
    answer = RECORDS.of(event)
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


@pytest.mark.parametrize("type", ["consent-given", "consent-withdrawn", "person-left", "agency-changed"])
@pytest.mark.parametrize("data", [{"reference": "A-1", "name": SECRET}, [SECRET], {"reference": [SECRET]}])
def test_nor_is_what_is_about_somebody_without_an_identity(type: str, data: Any) -> None:
    assert published(event(type))["data"] == event(type)["data"]
    assert refused({**event(type), "data": data})


@pytest.mark.parametrize("type", sorted({each.name for each in registry if each.door is not None}))
def test_a_resident_number_is_never_published(type: str) -> None:
    said = event(type)
    assert refused({**said, "id": NUMBER}) == [("/id", "refused-number")]
    assert refused({**said, "subject": NUMBER}) == [("/subject", "refused-number")]
    assert refused({**said, "data": {**said["data"], "reference": NUMBER}}) == [("/data/reference", "refused-number")]


def test_nor_what_is_never_collected() -> None:
    name = sorted(PACK.never_collected)[0]
    assert {rule for _, rule in refused(event("job-posted", **{name: "x"}))} == {"never-collected"}


def test_only_attributes_that_the_door_goes_by_are_published() -> None:
    more = {"note": SECRET, "subject": SECRET, "correlationid": SECRET, "traceparent": SECRET, "tracestat": SECRET}
    kept = {"actor": "w-17/counsellor", "sequence": "3", "testrun": True}
    for type in ("trainee-graduated", "job-closed"):
        said = {**event(type), **more, **kept}
        sent = published(said)
        assert sent.keys() == event(type).keys() | kept.keys()
        assert SECRET not in json.dumps(sent, ensure_ascii=False)
        record = RECORDS.of(said)
        assert isinstance(record, Record)
        assert [each["rule"] for each in record.warnings] == ["unknown-attribute"]  # as by HTTP, of a slip alone
    assert refused({**event("job-closed"), "actor": SECRET}) == [("/actor", "wrong-form")]
    assert refused({**event("job-closed"), "sequense": 3}) == [("", "unknown-field")]


def test_an_advert_goes_as_it_is_also_when_a_value_is_wrong() -> None:
    wrong = event("job-posted", title="")
    assert published(wrong) == wrong
    assert refused(event("job-posted", titel="x")) == [("/data", "unknown-field")]
    assert refused(event("job-posted", identity={"name": SECRET}))
    assert refused({**event("job-posted"), "data": [SECRET]})


class TestDoor:
    """Without a broker: its clients are stood in for."""

    @pytest.fixture
    def door(self) -> KafkaDoor:
        told = {
            "open": True, "publish_to": "inbound.<agency>", "answers_on": "answers.<agency>",
            "keys": [{"public_key": base64.b64encode(PUBLIC).decode()}],
        }  # fmt: skip
        return KafkaDoor(KafkaLogin("127.0.0.1:1", "agency-gjf", "secret"), "gjf", told, PACK, 0)

    def test_what_was_given_up_fails_nothing_that_is_sent_later(
        self, door: KafkaDoor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broker = Broker()
        monkeypatch.setattr(door, "_producer", broker)
        monkeypatch.setattr(door, "_consumer", broker)
        broker.away = True
        with pytest.raises(Away, match="no records in time"):
            door._once([event("job-closed")])
        broker.away = False
        assert [each["status"] for each in door._once([event("job-closed")])] == ["accepted"]

    @pytest.mark.parametrize("missing", ["inbound.gjf", "answers.gjf"])
    def test_a_topic_that_is_not_there_is_named_at_once(
        self, door: KafkaDoor, monkeypatch: pytest.MonkeyPatch, missing: str
    ) -> None:
        broker = Broker(missing)
        monkeypatch.setattr(door, "_consumer", broker)
        with pytest.raises(ValueError, match=rf"no topic {missing}"), door:
            pass
        assert broker.polled == 0

    def test_what_was_left_out_is_told_with_the_answer(self, door: KafkaDoor, monkeypatch: pytest.MonkeyPatch) -> None:
        broker = Broker()
        monkeypatch.setattr(door, "_producer", broker)
        monkeypatch.setattr(door, "_consumer", broker)
        (answer,) = door._once([{**event("job-closed"), "tracestat": SECRET}])
        assert [each["rule"] for each in answer["warnings"]] == ["unknown-attribute"]


class Broker:
    """A producer and a consumer: what is published is accepted, unless it is away."""

    def __init__(self, missing: str = "") -> None:
        self.away, self.missing, self.polled = False, missing, 0
        self._under_way: list[Any] = []
        self._late: list[Any] = []
        self._published = 0

    def produce(self, topic: str, value: bytes, key: bytes, headers: Any, on_delivery: Any) -> None:
        self._under_way.append(on_delivery)

    def poll(self, timeout: float) -> None:
        self.polled += 1
        for tell in self._late:
            tell(KafkaError(KafkaError._PURGE_QUEUE), Told(0))
        self._late.clear()

    def flush(self, timeout: float) -> int:
        if self.away:
            return len(self._under_way)
        for tell in self._under_way:
            tell(None, Told(self._published))
            self._published += 1
        self._under_way.clear()
        return 0

    def purge(self) -> None:
        self._late, self._under_way = self._under_way, []

    def consume(self, count: int, timeout: float) -> list[Told]:
        return [Told(offset) for offset in range(self._published)]

    def list_topics(self, topic: str, timeout: float) -> Any:
        error = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART) if topic == self.missing else None
        return SimpleNamespace(topics={topic: SimpleNamespace(error=error, partitions={0: None})})

    def get_watermark_offsets(self, place: Any, timeout: float) -> tuple[int, int]:
        return 0, 0

    def assign(self, places: Any) -> None:
        pass

    def close(self) -> None:
        pass


class Told:
    """A record that was published, and the answer to it."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def offset(self) -> int:
        return self._offset

    def partition(self) -> int:
        return 0

    def error(self) -> None:
        return None

    def value(self) -> bytes:
        return json.dumps({"partition": 0, "offset": self._offset, "status": "accepted"}).encode()


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
