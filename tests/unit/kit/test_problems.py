"""Problems and the outermost layer: what went wrong is said, what was sent is not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pymongo.errors import AutoReconnect, DuplicateKeyError, OperationFailure, ServerSelectionTimeoutError

from shared.access.api_keys import Calling
from shared.events.field_types import Slug
from shared.events.refusal import Refusal, Refused
from shared.kit.store.store import Unavailable
from shared.kit.web import contract_routes, problems
from shared.kit.web.docs_page import docs_routes
from shared.kit.web.edge_settings import EdgeSettings
from shared.kit.web.middleware import Outermost
from shared.kit.web.openapi import describe_problems
from shared.kit.web.problem_details import Remedies, Sayings
from shared.kit.web.problems import Problem, general_remedy
from shared.kit.web.quotas import Quotas
from shared.kit.web.route_bounds import Bounds, Router, bounded

pytestmark = pytest.mark.unit
NAME = "kimchulsoo"
LIMIT = 2_000


RAW: dict[str, Any] = {"requestBody": {"content": {"application/octet-stream": {}}}}


class Place(BaseModel):
    number: Annotated[str, StringConstraints(pattern="^[0-9]+-[0-9]$")] = Field(examples=["12-3"])


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reference: Slug
    count: int = 1
    places: list[Place] = []
    line2: int = 1
    words: dict[str, dict[str, int]] = {}


class _NoKeys:
    async def authenticate(self, _: str | None) -> None:
        raise AssertionError("not asked")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(_app()), base_url="http://test") as made:
        yield made


def _app(sayings: Sayings | None = None, remedies: Remedies = general_remedy) -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.add_middleware(Outermost)
    problems.install(app, remedies, passing=[Unavailable], sayings=sayings)
    app.include_router(_routes())
    app.include_router(contract_routes.routes)
    app.include_router(docs_routes(app))
    describe_problems(app)
    app.state.runtime = type("Kit", (), {"authenticator": _NoKeys(), "quotas": Quotas(EdgeSettings())})()
    return app


def _routes() -> Router:
    router = Router()
    failures: dict[str, Exception] = {
        "bug": RuntimeError(NAME), "duplicate": DuplicateKeyError(NAME), "unavailable": Unavailable(NAME),
        "stopping": OperationFailure(NAME, 11600), "no-moment": OperationFailure(NAME, 246),
        "no-right": OperationFailure(NAME, 13),
        "away": AutoReconnect(NAME), "silent": ServerSelectionTimeoutError(NAME),
        "refused": Refused(Refusal("too-small", "/data/count", {"ge": 3}), Refusal("unknown-field", "/data")),
        "unreadable": Refused(Refusal("not-json", "")), "problem": Problem(409, "other-content", "Other", field="/id"),
    }  # fmt: skip

    @router.post("/wanted")
    @bounded(Bounds(most_bytes=LIMIT))
    async def wanted(wanted: Wanted) -> str:
        return wanted.reference

    @router.get("/things/{thing}")
    async def thing(thing: Slug, limit: int = 1) -> str:
        return thing

    @router.get("/fail/{how}")
    async def fail(how: str) -> str:
        raise failures[how]

    @router.post("/raw", openapi_extra=RAW)
    @bounded(Bounds(most_bytes=LIMIT))
    async def raw(request: Request) -> int:
        return len(await request.body())

    @router.post("/places/{place}")
    async def place(
        place: Annotated[str, Path(pattern="^[0-9]+-[0-9]$", examples=["45-6"])],
        near: Annotated[str | None, Query(pattern="^[0-9]+-[0-9]$", examples=["78-9"])] = None,
    ) -> str:
        return f"{place}{near}"

    @router.get("/me")
    async def me(caller: Calling) -> str:
        return caller.key_id

    return router


def of(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert NAME not in answer.text
    return body


class TestRequestsThatDoNotFit:
    @pytest.mark.parametrize(
        ("body", "field", "rule"),
        [
            ({"reference": NAME.upper() + "\n"}, "/reference", "wrong-form"),
            ({"reference": "a", "count": NAME}, "/count", "int-type"),
            ({"reference": "a", NAME: 1}, "", "unknown-field"),
            ({}, "/reference", "missing-field"),
            ([NAME], "", "object-type"),
            ({"reference": "a", "line2": NAME}, "/line2", "int-type"),
            ({"reference": "a", "words": {NAME: {NAME: NAME}}}, "/words/0/0", "int-type"),
            ({"reference": "a", "words": {"b": {}, NAME: [1]}}, "/words/1", "object-type"),
            ({"reference": "a", "places": [{}]}, "/places/0/number", "missing-field"),
        ],
    )
    async def test_name_field_and_rule_and_echo_nothing(
        self, client: httpx.AsyncClient, body: object, field: str, rule: str
    ) -> None:
        found = of(await client.post("/wanted", json=body), 422)
        assert (found["field"], found["rule"]) == (field, rule)
        assert found["remedy"]
        assert found["errors"][0]["field"] == field

    @pytest.mark.parametrize(
        ("sent", "meant"), [("referense", "reference"), ("Counts", "count"), (NAME, None), ("count_" + NAME * 99, None)]
    )
    async def test_an_unknown_field_is_answered_with_the_known_one_that_is_like_it(
        self, sent: str, meant: str | None
    ) -> None:
        app = _app(remedies=lambda rule, field, values: {"en": f"{values.get('nearest')} of {values.get('known')}"})
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            found = of(await client.post("/wanted", json={"reference": "a", sent: 1}), 422)
        assert found["remedy"]["en"] == f"{meant} of count, line2, places, reference, words"

    @pytest.mark.parametrize(
        ("path", "body", "rule", "values"),
        [
            ("/wanted", [NAME], "object-type", "known: count, line2, places, reference, words"),
            ("/wanted", None, "missing-body", "known: count, line2, places, reference, words"),
            ("/wanted", {"reference": "a", "places": {}}, "list-type", ""),
            ("/wanted", {"reference": "a", "places": [NAME]}, "object-type", "known: number"),
            ("/wanted", {"reference": "a", "places": [{"number": NAME}]}, "wrong-form", "example: 12-3"),
            ("/places/kim", None, "wrong-form", "example: 45-6"),
            ("/places/12-3?near=kim", None, "wrong-form", "example: 78-9"),
        ],
    )
    async def test_are_told_which_names_a_place_takes_or_what_it_is_documented_with(
        self, path: str, body: object, rule: str, values: str
    ) -> None:
        said = ("known", "example")
        app = _app(remedies=lambda _, __, known: {"en": "".join(f"{n}: {known[n]}" for n in said if n in known)})
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            sent: dict[str, Any] = {} if body is None else {"json": body}
            found = of(await client.post(path, **sent), 422)
        assert (found["rule"], found["remedy"]["en"]) == (rule, values)

    async def test_that_are_not_json_say_so(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(
            "/wanted", content=f'{{"reference": "{NAME}', headers={"content-type": "application/json"}
        )
        assert of(answer, 400)["rule"] == "not-json"

    async def test_in_the_address_name_the_parameter(self, client: httpx.AsyncClient) -> None:
        assert of(await client.get(f"/things/a?limit={NAME}"), 422)["field"] == "/query/limit"
        assert of(await client.get(f"/things/{NAME.upper()}"), 422)["field"] == "/path/thing"

    async def test_that_are_too_long_are_cut_off(self, client: httpx.AsyncClient) -> None:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(10):
                yield b"x" * 1_000

        assert of(await client.post("/raw", content=b"x" * (LIMIT + 1)), 413)["rule"] == "too-much"
        assert of(await client.post("/raw", content=parts()), 413)["rule"] == "too-much"
        json_part = {"content-type": "application/json"}
        assert of(await client.post("/wanted", content=parts(), headers=json_part), 413)["rule"] == "too-much"
        assert (await client.post("/raw", content=b"x" * LIMIT)).json() == LIMIT


class TestFailures:
    @pytest.mark.parametrize("how", ["bug", "duplicate", "no-right"])
    async def test_of_ours_are_500_without_any_text(
        self, client: httpx.AsyncClient, how: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        of(await client.get(f"/fail/{how}"), 500)
        line = capsys.readouterr().out
        assert '"event":"request_failed"' in line
        assert '"route":"/fail/<how>"' in line
        assert NAME not in line

    @pytest.mark.parametrize("how", ["unavailable", "away", "silent", "stopping", "no-moment"])
    async def test_that_pass_are_503_with_a_time(self, client: httpx.AsyncClient, how: str) -> None:
        answer = await client.get(f"/fail/{how}")
        found = of(answer, 503)
        assert int(answer.headers["retry-after"]) >= 1
        assert found["detail"].startswith("It may or may not have been taken"), "an answer may be lost on its way back"

    async def test_of_the_contract_list_every_finding(self, client: httpx.AsyncClient) -> None:
        found = of(await client.get("/fail/refused"), 422)
        assert [error["rule"] for error in found["errors"]] == ["too-small", "unknown-field"]
        assert found["remedy"] == {"en": "Compare it with the schema."}

    async def test_of_reading_are_400(self, client: httpx.AsyncClient) -> None:
        assert of(await client.get("/fail/unreadable"), 400)["rule"] == "not-json"

    async def test_with_a_name_of_their_own_keep_it(self, client: httpx.AsyncClient) -> None:
        found = of(await client.get("/fail/problem"), 409)
        assert (found["type"], found["field"]) == ("https://problems.ieum.invalid/other-content", "/id")

    async def test_unknown_addresses_and_methods_are_problems(self, client: httpx.AsyncClient) -> None:
        of(await client.get(f"/{NAME}"), 404)
        answer = await client.delete("/wanted")
        of(answer, 405)
        assert answer.headers["allow"] == "POST"


class TestLanguages:
    async def test_the_application_says_what_to_do_in_its_own(self) -> None:
        asked: list[tuple[Sequence[str], dict[str, object]]] = []

        def sayings(names: Sequence[str], values: Mapping[str, object]) -> dict[str, dict[str, str]]:
            asked.append((tuple(names), dict(values)))
            said = {"ko": names[0], "en": "so"}
            return {} if "other-content" in names else {"titles": said, "details": said, "remedy": said}

        app = _app(sayings)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            answers = [
                (await client.get("/nowhere"), 404, "not-found"),
                (await client.delete("/wanted"), 405, "method-not-allowed"),
                (await client.get("/fail/away"), 503, "unavailable"),
                (await client.get("/fail/bug"), 500, "internal"),
                (await client.post("/raw", content=b"x" * (LIMIT + 1)), 413, "too-much"),
            ]
            for answer, status, name in answers:
                found = of(answer, status)
                assert found["titles"] == found["remedy"] == {"ko": name, "en": "so"}
                assert found.get("details") == (found["titles"] if "detail" in found else None)
            assert "remedy" not in of(await client.get("/fail/problem"), 409), "nobody has a sentence for it"
            found = of(await client.get("/fail/refused"), 422)
            assert found["titles"] == {"ko": "refused", "en": "so"}
            assert found["remedy"] == {"en": "Compare it with the schema."}
        assert (("too-much", "refused"), {"bytes": LIMIT}) in asked


class TestKeyInAddress:
    @pytest.mark.parametrize("name", ["key", "token", "access_token", "API_KEY", "Authorization"])
    async def test_is_refused_before_anything_is_looked_up(self, client: httpx.AsyncClient, name: str) -> None:
        found = of(await client.get("/me", params={name: NAME}), 400)
        assert found["type"].endswith("/key-in-address")


class TestContractRoutes:
    async def test_list_every_type_and_give_its_schema(self, client: httpx.AsyncClient) -> None:
        listed = (await client.get("/schemas")).json()
        assert len(listed) > 20
        for item in listed:
            answer = await client.get(f"/schemas/{item['type']}/{item['version']}")
            place = "door" if item["taken_at_the_door"] else "bus"
            assert answer.json()["$id"].endswith(f"/{place}/{item['type']}/{item['version']}")
            assert answer.headers["content-type"] == "application/schema+json"

    async def test_give_the_bus_and_notices_on_demand(self, client: httpx.AsyncClient) -> None:
        assert "/bus/" in (await client.get("/schemas/job-posted/1?of=bus")).json()["$id"]
        assert "alias" in (await client.get("/schemas/notice/1")).json()["properties"]
        assert (await client.get("/asyncapi.json")).json()["asyncapi"] == "3.0.0"

    @pytest.mark.parametrize("path", ["job-posted/9", "nothing/1", "match-found/1?of=door"])
    async def test_know_no_others(self, client: httpx.AsyncClient, path: str) -> None:
        of(await client.get(f"/schemas/{path}"), 404)


class TestOpenApi:
    async def test_describes_problems_and_not_what_is_never_sent(self, client: httpx.AsyncClient) -> None:
        for _ in range(2):
            answer = await client.get("/openapi.json")
            assert "HTTPValidationError" not in answer.text
            responses = answer.json()["paths"]["/wanted"]["post"]["responses"]
            assert list(responses["422"]["content"]) == ["application/problem+json"]
            assert "default" in responses


async def test_the_document_is_made_once_and_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a second in a service, and all who call at the same time would wait for it."""
    app, threads = _app(), list[int]()
    make = app.openapi

    def noted() -> Any:
        threads.append(threading.get_ident())
        return make()

    monkeypatch.setattr(app, "openapi", noted)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answers = await asyncio.gather(*(client.get(path) for path in ("/openapi.json", "/docs") * 3))
    assert {answer.status_code for answer in answers} == {200}
    assert len(threads) == 1
    assert threads != [threading.get_ident()]
