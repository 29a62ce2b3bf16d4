"""Bounds of a route: nothing is read before the key, no more than the route takes, and nobody's failure is ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel
from pymongo.errors import AutoReconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Message

from shared.access.api_keys import Calling
from shared.kit.web import middleware, problems, quotas
from shared.kit.web.authentication import unauthorised
from shared.kit.web.edge_settings import EdgeSettings
from shared.kit.web.middleware import CannotGoOn, Outermost
from shared.kit.web.quotas import Quotas
from shared.kit.web.route_bounds import PROBE, Bounds, Router, bounded, bounded_routes
from tests.support.routes import Asked

pytestmark = pytest.mark.unit
GOOD = {"authorization": "good"}
BREAKS = {"changed": CannotGoOn(), "key": unauthorised(), "database": AutoReconnect(), "bug": RuntimeError()}


class Wanted(BaseModel):
    name: str


class Keys:
    async def authenticate(self, authorization: str | None) -> Any:
        if authorization != "good":
            raise unauthorised()
        return SimpleNamespace(key_id="gjf-1")

    async def reauthenticate(self, caller: Any) -> Any:
        return caller


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "LONGEST_DELAY", 0.0)


def app(**settings: Any) -> FastAPI:
    made, router = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), Router()

    @router.post("/wanted")
    async def wanted(wanted: Wanted, caller: Calling) -> str:
        return caller.key_id

    @router.post("/batches", openapi_extra={"requestBody": {"content": {"application/octet-stream": {}}}})
    @bounded(Bounds(most_bytes=100_000, charged=(), at_once=None, batches=True))
    async def batches(request: Request, caller: Calling) -> int:
        return len(await request.body())

    @router.get("/page")
    async def page() -> Response:
        return Response(b"x" * 200_000)

    @router.get("/pieces/{how}")
    async def pieces(how: str) -> Response:
        async def some() -> AsyncIterator[bytes]:
            yield b"x"
            raise BREAKS[how]

        return StreamingResponse(some())

    @router.delete("/wanted", status_code=204)
    async def forget(caller: Calling) -> Response:
        return Response(status_code=204)

    @router.get("/probe")
    @bounded(PROBE)
    async def probe() -> int:
        return 1

    made.add_middleware(Outermost)
    problems.install(made)
    made.include_router(router)
    made.state.runtime = SimpleNamespace(authenticator=Keys(), quotas=Quotas(EdgeSettings(**settings)))
    return made


class Exchange(Asked):
    """Sends a body in pieces; None is a caller who goes away."""

    def __init__(self, *pieces: bytes | None) -> None:
        super().__init__()
        self.pieces, self.sent_pieces = list(pieces), pieces
        self.sent: list[int] = []

    async def _receive(self) -> Message:
        if self.received > len(self.sent_pieces):
            await asyncio.Event().wait()  # nothing more comes
        self.received += 1
        piece = self.pieces.pop(0) if self.pieces else b""
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(self.pieces)}

    async def _send(self, message: Message) -> None:
        self.sent.append(len(message.get("body", b"")))
        await super()._send(message)


async def ask(made: FastAPI, path: str, *pieces: bytes | None, method: str = "POST", **headers: str) -> Exchange:
    class Ready(Exchange):
        def __init__(self) -> None:
            super().__init__(*pieces)

    found: Any = await Ready.of(made, method, path, content_type="application/json", **headers)
    return found


class TestBeforeTheBody:
    @pytest.mark.parametrize("path", ["/wanted", "/batches"])
    async def test_a_wrong_key_is_enough(self, path: str) -> None:
        asked = await ask(app(), path, b"{" * 1000, authorization="wrong", content_length="1000")
        assert (asked.status, asked.received) == (401, 0)

    @pytest.mark.parametrize(
        ("path", "length"), [("/wanted", "2049"), ("/batches", "100001"), ("/batches", "999999999999999")]
    )
    async def test_a_length_beyond_the_route_is_enough(self, path: str, length: str) -> None:
        asked = await ask(app(), path, b"x", content_length=length, **GOOD)
        assert (asked.status, asked.received) == (413, 0)

    async def test_wrong_keys_of_one_address_are_counted_and_good_ones_go_on(self) -> None:
        made = app(limit_wrong_keys="1/2")
        statuses = [(await ask(made, "/wanted", authorization="wrong")).status for _ in range(4)]
        assert statuses == [401, 401, 429, 429]
        assert (await ask(made, "/wanted", b'{"name": "x"}', **GOOD)).status == 200

    async def test_quotas_come_before_the_body_too(self) -> None:
        made = app(limit_requests="1/1")
        assert (await ask(made, "/wanted", b'{"name": "x"}', **GOOD)).status == 200
        asked = await ask(made, "/wanted", b'{"name": "x"}', **GOOD)
        assert (asked.status, asked.received) == (429, 0)
        assert asked.headers["retry-after"] == "1"

    async def test_pages_for_everybody_are_counted_by_address_and_probes_are_not(self) -> None:
        made = app(limit_anonymous="1/1")
        assert [(await ask(made, "/page", method="GET")).status for _ in range(2)] == [200, 429]
        assert [(await ask(made, "/probe", method="GET")).status for _ in range(3)] == [200] * 3


class TestWithoutABody:
    """A body that nobody reads is not passed over: whoever sent it meant something by it."""

    @pytest.mark.parametrize(("path", "method"), [("/wanted", "DELETE"), ("/page", "GET")])
    async def test_what_says_its_length_is_refused_unread(self, path: str, method: str) -> None:
        asked = await ask(app(), path, b'{"all": 1}', method=method, content_length="10", **GOOD)
        assert (asked.status, asked.received) == (422, 0)
        assert json.loads(asked.body)["rule"] == "body-not-taken"

    @pytest.mark.parametrize("pieces", [(b"[1]",), (b"", b"x"), (b"x" * 1_500, b"x")])
    async def test_what_says_none_is_refused_once_something_comes(self, pieces: tuple[bytes, ...]) -> None:
        asked = await ask(app(), "/wanted", *pieces, method="DELETE", transfer_encoding="chunked", **GOOD)
        assert (asked.status, json.loads(asked.body)["rule"]) == (422, "body-not-taken")

    async def test_none_is_none_however_it_is_said(self) -> None:
        for said in ({}, {"content_length": "0"}, {"transfer_encoding": "chunked"}):
            assert (await ask(app(), "/wanted", b"", method="DELETE", **said, **GOOD)).status == 204

    @pytest.mark.parametrize("nothing", [b"{}", b"{}\r\n", b"null"])
    async def test_an_empty_object_says_nothing(self, nothing: bytes) -> None:
        """Many clients cannot send headers with a POST without it."""
        for said in ({"content_length": str(len(nothing))}, {"transfer_encoding": "chunked"}):
            assert (await ask(app(), "/wanted", nothing, method="DELETE", **said, **GOOD)).status == 204

    async def test_probes_are_answered_all_the_same(self) -> None:
        assert (await ask(app(), "/probe", b"{}", method="GET", content_length="2")).status == 200


class TestWhileReading:
    async def test_a_key_that_was_taken_away_while_the_body_came_opens_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made, revoked = app(), False

        async def again(caller: Any) -> Any:
            if revoked:
                raise unauthorised()
            return caller

        monkeypatch.setattr(made.state.runtime.authenticator, "reauthenticate", again, raising=False)
        assert (await ask(made, "/wanted", b'{"name": "x"}', **GOOD)).status == 200
        revoked = True
        assert (await ask(made, "/wanted", b'{"name": "x"}', **GOOD)).status == 401

    async def test_no_more_is_taken_than_the_route_takes_whatever_it_says(self) -> None:
        asked = await ask(app(), "/wanted", *[b"x" * 1_000] * 10, **GOOD)
        assert (asked.status, asked.received) == (413, 3)

    async def test_small_bodies_pay_no_bytes_and_large_ones_do(self) -> None:
        made = app(limit_bytes="1/20000")
        small = [await ask(made, "/batches", b"x" * 16_000, content_length="16000", **GOOD) for _ in range(5)]
        assert [each.status for each in small] == [200] * 5
        large = [await ask(made, "/batches", b"x" * 17_000, content_length="17000", **GOOD) for _ in range(2)]
        assert [(each.status, each.received) for each in large] == [(200, 1), (429, 0)]

    async def test_a_body_that_does_not_say_its_length_pays_as_it_comes(self) -> None:
        made = app(limit_bytes="1/40000")
        assert (await ask(made, "/batches", *[b"x" * 4_000] * 4, **GOOD)).status == 200
        asked = await ask(made, "/batches", *[b"x" * 10_000] * 8, **GOOD)
        assert (asked.status, asked.received) == (429, 5)

    async def test_only_so_many_large_bodies_of_one_key_are_held(self) -> None:
        made = app(at_once_bodies=1)
        with made.state.runtime.quotas.hold("bodies-at-once", "gjf-1"):
            asked = await ask(made, "/batches", b"", content_length="20000", **GOOD)
            assert (asked.status, asked.received) == (429, 0)
            assert (await ask(made, "/batches", b"x", content_length="1", **GOOD)).status == 200
        assert (await ask(made, "/batches", b"x" * 20_000, content_length="20000", **GOOD)).status == 200
        assert not made.state.runtime.quotas._held

    @pytest.mark.parametrize("path", ["/wanted", "/batches"])
    async def test_who_goes_away_is_no_failure_of_ours(self, path: str, capsys: pytest.CaptureFixture[str]) -> None:
        before = middleware.metrics.http_requests.of(code=500)._value.get()
        await ask(app(), path, b"{", None, **GOOD)
        assert "request_failed" not in capsys.readouterr().out
        assert middleware.metrics.http_requests.of(code=500)._value.get() == before


class TestInPieces:
    @pytest.mark.parametrize(
        ("how", "said"),
        [(each, "answer_cut_off") for each in ("changed", "key", "database")] + [("bug", "request_failed")],
    )
    async def test_an_answer_is_cut_off_and_only_a_bug_is_a_failure_of_ours(
        self, how: str, said: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(middleware._CutOff):
            await ask(app(), f"/pieces/{how}", method="GET")
        written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(each["event"], each["route"]) for each in written] == [(said, "/pieces/<how>")]


class TestHeads:
    @pytest.mark.parametrize(
        ("path", "headers", "status"),
        [
            ("/" + "x" * 2_048, {}, 414),
            ("/probe", {"x": "y" * 4_096}, 431),
            ("/probe", {f"h{number}": "" for number in range(64)}, 431),
            ("/probe", {f"h{number}": "" for number in range(60)}, 200),
        ],
    )
    async def test_are_bounded(self, path: str, headers: dict[str, str], status: int) -> None:
        asked = await ask(app(), path, method="GET", **headers)
        assert asked.status == status

    @pytest.mark.parametrize(("query", "status"), [(b"a=1&" * 19, 200), (b"a=1&" * 20, 414), (b"a" * 2_049, 414)])
    async def test_queries_are_bounded(self, query: bytes, status: int) -> None:
        assert (middleware._beyond({"query_string": query, "path": "/", "headers": []}) is None) == (status == 200)


class TestAnswers:
    async def test_go_out_in_pieces_so_that_a_slow_reader_holds_little(self) -> None:
        asked = await ask(app(), "/page", method="GET")
        assert asked.sent == [0, 65_536, 65_536, 65_536, 200_000 - 3 * 65_536]
        assert len(asked.body) == 200_000


def test_a_route_without_bounds_is_an_error() -> None:
    made, router = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), APIRouter()

    @router.get("/forgotten")
    async def forgotten() -> int:
        return 1

    made.include_router(router)
    with pytest.raises(TypeError, match="/forgotten has no bounds"):
        list(bounded_routes(made))
