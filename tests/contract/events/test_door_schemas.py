"""Model and published schema agree: what one takes the other takes, what one refuses the other refuses."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events import EventType, Refused, registry
from shared.events.http_binding import STRUCTURED, split
from shared.events.incoming import read
from shared.events.publish_schemas import door_schema
from tests.support.contract import instances, validator_of
from tests.support.drawing import DRAWN

pytestmark = pytest.mark.contract
# one type for each model: several share one (job-posted, job-updated)
_BY_MODEL = {item.door: item for item in registry if item.door}
DOOR_TYPES = [pytest.param(item, id=f"{item.name}-{item.version}") for item in _BY_MODEL.values()]
# What senders get wrong, and what validators of different languages see differently.
ODD_VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 1.0, 1.5, 1e20, 10**30, "", " ", "1", "true", "null", "a\n", "\n", "keco-2018:53\n",
    "2026-11-31", "2026-11-30\n", "2026-11-30T00:00:00", "20261130", "2026-1-1", "1899-12-31", "2200-01-01", "2026-11",
    "2026-13", "２０２６-11", "keco-2018:５３", "kecoé:1", "employer:123-45-67890\n", "\u202e", "a" * 5000, "\x00", "é",
    "김", [], [None], [[]], {}, {"": 1}, {"x": {}},
]  # fmt: skip


def taken(event_type: EventType, data: object) -> bool:
    """Whether the door takes this data, in JSON, as one structured event."""
    event = {
        "specversion": "1.0", "type": event_type.name, "source": "/agencies/x", "id": "1",
        "time": "2026-11-20T00:00:00Z", "dataschema": event_type.dataschema, "data": data,
    }  # fmt: skip
    try:
        (item,) = split(STRUCTURED, [], json.dumps(event).encode())
        assert isinstance(item, dict)
        read(item)
    except Refused:
        return False
    return True


def places(value: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths of everything in a JSON value."""
    found = [at]
    if isinstance(value, dict):
        for key, child in value.items():
            found += places(child, (*at, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            found += places(child, (*at, index))
    return found


def changed(data: Any, at: tuple[str | int, ...], to: Any, *, how: str) -> Any:
    """A copy of the data with one place replaced, dropped, repeated or given an unknown neighbour."""
    if not at:
        return to if how == "replace" else {**data, "unknown": to}
    result = copy.deepcopy(data)
    holder = result
    for part in at[:-1]:
        holder = holder[part]
    if how == "replace":
        holder[at[-1]] = to
    elif how == "drop":
        del holder[at[-1]]
    elif isinstance(holder, list):
        holder.extend([holder[at[-1]]] * 201)
    else:
        holder["unknown"] = to
    return result


class TestDoorModelAndSchema:
    @pytest.mark.parametrize("event_type", DOOR_TYPES)
    def test_agree_on_generated_data(self, event_type: EventType) -> None:
        schema = door_schema(event_type)
        assert schema is not None
        validator = validator_of(schema)
        agreed = 0

        @DRAWN
        @given(instances(schema))
        def each(data: Any) -> None:
            nonlocal agreed
            if validator.is_valid(data):
                assert taken(event_type, data), data
                agreed += 1

        each()
        assert agreed >= 195

    @pytest.mark.parametrize("event_type", DOOR_TYPES)
    def test_agree_on_broken_data(self, event_type: EventType) -> None:
        validator = validator_of(door_schema(event_type) or {})
        example = json.loads(json.dumps(event_type.door_example))
        refused = 0

        @settings(DRAWN, max_examples=400)
        @given(
            st.sampled_from(places(example)),
            st.sampled_from(ODD_VALUES),
            st.sampled_from(["replace", "replace", "replace", "drop", "add"]),
        )
        def each(at: tuple[str | int, ...], to: Any, how: str) -> None:
            nonlocal refused
            data = changed(example, at, to, how=how)
            valid = validator.is_valid(data)
            assert taken(event_type, data) == valid, (at, to, how)
            refused += not valid

        each()
        assert refused >= 200

    @pytest.mark.parametrize("event_type", DOOR_TYPES)
    def test_agree_on_every_odd_value_in_every_place(self, event_type: EventType) -> None:
        validator = validator_of(door_schema(event_type) or {})
        example = json.loads(json.dumps(event_type.door_example))
        different = [
            (at, to)
            for at in places(example)
            for to in ODD_VALUES
            if validator.is_valid(data := changed(example, at, to, how="replace")) != taken(event_type, data)
        ]
        assert different == []
