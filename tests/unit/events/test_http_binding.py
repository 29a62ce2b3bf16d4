"""What arrives at the door: the three ways of HTTP, sound envelopes, and refusals that echo nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.events import Refused, registry
from shared.events.http_binding import BATCH, STRUCTURED, split
from shared.events.incoming import Unfit, read
from shared.events.limits import LARGEST_EVENT
from shared.events.refusal import MOST, MOST_ENUMERATED, MOST_NAMED, refusals_of

pytestmark = pytest.mark.unit
NAME = "kimchulsoo"
DATA = dict(registry.find("person-left").door_example or {})


def event(**changes: Any) -> dict[str, Any]:
    made = {
        "specversion": "1.0", "type": "person-left", "source": "/agencies/hanawon", "id": "hw-1",
        "time": "2026-11-20T09:00:00+09:00", "data": DATA,
    }  # fmt: skip
    return {name: value for name, value in {**made, **changes}.items() if value != "absent"}


def refused(item: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as error:
        read(item)
    assert NAME not in str(error.value)
    assert all(NAME not in str(refusal.values) for refusal in error.value.refusals)
    return [(refusal.rule, refusal.field) for refusal in error.value.refusals]


class TestSplit:
    def test_reads_structured_binary_and_batch_alike(self) -> None:
        (structured,) = split(STRUCTURED + "; charset=utf-8", [], json.dumps(event()).encode())
        attributes = [(f"Ce-{name.title()}", value) for name, value in event(data="absent").items()]
        (binary,) = split("application/json", attributes, json.dumps(DATA).encode())
        (batched,) = split(BATCH, [], json.dumps([event()]).encode())
        contents = []
        for item in (structured, binary, batched):
            assert isinstance(item, dict)
            contents.append((read(item).content, read(item).id, read(item).time))
        assert contents[0] == contents[1] == contents[2]

    def test_percent_decodes_binary_attributes(self) -> None:
        (item,) = split("application/json", [("ce-specversion", "1.0"), ("ce-id", "a%20b")], b"{}")
        assert isinstance(item, dict)
        assert item["id"] == "a b"

    @pytest.mark.parametrize("shift", range(8))
    def test_a_batch_is_decoded_a_piece_at_a_time_wherever_the_pieces_end(self, shift: int) -> None:
        sent = [{"n": number, "text": "가\U0001f600a" * 300} for number in range(200)]
        body = b"\xef\xbb\xbf" + b" " * shift + json.dumps(sent, ensure_ascii=False, indent=1).encode() + b"\n"
        assert len(body) > 5 * LARGEST_EVENT
        assert list(split(BATCH, [], body)) == sent
        for broken in (body[:-20] + b"\xff" + body[-20:], body + b"\xe3"):
            items = iter(split(BATCH, [], broken))
            assert [next(items) for _ in range(100)] == sent[:100], "nothing further is decoded than is asked for"
            with pytest.raises(Refused) as refused:
                list(items)
            assert refused.value.refusals[0].rule == "not-utf-8"

    def test_keeps_a_batchs_good_events_beside_bad_ones(self) -> None:
        items = list(split(BATCH, [], json.dumps([event(), 7, event(id="hw-2")]).encode()))
        assert [isinstance(item, Refused) for item in items] == [False, True, False]

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"{", b"\xff", b'{"a":NaN}', b'{"a":Infinity}', b'{"a":1e999}', b'{"a":1,"a":2', b"[" * 100_000,
            b"9" * 10_000,
        ],
    )  # fmt: skip
    def test_refuses_what_is_not_json(self, body: bytes) -> None:
        with pytest.raises(Refused) as error:
            split(STRUCTURED, [], body)
        assert error.value.refusals[0].rule in ("not-json", "not-utf-8", "event-too-large")

    @pytest.mark.parametrize("media", ["text/plain", "application/xml", "", "application/json"])
    def test_refuses_other_content(self, media: str) -> None:
        with pytest.raises(Refused) as error:
            split(media, [], b"{}")
        assert error.value.refusals[0].rule == "unsupported-media-type"

    def test_takes_40_point_0_for_the_integer_40(self) -> None:
        (item,) = split(STRUCTURED, [], b'{"data": {"count": 40.0, "share": 0.5, "large": 1e2}}')
        assert isinstance(item, dict)
        assert repr(item["data"]) == "{'count': 40, 'share': 0.5, 'large': 100}"


class TestRead:
    def test_gives_the_event_with_its_time_in_utc(self) -> None:
        found = read(event(sequence="7", actor="w-1 case-worker", testrun=True))
        assert found.time.isoformat() == "2026-11-20T00:00:00+00:00"
        assert (found.sequence, found.testrun, found.event_type.name) == (7, True, "person-left")

    @pytest.mark.parametrize(
        ("change", "rule", "field"),
        [
            ({"specversion": "0.3"}, "unknown-version", "/specversion"),
            ({"id": "absent"}, "missing-field", "/id"),
            ({"id": ""}, "missing-field", "/id"),
            ({"id": NAME + "\n"}, "wrong-form", "/id"),
            ({"id": "x" * 201}, "wrong-form", "/id"),
            ({"id": 7}, "wrong-form", "/id"),
            ({"time": "absent"}, "missing-field", "/time"),
            ({"time": "yesterday"}, "wrong-form", "/time"),
            ({"time": "2026-11-20T09:00:00"}, "wrong-form", "/time"),
            ({"time": "2026-W47-5T09:00:00Z"}, "wrong-form", "/time"),
            ({"time": f"2026-11-20T09:00:00.{0:01000000d}Z"}, "wrong-form", "/time"),  # it would be kept in memory
            ({"type": NAME}, "unknown-type", "/type"),
            ({"type": "match-found"}, "not-for-the-door", "/type"),
            ({"dataschema": "https://x/person-left/9"}, "unknown-version", "/dataschema"),
            ({"dataschema": "https://x/person-enrolled/1"}, "wrong-form", "/dataschema"),
            ({"sequence": "٣"}, "wrong-form", "/sequence"),
            ({"sequence": True}, "wrong-form", "/sequence"),
            ({"sequence": -1}, "wrong-form", "/sequence"),
            ({"sequence": 10**18}, "wrong-form", "/sequence"),
            ({"time": "0001-01-01T00:00:00+23:59"}, "wrong-form", "/time"),
            ({"time": "9999-12-31T23:59:59-23:59"}, "wrong-form", "/time"),
            ({"testrun": "yes"}, "wrong-form", "/testrun"),
            ({"testrun": 1}, "wrong-form", "/testrun"),
            ({"testrun": 0}, "wrong-form", "/testrun"),
            ({"testrun": {}}, "wrong-form", "/testrun"),
            ({NAME.upper(): 1}, "unknown-field", ""),
            ({NAME: {}}, "unknown-field", ""),
            ({"data": "absent"}, "missing-field", "/data"),
            ({"data": {**DATA, "reason": NAME}}, "unknown-value", "/data/reason"),
            ({"data": {**DATA, NAME: 1}}, "unknown-field", "/data"),
            ({"data": [NAME]}, "object-type", "/data"),
        ],
    )
    def test_refuses_and_says_where_and_why(self, change: dict[str, Any], rule: str, field: str) -> None:
        assert (rule, field) in refused(event(**change))

    @pytest.mark.parametrize(
        ("slip", "meant"),
        [
            ("testrum", "testrun"), ("tesrun", "testrun"), ("testruns", "testrun"), ("test", "testrun"),
            ("sequense", "sequence"), ("sequenc", "sequence"), ("sequencenumber", "sequence"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("others", [0, MOST_NAMED])
    def test_refuses_a_slip_in_what_decides_about_the_effect(self, slip: str, meant: str, others: int) -> None:
        before = {f"a{number}": "x" for number in range(others)}
        with pytest.raises(Refused) as error:
            read(event(**before, **{slip: "true"}))
        assert [(one.rule, one.field, one.values) for one in error.value.refusals] == [
            ("unknown-field", "", {"nearest": meant})
        ]

    @pytest.mark.parametrize("strange", ["knativearrivaltime", "sequencetype", "priority", "dryrun", "partitionky"])
    def test_passes_over_other_extensions(self, strange: str) -> None:
        near = [{"nearest": "partitionkey"}] if strange == "partitionky" else []
        assert [one.values for one in read(event(**{strange: "x"})).warnings] == near

    def test_names_every_finding_at_once(self) -> None:
        assert len(refused(event(id="absent", time="absent", source="absent"))) == 3

    def test_same_content_has_the_same_bytes_whatever_the_order(self) -> None:
        assert read(event(data=dict(reversed(DATA.items())))).content == read(event()).content
        assert read(event(data={**DATA, "reason": "moved-away"})).content != read(event()).content


class TestRefusalsOf:
    def test_do_not_show_the_keys_of_a_mapping(self) -> None:
        agency = registry.find("agency-registered")
        data = {**dict(agency.door_example or {}), "name": {NAME: "x"}}
        found = refused(event(type="agency-registered", data=data))
        assert found == [("wrong-form", "/data/name")]

    def test_say_which_fields_there_are(self) -> None:
        with pytest.raises(Refused) as error:
            read(event(data={**DATA, NAME: 1}))
        assert error.value.refusals[0].values == {"known": "reason, reference"}

    @pytest.mark.parametrize(
        ("change", "field", "nearest"),
        [
            ({"birthDate": "1991-03-02"}, "/data/identity", "birth_date"),
            ({"Phone-Number": "1"}, "/data/identity", None),
            ({"adress": "x"}, "/data/identity", "address"),
            ({NAME: "x"}, "/data/identity", None),
        ],
    )
    def test_name_the_nearest_field_of_the_place_and_never_what_was_sent(
        self, change: dict[str, Any], field: str, nearest: str | None
    ) -> None:
        event_type = registry.find("trainee-graduated")
        data: Any = dict(event_type.door_example or {})
        data["identity"] = {**data["identity"], **change}
        with pytest.raises(Refused) as error:
            read(event(type="trainee-graduated", data=data))
        (found,) = error.value.refusals
        assert (found.rule, found.field, found.values.get("nearest")) == ("unknown-field", field, nearest)
        assert not set(change) & set(str(found.values["known"]).split(", "))

    def test_name_the_nearest_of_a_few_only(self) -> None:
        with pytest.raises(Refused) as error:
            read(event(data={**DATA, **{f"reason{number}": 1 for number in range(40)}}))
        assert sum("nearest" in found.values for found in error.value.refusals) == MOST_NAMED

    def test_are_at_least_one_for_every_error(self) -> None:
        model = registry.find("trainee-graduated").bus
        from pydantic import ValidationError

        with pytest.raises(ValidationError) as error:
            model.model_validate_json("{}")
        assert len(refusals_of(error.value, model)) == error.value.error_count()


class TestFindings:
    def test_digits_that_somebody_chose_as_a_name_are_not_shown(self) -> None:
        door = registry.find("agency-registered").door
        assert door is not None
        data = dict(registry.find("agency-registered").door_example or {}, name={"01012345678": "x"})
        with pytest.raises(Refused) as error:
            read(event(type="agency-registered", data=data))
        assert "0101234" not in str(error.value)

    def test_there_are_no_more_than_anybody_can_read(self) -> None:
        for sent, told in ((MOST + 1, MOST), (MOST_ENUMERATED - 2, MOST), (5_000, 1)):
            with pytest.raises(Unfit) as error:
                read(event(data={f"x{n}": n for n in range(sent)}))
            assert len(error.value.refusals) == told
        assert error.value.refusals[0].rule == "too-many-findings"
        assert (error.value.rest, error.value.places) == (None, frozenset())
