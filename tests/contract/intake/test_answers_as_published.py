"""What the door answers is what `docs/openapi/intake.json` says: status, media type, every field, none more."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from jsonschema import Draft202012Validator

from services.intake.admission import Admission
from services.intake.api import Endpoints, make_router
from services.intake.changes import opportunities
from services.intake.documents import REJECTIONS
from services.intake.journeys import Journeys
from services.intake.settings import IntakeSettings
from shared.access.keys import Caller
from shared.kit.web import problems
from shared.kit.web.authentication import unauthorised
from shared.kit.web.edge import EdgeSettings
from shared.kit.web.http import Outermost
from shared.kit.web.quotas import Quotas
from tests.unit.intake.memory import House, agency, example, pack, today
from tests.unit.intake.test_journeys import Kept

pytestmark = pytest.mark.contract
PUBLISHED = json.loads((Path(__file__).parents[3] / "docs/openapi/intake.json").read_text())
ONE = "application/cloudevents+json"
MANY = "application/cloudevents-batch+json"
LEFT = {"reference": "HW-8841", "reason": "own-wish"}


class Rows(Kept):
    """With what was refused."""

    async def rejection(self, id: str) -> dict[str, Any] | None:
        return next((row for row in self._store.all(REJECTIONS.name) if row["_id"] == id), None)

    async def steps(self, correlationid: str) -> list[dict[str, Any]]:
        found = {"count": 2, "first": self._store.now, "last": self._store.now}
        told = {"type": "notice-delivered", "recipient": "gjf", "channel": "feed", "about": "notice"}
        return [{"_id": {"type": "match-found"}, **found}, {"_id": told, **found}]


class Keys:
    """The header is the agency's name."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def authenticate(self, authorization: str | None) -> Caller:
        if authorization not in self._house.callers:
            raise unauthorised()
        return self._house.callers[authorization]

    async def reauthenticate(self, caller: Caller) -> Caller:
        return caller


class Door:
    """The door's routes over a store in memory; every answer is compared with the published document."""

    def __init__(self, house: House, client: httpx.AsyncClient) -> None:
        self.house = house
        self._client = client
        self.seen: set[tuple[str, int]] = set()

    async def ask(self, path: str, method: str, address: str, **more: Any) -> Any:
        """Ask; `path` as it is published."""
        headers = {"authorization": "hanawon", **more.pop("headers", {})}
        answer = await self._client.request(method, address, headers=headers, **more)
        responses = PUBLISHED["paths"][path][method]["responses"]
        published = responses.get(str(answer.status_code), responses["default"])["content"]
        media = answer.headers["content-type"].partition(";")[0]
        assert media in published, (path, answer.status_code, media, sorted(published))
        schema = {**_strict(published[media]["schema"]), "components": _strict(PUBLISHED["components"])}
        found = [error.message for error in Draft202012Validator(schema).iter_errors(answer.json())]
        assert not found, (path, answer.status_code, answer.text, found)
        self.seen.add((path, answer.status_code))
        return answer.json()

    async def send(self, event: Any, media: str = ONE, **headers: str) -> Any:
        """Post it."""
        content = event if isinstance(event, bytes) else json.dumps(event).encode()
        return await self.ask("/events", "post", "/events", content=content, headers={"content-type": media, **headers})

    def event(self, type: str, data: Any, by: str = "hanawon", **attributes: Any) -> dict[str, Any]:
        """An event of this house."""
        return self.house.event(type, data, by, **attributes)


def _strict(schema: Any) -> Any:
    """The same, with every object closed: a field that is answered and not published is found, too."""
    closed = copy.deepcopy(schema)
    todo = [closed]
    while todo:
        each = todo.pop()
        if isinstance(each, dict):
            if "properties" in each and each.get("type") == "object":
                each.setdefault("additionalProperties", False)
            todo += each.values()
        elif isinstance(each, list):
            todo += each
    return closed


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    house = House()
    full = agency("hanawon").model_dump(mode="json")
    full["rights"]["reads"] = ["journeys", "rejections", "lookup"]
    house.add(type(agency("hanawon")).model_validate(full, strict=False))
    app = FastAPI()
    endpoints = Endpoints()
    endpoints.admission, endpoints.door = Admission(house.dependencies.slices, 500, 5_000_000), house.door
    endpoints.journeys = Journeys(cast(Any, Rows(house.store)), house.dependencies)
    app.add_middleware(Outermost)
    app.state.runtime = SimpleNamespace(authenticator=Keys(house), quotas=Quotas(EdgeSettings()))
    problems.install(app, pack().remedy)
    chosen = IntakeSettings(kafka="127.0.0.1:1", mongo_url="mongodb://127.0.0.1:2/", profile="development")
    app.include_router(make_router(endpoints, chosen))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake.invalid") as client:
        yield Door(house, client)


async def test_of_sending(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    arrival = door.event("trainee-graduated", example("trainee-graduated"))
    assert (await door.send(arrival))["status"] == "accepted"
    assert (await door.send(arrival))["status"] == "duplicate"
    packed = gzip.compress(json.dumps({**arrival, "sequense": "1"}).encode())
    again = await door.send(packed, **{"content-encoding": "gzip"})
    assert (again["status"], again["warnings"][0]["rule"]) == ("duplicate", "unknown-attribute")
    assert (await door.send(packed, **{"content-encoding": "br"}))["status"] == 415
    assert (await door.send({**arrival, "testrun": True}))["testrun"] is True
    conflict = await door.send({**arrival, "data": LEFT, "type": "person-left"})
    assert (conflict["status"], conflict["id"]) == (409, arrival["id"])
    assert (await door.send(door.event("person-left", LEFT, by="gjf")))["status"] == 403
    assert (await door.send(b"{"))["status"] == 400
    assert (await door.send("{}".encode("utf-16")))["rule"] == "not-utf-8"
    assert "id" not in await door.send({})
    assert (await door.send({}, "text/plain"))["status"] == 415
    assert (await door.send(b"x" * 5_000_001))["status"] == 413
    assert (await door.send([{}] * 501, MANY))["status"] == 413
    kept = await door.send(door.event("person-left", {**LEFT, "reference": "HW-1"}))
    assert (kept["status"], kept["rule"]) == (422, "unknown-reference-kept")
    late = await door.send(door.event("person-enrolled", example("person-enrolled", reference="HW-1")))
    assert late["withheld"] == ["active"]
    wrong = example("person-enrolled", consents=[{"purpose": "?", "until": today()}], reference="HW-2")
    found = await door.send([{}, 7, door.event("person-enrolled", wrong), {"id": "x", "type": "job-posted"}], MANY)
    assert [one["status"] for one in found["results"]] == ["refused"] * 4
    assert [one.get("id") for one in found["results"]][1::2] == [None, "x"]
    await door.send({"reference": 1}, "application/json", **{"ce-specversion": "1.0", "ce-id": "%"})
    monkeypatch.setattr(opportunities, "decide", lambda *_: 1 / 0)
    assert (await door.send(door.event("job-posted", example("job-posted"))))["status"] == 500
    assert (await door.send(arrival, authorization="nobody"))["status"] == 401
    assert {status for _, status in door.seen} == {202, 400, 401, 403, 409, 413, 415, 422, 500}


async def test_of_looking_back(door: Door) -> None:
    one, event, receipt, refused, lookup = (
        "/events", "/events/{id}", "/receipts/{receipt}", "/rejections", "/people/lookup",
    )  # fmt: skip
    sent = await door.send(door.event("trainee-graduated", example("trainee-graduated")))
    bad = await door.send(door.event("person-left", {**LEFT, "reason": "?"}))
    await door.send({"data": {}})
    source = {"source": "/agencies/hanawon"}
    assert (await door.ask(event, "get", f"/events/{sent['id']}", params=source))["status"] == "accepted"
    assert (await door.ask(event, "get", f"/events/{bad['id']}", params=source))["status"] == "refused"
    assert (await door.ask(event, "get", "/events/none", params=source))["status"] == 404
    assert (await door.ask(event, "get", "/events/none"))["status"] == 422
    found = await door.ask(receipt, "get", f"/receipts/{sent['receipt']}")
    assert found["partners"][0]["delivered"]["count"] == 2
    assert (await door.ask(receipt, "get", "/receipts/none", headers={"authorization": "gjf"}))["status"] == 403
    listed = await door.ask(refused, "get", "/rejections", params={"limit": 2})
    assert len(listed["rejections"]) == 2
    assert "next" in listed
    assert (await door.ask(refused, "get", "/rejections", params={"before": "?"}))["status"] == 422
    assert "alias" in await door.ask(lookup, "post", "/people/lookup", json={"reference": LEFT["reference"]})
    assert (await door.ask(lookup, "post", "/people/lookup", json={"reference": "HW-9"}))["status"] == 404
    assert (await door.ask(lookup, "post", "/people/lookup", json={"reference": "?", "x": 1}))["status"] == 422
    assert {path for path, _ in door.seen} == {one, event, receipt, refused, lookup}
