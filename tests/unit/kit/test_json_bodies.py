"""What stands twice, in a body or beside it, is refused on every route, and said where names are known; a body that is
packed or no UTF-8 is told so."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Body, FastAPI, Header, Query
from pydantic import BaseModel, ConfigDict, Field

from shared.kit.web import problems
from shared.kit.web.edge_settings import EdgeSettings
from shared.kit.web.json_bodies import NamedTwice, parsed
from shared.kit.web.middleware import Outermost
from shared.kit.web.problem_details import TYPE_BASE
from shared.kit.web.quotas import Quotas
from shared.kit.web.route_bounds import Bounds, Router, bounded

pytestmark = pytest.mark.unit
NAME = "kimchulsoo"
METHODS = ("POST", "PATCH", "PUT")


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    ca: str | None = None


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: str | None = None
    tls: Inner | None = None
    filter: dict[str, Any] | None = None


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app, router = FastAPI(openapi_url=None), Router()

    @router.api_route("/wanted/{id}", methods=[*METHODS])
    @bounded(Bounds(most_bytes=250_000))
    async def wanted(id: str, wanted: Wanted) -> str:
        return wanted.url or ""

    @router.get("/wanted/{other}")
    async def shown(other: str) -> str:
        return other

    @router.post("/two")
    async def two(one: Annotated[str, Body()], other: Annotated[str, Body()]) -> str:
        return one + other

    @router.get("/asked")
    async def asked(
        one: int | None = None,
        several: Annotated[list[int] | None, Query(max_length=3)] = None,
        last_event_id: Annotated[str | None, Header(max_length=20)] = None,
        if_none_match: Annotated[list[Annotated[str, Field(max_length=9)]] | None, Header()] = None,
    ) -> list[int | None]:
        return [one, len(several or ()), len(if_none_match or ())]

    app.add_middleware(Outermost)
    problems.install(app)
    app.include_router(router)
    app.state.runtime = type("Kit", (), {"quotas": Quotas(EdgeSettings())})()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as made:
        yield made


TWICE = [
    ('{"url": "a", "url": "b"}', "/url"),
    ('{"url": "a", "url": "a"}', "/url"),  # what says the same is not looked for
    (r'{"url": "a", "\u0075rl": "b"}', "/url"),
    ('{"url": "a", "tls": {"ca": "b", "ca": "c"}}', "/tls/ca"),
    (
        '{"filter": {"all": [{"exact": {"kind": "a"}}, {"exact": {"kind": "a", "kind": "b"}}]}}',
        "/filter",  # which names may stand there the model does not say
    ),
    ('{"tls": {"ca": "a", "ca": "b"}, "tls": null}', "/tls"),
    (f'{{"{NAME}": 1, "{NAME}": 2}}', ""),  # a name that nobody knows may be anybody's
    (f'{{"tls": {{"{NAME}": 1, "{NAME}": 2}}}}', "/tls"),
    (f'{{"{NAME}": {{"ca": 1, "ca": 2}}}}', ""),
    (f'{{"url": {{"{NAME}": 1, "{NAME}": 2}}}}', "/url"),
    (f'{{"tls": {{"ca": {{"{NAME}": {{"x": 1, "x": 2}}}}}}}}', "/tls/ca"),
    (f'[3, {{"{NAME}": 1, "{NAME}": 2}}]', "/1"),
    ("[" * 300 + '{"url": 1, "url": 2}' + "]" * 300, "/0" * 20),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("body", "field"), TWICE)
@pytest.mark.parametrize(
    "media", ["application/json", "application/json; charset=utf-8", "application/merge-patch+json"]
)
async def test_is_refused_with_its_place(
    client: httpx.AsyncClient, method: str, body: str, field: str, media: str
) -> None:
    answer = await client.request(method, "/wanted/1", content=body, headers={"content-type": media})
    told = answer.json()
    assert (answer.status_code, told["rule"], told["field"]) == (400, "named-twice", field)
    assert NAME not in answer.text


UNREADABLE = [
    b'{"filter": {"a": 1' + b"0" * 5_000 + b"}}",
    b"[" * 100_000 + b"]" * 100_000,
    b"{'url': 1}",
    b"{} {}",
]


@pytest.mark.parametrize("body", UNREADABLE)
async def test_what_cannot_be_read_has_a_rule(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/wanted/1", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["rule"]) == (400, "not-json")


NOT_PLAIN = [
    ("application/json", "gzip", b"\x1f\x8b\x08", 415, "plain-utf-8"),
    ("application/json", "identity, br", b"{}", 415, "plain-utf-8"),
    ("application/json; charset=euc-kr", "", '{"url": "가"}'.encode("euc-kr"), 415, "plain-utf-8"),
    ('application/json;CHARSET="latin1"', "", b'{"url": "\xe9"}', 415, "plain-utf-8"),
    ("application/json", "", '{"url": "가"}'.encode("cp949"), 400, "not-utf-8"),
]


@pytest.mark.parametrize(("media", "coding", "body", "status", "rule"), NOT_PLAIN)
async def test_what_is_packed_or_in_another_charset_is_told_so(
    client: httpx.AsyncClient, media: str, coding: str, body: bytes, status: int, rule: str
) -> None:
    headers = {"content-type": media} | ({"content-encoding": coding} if coding else {})
    answer = await client.post("/wanted/1", content=body, headers=headers)
    assert (answer.status_code, answer.json()["rule"]) == (status, rule)


@pytest.mark.parametrize(
    "media",
    [
        "application/json;charset=UTF-8", "application/json; charset=utf8", "application/x+json",
        'application/json; charset="UTF-8"', "application/json; charset='utf-8'", "application/json; charset=utf-8;",
        "application/json; charset=", "application/json; charset=ascii", "application/json; charset=US-ASCII",
    ],
)  # fmt: skip
async def test_what_says_that_it_is_plain_is_read(client: httpx.AsyncClient, media: str) -> None:
    answer = await client.post(
        "/wanted/1", content='{"url": "가"}'.encode(), headers={"content-type": media, "content-encoding": "identity"}
    )
    assert (answer.status_code, answer.json()) == (200, "가")


@pytest.mark.parametrize("charset", ["euc-kr", "CP949", "ISO-8859-1"])
async def test_what_is_the_same_in_the_charset_that_it_says_is_read(client: httpx.AsyncClient, charset: str) -> None:
    """Whoever sends events in EUC-KR, which intake takes, says so in all requests."""
    headers = {"content-type": f"application/json; charset={charset}"}
    answer = await client.post("/wanted/1", content=b'{"url": "a"}', headers=headers)
    assert (answer.status_code, answer.json()) == (200, "a")


@pytest.mark.parametrize(
    ("asked", "headers", "field"),
    [
        ("?one=1&one=2", [], "/query/one"),
        ("?one=1&one=1", [], "/query/one"),
        ("?one=1&%6Fne=", [], "/query/one"),
        ("?several=1&one=1&several=2&one=3", [], "/query/one"),
        ("?one=1", [("last-event-id", "a"), ("Last-Event-ID", "b")], "/header/last-event-id"),
    ],
)
async def test_a_parameter_that_stands_twice_is_refused(
    client: httpx.AsyncClient, asked: str, headers: list[tuple[str, str]], field: str
) -> None:
    answer = await client.get(f"/asked{asked}", headers=headers)
    assert (answer.status_code, answer.json()["rule"], answer.json()["field"]) == (400, "named-twice", field)


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ([("last-event-id", "a" * 21)], "/header/last-event-id"),
        ([("if-none-match", "a"), ("if-none-match", "a" * 10)], "/header/if-none-match/1"),
    ],
)
async def test_a_header_that_is_wrong_is_named(
    client: httpx.AsyncClient, headers: list[tuple[str, str]], field: str
) -> None:
    answer = await client.get("/asked", headers=headers)
    assert (answer.status_code, answer.json()["rule"], answer.json()["field"]) == (422, "too-long", field)


async def test_what_may_be_said_several_times_is_taken(client: httpx.AsyncClient) -> None:
    tags = [("if-none-match", "a"), ("if-none-match", "b")]
    answer = await client.get("/asked?several=1&several=2&one=5", headers=tags)
    assert (answer.status_code, answer.json()) == (200, [5, 2, 2])


@pytest.mark.parametrize("media", [None, "text/plain", "application/x-www-form-urlencoded", "text/json", "application"])
async def test_what_does_not_say_that_it_is_json_is_told_so(client: httpx.AsyncClient, media: str | None) -> None:
    headers = {"content-type": media} if media else {}
    answer = await client.post("/wanted/1", content=b'{"url": "a"}', headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (415, f"{TYPE_BASE}unsupported-media-type")
    nothing = await client.post("/wanted/1", headers=headers)
    assert (nothing.status_code, nothing.json()["rule"]) == (422, "missing-body")


async def test_every_method_that_an_address_takes_is_named(client: httpx.AsyncClient) -> None:
    for path, method, allowed in (
        ("/wanted/1", "DELETE", "GET, PATCH, POST, PUT"),
        ("/wanted/1", "OPTIONS", "GET, PATCH, POST, PUT"),
        ("/two", "GET", "POST"),
    ):
        answer = await client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_where_no_one_model_is_the_body_plain_names_are_said(client: httpx.AsyncClient) -> None:
    body = '{"one": "a", "other": "b", "one": "c"}'
    answer = await client.post("/two", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["field"]) == (400, "/one")


async def test_the_same_name_in_two_objects_is_nothing_twice(client: httpx.AsyncClient) -> None:
    body = '{"url": "a", "filter": {"url": "b", "any": [{"url": 1}, {"url": 1}]}}'
    answer = await client.post("/wanted/1", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()) == (200, "a")


@pytest.mark.parametrize("said", ['{"url": NaN}', "[Infinity]", "-Infinity"])
def test_what_python_alone_takes_for_a_number_is_no_json(said: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        parsed(said.encode())


@pytest.mark.parametrize("said", [{}, [], None, 1, "a", {"a": {"b": [{"c": [1, 2.5, "ä", None, True]}]}}, [[{"": {}}]]])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_all_else_is_read_as_python_reads_it(said: Any, encoding: str) -> None:
    assert parsed(json.dumps(said).encode(encoding)) == said


def test_to_find_the_place_costs_no_more_than_reading() -> None:
    """With a path of its own for each value this took 265 MB."""
    body = b"[" * 850 + b"0," * 31_000 + b'{"a":1,"a":2}' + b"]" * 850
    tracemalloc.start()
    try:
        json.loads(body)
        _, reading = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        with pytest.raises(NamedTwice) as found:
            parsed(body)
        _, both = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.value.place == (*[0] * 849, 31_000, "a")
    assert both < 3 * reading + 1_000_000


@pytest.mark.parametrize("around", ["{}", '[0, {{"a": {}}}]', '{{"b": {}, "a": 1}}', '[[{{"c": [1, {}]}}]]'])
@pytest.mark.parametrize("twice", ['{"x": 1, "y": 2, "x": 3}', '{"x": 1, "x": {"y": 1, "y": 2}}'])
def test_is_found_wherever_it_stands(around: str, twice: str) -> None:
    with pytest.raises(NamedTwice) as found:
        parsed(around.format(twice).encode())
    assert found.value.place[-1] == "x"
