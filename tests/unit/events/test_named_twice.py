"""A name that stands twice in an event is refused with its place, as far as names are known."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.events import http_binding, named_twice
from shared.events.http_binding import BATCH, MOST_STEPS, STRUCTURED, split, with_data
from shared.events.limits import LARGEST_EVENT
from shared.events.named_twice import MOST_OPENED
from shared.events.refusal import Refusal, Refused

pytestmark = pytest.mark.unit
NAME = "kimchulsoo"
UPDATED = '"type": "person-updated"'
EVENTS = [
    ('{"id": "a", "id": "b"}', "/id"),
    ('{"id": "a", "id": "a"}', "/id"),
    (r'{"id": "a", "\u0069d": "b"}', "/id"),
    (f'{{{UPDATED}, "data": {{"wants": {{"wage_min": 1, "wage_min": 2}}}}}}', "/data/wants/wage_min"),
    (f'{{"data": {{"wants": {{"wage_min": 1, "wage_min": 2}}}}, {UPDATED}}}', "/data/wants/wage_min"),
    (f'{{{UPDATED}, "data": {{"wants": {{"{NAME}": 1, "{NAME}": 2}}}}}}', "/data/wants"),
    (f'{{{UPDATED}, "data": {{"{NAME}": {{"wage_min": 1, "wage_min": 2}}}}}}', "/data"),
    (f'{{{UPDATED}, "data": {{"reference": "a"}}, "data": {{"reference": "a", "reference": "b"}}}}', "/data"),
    ('{"data": {"reference": "a", "reference": "b"}}', "/data"),  # of no type
    ('{"type": "unknown", "data": {"reference": "a", "reference": "b"}}', "/data"),
    ('{"type": 7, "data": {"reference": "a", "reference": "b"}}', "/data"),
    (f'{{"type": "{"x" * 9_000}", "data": {{"reference": "a", "reference": "b"}}}}', "/data"),
    (f'{{"{NAME}": 1, "{NAME}": 2}}', ""),
    (f'{{"{NAME}": {{"id": 1, "id": 2}}}}', ""),
    ('{"id": {"id": 1, "id": 2}}', "/id"),
    ('[{"id": 1, "id": 2}]', "/0"),
    ("[" * 300 + '{"id": 1, "id": 2}' + "]" * 300, "/0" * MOST_STEPS),
    (f'{{{UPDATED}, "data": {"[" * 300}{{"id": 1, "id": 2}}{"]" * 300}}}', "/data" + "/0" * (MOST_STEPS - 1)),
]


def read(media: str, body: str, headers: Any) -> None:
    for item in split(media, headers, body.encode()):
        assert isinstance(item, dict)
        with_data(item)


def refusal_of(media: str, body: str, headers: Any = ()) -> Refusal:
    with pytest.raises(Refused) as refused:
        read(media, body, headers)
    (found,) = refused.value.refusals
    return found


@pytest.mark.parametrize(("event", "field"), EVENTS)
def test_by_itself_and_in_a_batch(event: str, field: str) -> None:
    assert refusal_of(STRUCTURED, event) == Refusal("named-twice", field)
    assert refusal_of(BATCH, f"[{{}}, {event}, {{}}]") == Refusal("named-twice", f"/1{field}")


@pytest.mark.parametrize(
    ("event", "field"), [each for each in EVENTS if UPDATED in each[0] and '"data": {"' in each[0]]
)
def test_in_data_whose_event_is_in_headers_or_which_is_packed(event: str, field: str) -> None:
    data = event.removeprefix(f"{{{UPDATED}, ").removesuffix("}").removeprefix('"data": ')
    if data.startswith("{") and '"data"' not in data:
        headers = [("ce-specversion", "1.0"), ("ce-type", "person-updated")]
        assert refusal_of("application/json", data, headers) == Refusal("named-twice", field)
        packed = base64.b64encode(data.encode()).decode()
        assert refusal_of(STRUCTURED, f'{{{UPDATED}, "data_base64": "{packed}"}}') == Refusal("named-twice", field)


@pytest.mark.parametrize("rest", ["", "}", ', "b": NaN}', ', "b": tru}', "} x"])
def test_what_is_no_json_besides_is_no_json(rest: str) -> None:
    event = '{"id": 1, "id": 2' + rest
    assert refusal_of(STRUCTURED, event).rule == ("named-twice" if rest in ("}", "} x") else "not-json")


def test_what_is_too_large_besides_is_too_large() -> None:
    event = '{"a": {"id": 1, "id": 2}, "b": "' + "x" * LARGEST_EVENT + '"}'
    assert refusal_of(STRUCTURED, event).rule == "event-too-large"


@pytest.mark.parametrize(
    ("before", "field"),
    [
        ("[0]," * (MOST_OPENED - 1), f"/data/{MOST_OPENED - 1}"),
        ("[0]," * MOST_OPENED, ""),
        ("[]," * 9_000, "/data/9000"),
    ],
)
def test_a_place_is_not_looked_for_without_end(before: str, field: str) -> None:
    event = f'{{"data": [{before}{{"id": 1, "id": 2}}]}}'
    assert refusal_of(STRUCTURED, event) == Refusal("named-twice", field)


@pytest.mark.parametrize("media", [STRUCTURED, BATCH])
def test_what_names_something_twice_is_parsed_once(media: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it came packed: each object of it is looked at once."""
    looked_at: list[Any] = []

    def marked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        looked_at.append(pairs)
        return named_twice.marked(pairs)

    monkeypatch.setattr(http_binding, "_DECODER", json.JSONDecoder(object_pairs_hook=marked))
    packed = base64.b64encode(b'{"wants": {"wage_min": 1, "wage_min": 2}}').decode()
    event = f'{{{UPDATED}, "data_base64": "{packed}"}}'
    assert refusal_of(media, event if media == STRUCTURED else f"[{event}]").field == "/data/wants/wage_min"
    assert len(looked_at) == 3


def test_one_thread_does_not_see_what_another_found() -> None:
    named_twice.begin()
    with ThreadPoolExecutor(1) as others:
        others.submit(named_twice.marked, [("a", 1), ("a", 2)]).result()
    assert not named_twice.found_one()
    named_twice.marked([("a", 1), ("a", 2)])
    assert named_twice.found_one()
