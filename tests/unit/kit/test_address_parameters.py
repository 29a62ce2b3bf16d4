"""Of the parameters of an address only those are taken that the route knows, written as their type is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query
from pydantic import AwareDatetime, BaseModel, Field

from shared.kit.web import problems
from shared.kit.web.docs_page import docs_routes
from shared.kit.web.edge_settings import EdgeSettings
from shared.kit.web.json_types import WHOLE, DayInBody, MomentInBody, Number
from shared.kit.web.middleware import Outermost
from shared.kit.web.quotas import Quotas
from shared.kit.web.route_bounds import PROBE, Bounds, Router, bounded

pytestmark = pytest.mark.unit
NAME = "kimchulsoo"


class Said(BaseModel):
    whole: Annotated[int, Field(ge=1, le=500, strict=True), WHOLE] = 1
    number: Annotated[Number, Field(ge=0)] = 0.0
    day: DayInBody | None = None
    moment: MomentInBody | None = None


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app, router = FastAPI(openapi_url=None), Router()

    @router.get("/page/{version}")
    async def page(
        version: int,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        wait: float = 0,
        since: AwareDatetime | None = None,
        before: date | None = None,
        acknowledge: Annotated[list[str] | None, Query()] = None,
    ) -> list[Any]:
        return [version, limit, wait, since, before, acknowledge]

    @router.get("/bare")
    async def bare() -> str:
        return "bare"

    @router.get("/probe")
    @bounded(PROBE)
    async def probe() -> str:
        return "probe"

    @router.post("/said")
    @bounded(Bounds(most_bytes=1_000))
    async def said(said: Said) -> Said:
        return said

    def remedy(rule: str, field: str, values: Any) -> dict[str, str]:
        return {"en": " ".join(f"{name}={value}" for name, value in values.items())}

    app.add_middleware(Outermost)
    problems.install(app, remedy)
    app.include_router(router)
    app.include_router(docs_routes(app))
    app.state.runtime = type("Kit", (), {"quotas": Quotas(EdgeSettings())})()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as made:
        yield made


@pytest.mark.parametrize(
    ("query", "remedy"),
    [
        ("limti=5", "known=acknowledge, before, limit, since, wait nearest=limit"),
        ("Limit=5", "known=acknowledge, before, limit, since, wait nearest=limit"),
        (f"{NAME}=1", "known=acknowledge, before, limit, since, wait"),
        ("limit=5&subscription=x", "known=acknowledge, before, limit, since, wait"),
        ("=", "known=acknowledge, before, limit, since, wait"),
    ],
)
async def test_one_that_the_route_does_not_know_is_refused_and_the_one_that_may_be_meant_named(
    client: httpx.AsyncClient, query: str, remedy: str
) -> None:
    answer = await client.get(f"/page/1?{query}")
    told = answer.json()
    assert (answer.status_code, told["rule"], told["field"]) == (422, "unknown-parameter", "/query")
    assert told["remedy"] == {"en": remedy}
    assert NAME not in answer.text


async def test_a_route_without_parameters_takes_none_and_a_probe_is_never_put_out_by_one(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/bare?x=1")
    assert (answer.status_code, answer.json()["remedy"]["en"]) == (422, "known=-")
    assert (await client.post("/said?x=1", json={})).json()["rule"] == "unknown-parameter"
    assert (await client.get("/probe?x=1")).status_code == 200


@pytest.mark.parametrize("address", ["/docs?utm_source=mail&utm_medium=email", "/openapi.json?_=1764500000"])
async def test_what_is_the_same_for_everybody_is_given_whatever_was_added_to_its_address(
    client: httpx.AsyncClient, address: str
) -> None:
    assert (await client.get(address)).status_code == 200


async def test_everything_that_is_wrong_is_said_at_once(client: httpx.AsyncClient) -> None:
    answer = await client.get("/page/1?limit=1_0&x=1&since=0&wait=1&wait=2")
    assert [(each["field"], each["rule"]) for each in answer.json()["errors"]] == [
        ("/query/wait", "named-twice"),
        ("/query", "unknown-parameter"),
        ("/query/limit", "int-type"),
        ("/query/since", "datetime-from-date-parsing"),
    ]


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        *((f"limit={text}", "int-type") for text in ("1_0", "%2B5", "%205", "5.0", "05", "1e1", "５", "", "x")),
        *(
            (f"wait={text}", "float-type")
            for text in ("1_0", "1e", "e1", "1e1.5", "nan", "inf", ".5", "5.", "%2B5", "")
        ),
        *((f"since={text}", "datetime-from-date-parsing") for text in ("0", "1764500000", "1764500000.5", "-1", "1e9")),
        *((f"before={text}", "not-a-date") for text in ("0", "20261130", "1764460800")),
    ],
)
async def test_what_is_not_written_as_its_type_is_refused(client: httpx.AsyncClient, query: str, rule: str) -> None:
    answer = await client.get(f"/page/1?{query}")
    assert (answer.status_code, answer.json()["rule"]) == (422, rule)
    assert answer.json()["field"] == f"/query/{query.partition('=')[0]}"


async def test_in_the_path_neither(client: httpx.AsyncClient) -> None:
    answer = await client.get("/page/1_0")
    assert (answer.status_code, answer.json()["rule"], answer.json()["field"]) == (422, "int-type", "/path/version")


async def test_what_is_written_as_its_type_is_taken(client: httpx.AsyncClient) -> None:
    query = "limit=5&wait=2.5&since=2026-11-30T09:00:00%2B09:00&before=2026-11-30&acknowledge=a&acknowledge=b"
    assert (await client.get(f"/page/7?{query}")).json() == [
        *(7, 5, 2.5, "2026-11-30T09:00:00+09:00", "2026-11-30", ["a", "b"]),
    ]
    assert (await client.get("/page/7?wait=25")).json()[2] == 25
    for little in (3.2e-05, 1e-07):
        assert (await client.get("/page/7", params={"wait": little})).json()[2] == little


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        *(({"whole": value}, "int-type") for value in ("5", True, 5.5, "5_0")),
        *(({"number": value}, "float-type") for value in ("5", True)),
        *(({"day": value}, "not-a-date") for value in (0, 20_261_130, "1764460800", True)),
        *(({"moment": value}, "datetime-from-date-parsing") for value in (0, 1_764_500_000, "1764500000", 1.5)),
        ({"whole": 0}, "too-small"),
        ({"whole": 501}, "too-large"),
    ],
)
async def test_in_a_body_nothing_is_guessed_at_either(
    client: httpx.AsyncClient, said: dict[str, Any], rule: str
) -> None:
    answer = await client.post("/said", json=said)
    assert (answer.status_code, answer.json()["rule"], answer.json()["field"]) == (422, rule, f"/{next(iter(said))}")


async def test_in_a_body_what_is_of_its_type_is_taken(client: httpx.AsyncClient) -> None:
    said = {"whole": 5.0, "number": 1, "day": "2026-11-30", "moment": "2026-11-30T00:00:00Z"}
    assert (await client.post("/said", json=said)).json() == {**said, "whole": 5, "number": 1.0}
