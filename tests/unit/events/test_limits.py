"""What is bounded before anybody works on it: counted, not timed."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events import Event, EventType, Refused, http_binding, registry
from shared.events.envelope import MOST_HEADERS, from_kafka, to_kafka
from shared.events.http_binding import BATCH, STRUCTURED, split
from shared.events.incoming import ATTRIBUTES
from shared.events.limits import (
    DEEPEST,
    LARGEST_EVENT,
    LONGEST_ATTRIBUTE,
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_ATTRIBUTES,
    MOST_VALUES,
    bounded_sequence,
    check_structure,
    own_sequence,
)
from shared.events.publish_schemas import door_schema

pytestmark = pytest.mark.unit


def record() -> tuple[bytes, list[tuple[str, bytes]]]:
    event_type = registry.find("person-left")
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    event = Event(
        id="0" * 32,
        source="/intake",
        type=event_type.name,
        version=1,
        time=moment,
        key="0f" * 16,
        sequence=7,
        data=event_type.bus.model_validate(event_type.example, strict=False),
    )
    _, value, headers = to_kafka(event)
    return value, headers


def nested(levels: int) -> Any:
    value: Any = 1
    for number in range(levels):
        value = [value] if number % 2 else {"a": value}
    return value


def rule_of(value: Any) -> str | None:
    try:
        check_structure(value)
    except Refused as refused:
        (refusal,) = refused.refusals
        assert refusal.field == ""
        return refusal.rule
    return None


def refusal_of(media: str, headers: list[tuple[str, str]], body: bytes) -> tuple[str, str]:
    with pytest.raises(Refused) as error:
        list(split(media, headers, body))
    return error.value.refusals[0].rule, error.value.refusals[0].field


class TestStructure:
    @pytest.mark.parametrize(
        ("value", "rule"),
        [
            ({"a" * LONGEST_NAME: 1}, None),
            ({"a" * (LONGEST_NAME + 1): 1}, "name-too-long"),
            ({"data": [{"\u0315" * 64_000: 1}]}, "name-too-long"),
            ({"data": "x" * LONGEST_TEXT}, None),
            ({"data": "x" * (LONGEST_TEXT + 1)}, "too-long"),
            (nested(DEEPEST), None),
            (nested(DEEPEST + 1), "too-deep"),
            (nested(5_000), "too-deep"),
            ([0] * (MOST_VALUES - 1), None),
            ([0] * MOST_VALUES, "too-many-values"),
            ({str(n): 0 for n in range(MOST_VALUES // 2 - 1)}, None),
            ({str(n): 0 for n in range(MOST_VALUES // 2)}, "too-many-values"),
            ([[0] * 500] * 5, "too-many-values"),
            (7, None),
        ],
    )
    def test_each_limit_holds_to_the_last_one_allowed(self, value: Any, rule: str | None) -> None:
        assert rule_of(value) == rule

    def test_looks_at_no_more_than_it_allows(self) -> None:
        seen = 0

        class Counted(dict[str, Any]):
            def values(self) -> Any:
                nonlocal seen
                seen += len(self)
                return super().values()

        assert rule_of([Counted(a=1) for _ in range(100_000)]) == "too-many-values"
        assert seen <= MOST_VALUES

    @pytest.mark.parametrize(
        "event_type", [each for each in registry if each.door is not None], ids=lambda each: each.name
    )
    def test_the_most_that_a_type_allows_is_within(self, event_type: EventType) -> None:
        schema = door_schema(event_type)
        assert schema is not None
        attributes = dict.fromkeys(ATTRIBUTES, "x")
        check_structure({**attributes, "data": _largest(schema, schema)})

    @pytest.mark.parametrize("text", ["", "-1", "+1", "1_0", " 1", "٣", "9" * 19, "9" * 1_000_000])
    def test_a_sequence_is_a_number_that_any_store_can_hold(self, text: str) -> None:
        assert bounded_sequence("9" * 18) == 10**18 - 1
        with pytest.raises(ValueError, match="sequence"):
            bounded_sequence(text)


@pytest.mark.parametrize("text", [str(10**9 + 1), str(2**62), "-1", ""])
def test_on_the_bus_no_number_makes_later_truth_void(text: str) -> None:
    assert own_sequence("1000000000") == 10**9
    headers = [("ce_sequence", text.encode())] + [
        (f"ce_{name}", value.encode())
        for name, value in {
            "type": "person-left", "id": "1d" * 16, "source": "/services/intake", "time": "2026-11-28T09:00:00Z",
            "partitionkey": "0f" * 16,
        }.items()
    ]  # fmt: skip
    value = json.dumps(registry.find("person-left").example).encode()
    with pytest.raises(Refused) as refused:
        from_kafka(value, headers)
    assert [each.field for each in refused.value.refusals] == ["/time, /recordedtime or /sequence"]


def _largest(schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """A value with as many fields and items as the schema allows."""
    if "$ref" in schema:
        return _largest(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "anyOf" in schema:
        return max((_largest(option, root) for option in schema["anyOf"]), key=lambda value: len(json.dumps(value)))
    if "patternProperties" in schema:
        return {f"k{n}": "x" for n in range(20)}  # a sentence in each language
    if "properties" in schema:
        return {name: _largest(field, root) for name, field in schema["properties"].items()}
    if schema.get("type") == "array":
        return [_largest(schema["items"], root)] * schema["maxItems"]
    return "x"


PIECES = st.sampled_from(
    ["{", "}", "[", "]", ",", ":", '"', "\\", "0", "-", "1e9", "tru", "null", " ", '"a":', '{"a":1}', "[]", "\u0315"]
)


class TestBodies:
    @pytest.fixture
    def parsed(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """The lengths of all that reached the parser, which keeps everything else waiting."""
        lengths: list[int] = []
        true = http_binding._DECODER.raw_decode

        def counted(text: str, idx: int = 0) -> Any:
            lengths.append(len(text))
            return true(text, idx)

        monkeypatch.setattr(http_binding._DECODER, "raw_decode", counted)
        return lengths

    def test_no_piece_that_is_parsed_is_longer_than_one_event(self, parsed: list[int]) -> None:
        @settings(max_examples=150, deadline=None, database=None, derandomize=True)
        @given(st.lists(PIECES, max_size=6), PIECES, st.integers(1, 200_000), st.sampled_from([BATCH, STRUCTURED]))
        def try_one(before: list[str], repeated: str, times: int, media: str) -> None:
            parsed.clear()
            body = ("[" if media == BATCH else "") + "".join(before) + repeated * times
            found = []
            with contextlib.suppress(Refused):
                found = list(split(media, [], body.encode()))
            assert all(length <= LARGEST_EVENT for length in parsed)
            assert len(parsed) <= len(found) + 1

        try_one()

    def test_says_which_event_of_a_batch_is_too_large(self) -> None:
        large = json.dumps({"a": "x" * LARGEST_EVENT})
        assert refusal_of(BATCH, [], f'[{{"a":1}} , {large}, {{"a":2}}]'.encode()) == ("event-too-large", "/1")
        assert refusal_of(STRUCTURED, [], large.encode()) == ("event-too-large", "")
        assert refusal_of(STRUCTURED, [], b'{"a" 1}' + b" " * LARGEST_EVENT) == ("not-json", "")

    def test_an_event_of_the_longest_length_is_read(self) -> None:
        text = json.dumps({"a": "x" * (LARGEST_EVENT - 9)})
        assert len(text) == LARGEST_EVENT
        assert [type(item) for item in split(BATCH, [], f" [ {text},{text}\n] ".encode())] == [dict, dict]
        assert list(split(BATCH, [], b" [ ] ")) == []

    @pytest.mark.parametrize("body", ["[{}", "[{},", "[{},]", "[{}]]", "[{} {}]", "[,{}]", "[{}]x", "[", "7", '"'])
    def test_a_batch_that_is_no_json_is_refused(self, body: str) -> None:
        assert refusal_of(BATCH, [], body.encode())[0] == "not-json"

    def test_a_batch_is_a_list(self) -> None:
        assert refusal_of(BATCH, [], b'{"a": 1}') == ("wrong-form", "")

    @pytest.mark.parametrize("media", [BATCH, STRUCTURED])
    def test_what_is_not_utf_8_is_not_guessed(self, media: str) -> None:
        assert refusal_of(media, [], '{"이름": 1}'.encode("cp949")) == ("not-utf-8", "")
        assert refusal_of(media, [], '{"a": 1}'.encode("utf-16")) == ("not-utf-8", "")
        body = b"\xef\xbb\xbf[{}]" if media == BATCH else b"\xef\xbb\xbf{}"  # with a byte order mark
        assert list(split(media, [], body)) == [{}]


class TestBinaryAttributes:
    @pytest.mark.parametrize(
        ("value", "rule"),
        [
            ("x-%B0%A1", "wrong-encoding"),  # CP949: with replacement it would be the id of ...
            ("x-%B3%AA", "wrong-encoding"),  # ... this one, too
            ("x-%", "wrong-encoding"),
            ("x-%4", "wrong-encoding"),
            ("x-%zz", "wrong-encoding"),
            ("x-\xb0\xa1", "wrong-encoding"),
            ("x-%ED%A0%80", "wrong-encoding"),  # half a pair
            ("x" * (3 * LONGEST_ATTRIBUTE + 1), "too-long"),
        ],
    )
    def test_what_is_not_one_text_is_refused_and_never_replaced(self, value: str, rule: str) -> None:
        headers = [("ce-specversion", "1.0"), ("CE-Id", value)]
        assert refusal_of("application/json", headers, b"{}") == (rule, "/id")

    def test_decodes_utf_8(self) -> None:
        (item,) = split("application/json", [("ce-specversion", "1.0"), ("ce-id", "%EA%B0%80%25-a")], b"{}")
        assert isinstance(item, dict)
        assert item["id"] == "가%-a"

    def test_a_header_that_is_there_twice_is_no_choice_of_ours(self) -> None:
        headers = [("ce-specversion", "1.0"), ("ce-id", "a"), ("Ce-Id", "b")]
        assert refusal_of("application/json", headers, b"{}") == ("named-twice", "/id")

    def test_a_name_that_somebody_made_up_is_not_said(self) -> None:
        headers = [("ce-specversion", "1.0"), ("ce-kimchulsoo", "%")]
        assert refusal_of("application/json", headers, b"{}") == ("wrong-encoding", "")

    def test_there_are_not_more_than_anybody_needs(self) -> None:
        headers = [("ce-specversion", "1.0"), *((f"ce-x{n}", "1") for n in range(MOST_ATTRIBUTES))]
        assert refusal_of("application/json", headers, b"{}")[0] == "too-many"


class TestRecords:
    @pytest.mark.parametrize(
        ("header", "value", "rule"),
        [
            ("ce_sequence", b"9" * 19, "wrong-form"),
            ("ce_sequence", b"9" * 1_000_000, "unreadable-header"),
            ("ce_sequence", b"-1", "wrong-form"),
            ("ce_id", b"x" * (LONGEST_ATTRIBUTE + 1), "unreadable-header"),
            ("ce_dataschema", b"/a" * 500_000, "unreadable-header"),
        ],
    )
    def test_an_attribute_is_bounded_before_it_is_read(self, header: str, value: bytes, rule: str) -> None:
        data, headers = record()
        changed = [(name, value if name == header else held) for name, held in headers]
        with pytest.raises(Refused) as error:
            from_kafka(data, changed)
        assert error.value.refusals[0].rule == rule

    def test_so_is_the_number_of_headers(self) -> None:
        data, headers = record()
        with pytest.raises(Refused) as error:
            from_kafka(data, [*headers, *((f"x{n}", b"") for n in range(MOST_HEADERS))])
        assert error.value.refusals[0].rule == "unreadable-header"
