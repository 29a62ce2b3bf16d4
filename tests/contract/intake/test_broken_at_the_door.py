"""What is broken by the published schemas is refused for its form by the door by HTTP: every type, on known references.
Never a 5xx, never a value of what was sent in an answer.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import httpx
import pytest
from hypothesis import strategies as st

from shared.events import EventType
from shared.events.publish_schemas import door_schema
from tests.contract.intake.door import DOOR_TYPES, ONE_PER_MODEL, Http, drawn, known, of_form
from tests.support.contract import validator_of
from tests.unit.intake.memory import example

pytestmark = pytest.mark.contract
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    1e20,
    "",
    " ",
    "\n",
    "a" * 5000,
    "\x00",
    "2026-11-31",
    [],
    [None],
    {},
    {"x": {}},
]
ANYTHING = st.sampled_from(ODD) | st.text(max_size=30) | st.integers() | st.lists(st.none(), max_size=3)
CANARY = "갈빛노을-9876"


@pytest.mark.parametrize("event_type", DOOR_TYPES)
class TestBroken:
    async def test_broken_data_is_refused_for_its_form(self, http: Http, event_type: EventType) -> None:
        validator = validator_of(door_schema(event_type) or {})
        base = json.loads(json.dumps(known(example(event_type.name), http.opportunity)))
        broken = 0
        places = st.sampled_from(_places(base))
        for at, to, how in drawn(st.tuples(places, ANYTHING, st.sampled_from(["replace", "drop", "add"])), 400):
            data = _changed(base, at, to, how)
            if validator.is_valid(data):
                continue
            answer = await http.send(event_type, data)
            assert answer.status_code == 422, (at, to, how, answer.text)
            rules = {error["rule"] for error in answer.json()["errors"]}
            assert any(map(of_form, rules)), (rules, at, to, how)
            broken += 1
        assert broken >= 200


@pytest.mark.parametrize("event_type", ONE_PER_MODEL)
class TestOddValues:
    async def test_no_answer_repeats_what_was_sent(self, http: Http, event_type: EventType) -> None:
        base = json.loads(json.dumps(example(event_type.name)))
        for at in _places(base):
            for how in ("replace", "add"):
                answer = await http.send(event_type, _changed(base, at, CANARY, how))
                assert answer.status_code in (202, 422)
                for part in (CANARY, json.dumps(CANARY)[1:-1], "9876"):
                    assert part not in answer.text.replace(_random_parts(answer), ""), (at, how)
            named = _changed(base, at, None, "name")
            assert "갈빛" not in (await http.send(event_type, named)).text

    async def test_odd_values_everywhere_never_crash_it(self, http: Http, event_type: EventType) -> None:
        base = json.loads(json.dumps(known(example(event_type.name), http.opportunity)))
        for at in _places(base):
            for to in (*ODD, 10**400, -(10**30), "\ud800", {CANARY: 1}, [[[]]] * 60):
                answer = await http.send(event_type, _changed(base, at, to, "replace"))
                assert answer.status_code in (202, 400, 422), (at, answer.text)


def _random_parts(answer: httpx.Response) -> str:
    """Ids of ours in the answer may hold any digits."""
    return str(answer.json().get("receipt", "\x00"))


def _places(value: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, child in children for place in _places(child, (*at, key)))]


def _changed(data: Any, at: tuple[str | int, ...], to: Any, how: str) -> Any:
    """A copy with one place replaced, dropped, with an unknown neighbour, or with a personal name as a field's name."""
    result = holder = {"root": copy.deepcopy(data)}
    path: tuple[str | int, ...] = ("root", *at)
    for part in path[:-1]:
        holder = holder[part]
    if how == "drop":
        del holder[path[-1]]  # type: ignore[arg-type]  # any JSON
        return result.get("root", {})
    if how == "replace":
        holder[path[-1]] = to
    else:
        inside = holder[path[-1]]
        name = CANARY if how == "name" else "unknown"
        if isinstance(inside, dict):
            inside[name] = to
        else:
            holder[path[-1]] = {name: to}
    return result["root"]
