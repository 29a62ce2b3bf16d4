"""The door by HTTP does as its published schemas say: generated and broken data of every type, on known references.

Valid by schema: taken, or refused by a rule of the pack (counted apart), never for its form. Broken by schema: refused
for its form. Never a 5xx, never a value of what was sent in an answer.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.intake.api import Endpoints, make_router
from services.intake.settings import IntakeSettings
from shared.access.api_keys import Caller
from shared.events import EventType, registry
from shared.events.data_classification import Model
from shared.events.publish_schemas import door_schema
from shared.kit.web import problems
from shared.kit.web.edge_settings import EdgeSettings
from shared.kit.web.middleware import Outermost
from shared.kit.web.quotas import Quotas
from tests.support.contract import instances, validator_of
from tests.unit.intake.memory import House, admission, example, pack

pytestmark = pytest.mark.contract
DOOR_TYPES = [pytest.param(item, id=item.name) for item in registry if item.door]
# Several types share a model; what only depends on the model is tried on one of them.
_BY_MODEL = {item.door: item for item in registry if item.door}
ONE_PER_MODEL = [pytest.param(item, id=item.name) for item in _BY_MODEL.values()]
DRAWN = settings(
    max_examples=200,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
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
BY_FORM = {
    "missing-field", "not-a-date", "not-json", "too-few", "too-large", "too-long", "too-many", "too-short",
    "too-small", "unknown-field", "unknown-value", "wrong-form",
}  # fmt: skip
KNOWN = "KNOWN-1"


@dataclass
class Http:
    """A door on a store in memory, behind HTTP, with one known person, job, programme and agency."""

    client: httpx.AsyncClient
    house: House
    opportunity: str
    seen: Counter[str] = field(default_factory=Counter)

    async def send(self, event_type: EventType, data: Any) -> httpx.Response:
        by = "ops" if event_type.name.startswith("agency-") else "hanawon"
        event = self.house.event(event_type.name, data, by, dataschema=event_type.dataschema)
        headers = {"content-type": "application/cloudevents+json", "authorization": by}
        return await self.client.post("/events", content=json.dumps(event), headers=headers)


class _Keys:
    """Stands in for the kit's: the header is the agency's name."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def authenticate(self, authorization: str | None) -> Caller:
        return self._house.callers[authorization or ""]

    async def reauthenticate(self, caller: Caller) -> Caller:
        return caller


@pytest_asyncio.fixture
async def http() -> AsyncIterator[Http]:
    house = House()
    for name in ("trainee-graduated", "programme-opened"):
        await house.send(name, example(name, reference=KNOWN))
    job = await house.send("job-posted", example("job-posted", reference=KNOWN))
    assert job.opportunity is not None
    app = FastAPI()
    endpoints = Endpoints()
    endpoints.admission, endpoints.door = admission(), house.door
    app.add_middleware(Outermost)
    app.state.runtime = SimpleNamespace(authenticator=_Keys(house), quotas=Quotas(EdgeSettings()))
    problems.install(app, pack().remedy)
    chosen = IntakeSettings(profile="development", kafka="127.0.0.1:1", mongo_url="mongodb://127.0.0.1:2/")
    app.include_router(make_router(endpoints, chosen))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake.invalid") as client:
        yield Http(client, house, job.opportunity)


def of_form(rule: str) -> bool:
    """Whether a refusal is about the form that the schema says; else it is one of the pack or of what is stored."""
    return rule in BY_FORM or rule.endswith("-type")


def drawn(strategy: st.SearchStrategy[Any], count: int = 200) -> list[Any]:
    """Examples of a strategy, the same every time."""
    found: list[Any] = []

    @settings(DRAWN, max_examples=count)
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


def known(data: Any, opportunity: str) -> Any:
    """The same about something that is there."""
    there = {"reference": KNOWN, "opportunity": opportunity}
    return {**data, **{name: value for name, value in there.items() if name in data}}


def mended(event_type: EventType, data: dict[str, Any], opportunity: str, number: int) -> dict[str, Any]:
    """Generated data whose codes, titles and dates are real ones, so that most of it passes the pack's rules too. Who
    arrives or is registered is somebody new each time."""
    base = example(event_type.name)
    taken = {name: value for name, value in data.items() if name not in base or name in ("places", "months", "has")}
    found = known({**base, **{name: value for name, value in taken.items() if not _has_codes(value)}}, opportunity)
    if event_type.name in ("trainee-graduated", "person-enrolled"):
        found["reference"] = f"NEW-{number}"
    if event_type.name == "agency-registered":
        keys = [{**key, "key_id": f"new-{number}-{n}"} for n, key in enumerate(found.get("keys", ()))]
        found |= {"agency": f"new-{number}", "keys": keys}
    return found


def _has_codes(value: Any) -> bool:
    return isinstance(value, str | list | dict)


@cache
def generated(door: type[Model]) -> list[Any]:
    """200 values made from the schema of a door model."""
    schema = door_schema(next(item for item in registry if item.door is door))
    assert schema is not None
    return drawn(instances(schema))


@pytest.mark.parametrize("event_type", DOOR_TYPES)
class TestGenerated:
    async def test_valid_data_is_never_refused_for_its_form(self, http: Http, event_type: EventType) -> None:
        schema = door_schema(event_type)
        assert schema is not None
        validator = validator_of(schema)
        assert event_type.door is not None
        for number, data in enumerate(generated(event_type.door)):
            for sent in (known(data, http.opportunity), mended(event_type, data, http.opportunity, number)):
                if not validator.is_valid(sent):
                    continue
                answer = await http.send(event_type, sent)
                if answer.status_code == 202:
                    http.seen["taken"] += 1
                    continue
                assert answer.status_code == 422, answer.text
                rules = {error["rule"] for error in answer.json()["errors"]}
                assert not [rule for rule in rules if of_form(rule)], rules
                http.seen["by a rule"] += 1
        assert sum(http.seen.values()) >= 250, http.seen
        assert http.seen["taken"] >= 20, http.seen

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
