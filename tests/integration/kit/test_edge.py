"""A server as a service runs it, on real sockets: what is malformed, slow, unread or too many, and what goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI, Request
from starlette.responses import Response

from shared.access.api_keys import Calling
from shared.kit.runtime import serve
from shared.kit.runtime.serve import EdgeServer, edge_config
from shared.kit.web import problems
from shared.kit.web.authentication import unauthorised
from shared.kit.web.connection_limits import RESERVE
from shared.kit.web.edge_settings import EdgeSettings
from shared.kit.web.middleware import Outermost
from shared.kit.web.quotas import Quotas
from shared.kit.web.route_bounds import PROBE, Bounds, Router, bounded
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration
GOOD = b"Authorization: good\r\n"
HEAD = b" HTTP/1.1\r\nHost: x\r\n"
LIVE = b"GET /live" + HEAD + b"\r\n"
RAW: dict[str, Any] = {"requestBody": {"content": {"application/octet-stream": {}}}}


class Keys:
    async def authenticate(self, authorization: str | None) -> Any:
        if authorization != "good":
            raise unauthorised()
        return SimpleNamespace(key_id="gjf-1")

    async def reauthenticate(self, caller: Any) -> Any:
        return caller


class World:
    """The application and what it saw."""

    def __init__(self, settings: EdgeSettings) -> None:
        self.bodies: list[int] = []
        self.begun = 0
        self.gate = asyncio.Event()
        self.app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        router = Router()

        @router.get("/live")
        @bounded(PROBE)
        async def live() -> int:
            return 1

        @router.post("/events", openapi_extra=RAW)
        @bounded(Bounds(most_bytes=1_000_000, charged=(), at_once=None, batches=True))
        async def events(request: Request, caller: Calling) -> int:
            self.begun += 1
            self.bodies.append(len(await request.body()))
            return self.bodies[-1]

        @router.post("/wait", openapi_extra=RAW)
        async def wait_with_a_body(request: Request, caller: Calling) -> int:
            await request.body()
            self.begun += 1
            await self.gate.wait()
            return 1

        @router.get("/wait")
        async def wait(caller: Calling) -> int:
            self.begun += 1
            await self.gate.wait()
            return 1

        @router.get("/large")
        async def large(caller: Calling) -> Response:
            self.begun += 1
            return Response(b"x" * 30_000_000)

        self.app.add_middleware(Outermost)
        problems.install(self.app)
        self.app.include_router(router)
        self.app.state.runtime = SimpleNamespace(authenticator=Keys(), quotas=Quotas(settings))
        self.server = EdgeServer(edge_config(self.app, settings))
        self.port = 0

    @property
    def held(self) -> int:
        return len(list(self.server.config.edge))

    @property
    def proven(self) -> int:
        found: list[Any] = list(self.server.config.edge)
        return sum(each._rest_as == "idle" for each in found)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def say(self, *pieces: bytes) -> bytes:
        """Everything that comes back until the server ends the connection."""
        reader, writer = await self.connect()
        with suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        answer = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(20):
                answer = await reader.read()
        writer.close()
        return answer

    async def ask(self, request: bytes) -> bytes:
        """One answer's head and body on a connection of its own."""
        reader, writer = await self.connect()
        writer.write(request)
        async with asyncio.timeout(20):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            body = await reader.readexactly(int(length.split(b":")[1]))
        writer.close()
        return head + body


@asynccontextmanager
async def world(**settings: Any) -> AsyncIterator[World]:
    made = World(EdgeSettings(**settings))
    listening = serve._bound("127.0.0.1", 0, "IEUM_PORT")
    assert listening is not None
    made.port = listening.getsockname()[1]
    made.server.capture_signals = suppress  # type: ignore[method-assign,assignment]  # pytest keeps its signals
    with listening:
        serving = asyncio.create_task(made.server.serve(sockets=[listening]))
        try:
            await eventually(lambda: made.server.started)
            yield made
        finally:
            made.gate.set()
            made.server.should_exit = True
            await serving


@pytest_asyncio.fixture
async def usual() -> AsyncIterator[World]:
    async with world() as made:
        yield made


class TestMalformed:
    @pytest.mark.parametrize(
        "request_",
        [
            b"POST /events" + HEAD + GOOD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST /events" + HEAD + GOOD + b"Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello",
            b"POST /events" + HEAD + GOOD + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
            b"GET /live" + HEAD + b"A: b\r\n folded\r\n\r\n",
            b"GET /live" + HEAD + b"A : b\r\n\r\n",
            b"GET /live" + HEAD + b"A: \x01\r\n\r\n",
            b"GET /live\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /live HTTP/1.1\nHost: x\n\n",
            b"GET /live HTTP/1.1\r\n\r\n",
            b"GET /live HTTP/9.1\r\nHost: x\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ],
    )
    async def test_heads_get_400_and_the_end(self, usual: World, request_: bytes) -> None:
        answer = await usual.say(request_, LIVE)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"connection: close" in head.lower()
        assert json.loads(body)["title"], "one problem, and nothing behind it"
        assert usual.begun == 0

    @pytest.mark.parametrize(
        ("request_", "status", "problem"),
        [
            (b"GET /live" + HEAD + b"A: " + b"x" * 20_000 + b"\r\n\r\n", b"431", "head-too-large"),
            (b"GET /live" + HEAD + b"A: b\r\n" * 64 + b"\r\n", b"431", "head-too-large"),
            (b"GET /live?" + b"x" * 20_000 + HEAD + b"\r\n", b"414", "uri-too-long"),
            (b"GET /live?" + b"x" * 9_000 + HEAD + b"A: " + b"x" * 9_000 + b"\r\n\r\n", b"414", "uri-too-long"),
            (b"GET /live?" + b"x" * 9_000 + HEAD + b"\r\n", b"414", "uri-too-long"),
        ],
    )
    async def test_heads_that_are_too_large_are_told_so(
        self, usual: World, request_: bytes, status: bytes, problem: str
    ) -> None:
        answer = await usual.say(request_, LIVE)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 " + status)
        assert json.loads(body)["type"].endswith(f"/{problem}")
        assert usual.begun == 0

    @pytest.mark.parametrize(
        "body", [b"Z\r\n", b"5\nhello\r\n", b"5\r\nhelloX\r\n0\r\n\r\n", b"0x5\r\nhello\r\n", b"0\r\nA: b\r\n\r\n"]
    )
    async def test_chunks_get_400_and_are_no_failure_of_ours(
        self, usual: World, body: bytes, capsys: pytest.CaptureFixture[str]
    ) -> None:
        answer = await usual.say(b"POST /events" + HEAD + GOOD + b"Transfer-Encoding: chunked\r\n\r\n", body, LIVE)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"application/problem+json") == 1
        assert b" 200 " not in answer
        assert usual.bodies == []
        assert "request_failed" not in capsys.readouterr().out

    async def test_a_request_behind_another_is_never_read(self, usual: World) -> None:
        inner = b"POST /events" + HEAD + GOOD + b"Content-Length: 1\r\n\r\nx"
        answer = await usual.say(LIVE + inner)
        assert answer.count(b"HTTP/1.1 200") == 1
        assert usual.begun == 0


class TestUsual:
    async def test_a_connection_serves_one_request_after_the_other(self, usual: World) -> None:
        reader, writer = await usual.connect()
        for _ in range(3):
            writer.write(b"POST /events" + HEAD + GOOD + b"Content-Length: 5\r\n\r\nhello")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(1) == b"5"
        writer.close()
        assert usual.bodies == [5, 5, 5]

    async def test_http_1_0_is_answered_and_ended(self, usual: World) -> None:
        answer = await usual.say(b"GET /live HTTP/1.0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"\r\n\r\n1")

    async def test_who_asks_first_is_told_to_go_on_only_with_a_good_key(self, usual: World) -> None:
        expecting = b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        reader, writer = await usual.connect()
        writer.write(b"POST /events" + HEAD + GOOD + expecting)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(b"hello")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.close()
        answer = await usual.say(b"POST /events" + HEAD + expecting)
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert usual.bodies == [5]

    async def test_a_refusal_reaches_who_sends_a_large_body_with_a_wrong_key(self, usual: World) -> None:
        head = b"POST /events" + HEAD + b"Content-Length: 900000\r\n\r\n"
        reader, writer = await usual.connect()
        writer.write(head + b"x" * 10_000)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 401 ")
        writer.write(b"x" * 890_000)  # it is thrown away, and the connection is not used again
        writer.write(LIVE)
        with suppress(ConnectionError):
            async with asyncio.timeout(20):
                assert b"HTTP/1.1" not in await reader.read()
        writer.close()

    @pytest.mark.parametrize("length", [b"Content-Length: 1000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\n"])
    async def test_who_goes_away_in_the_middle_of_a_body_is_no_failure(
        self, usual: World, length: bytes, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = serve.metrics.http_requests.of(code=500)._value.get()
        _, writer = await usual.connect()
        writer.write(b"POST /events" + HEAD + GOOD + length + b"hel")
        await eventually(lambda: usual.begun)
        writer.close()
        await eventually(lambda: not usual.held and not usual.server.server_state.tasks)
        assert serve.metrics.http_requests.of(code=500)._value.get() == before
        assert "failed" not in capsys.readouterr().out


class TestSlow:
    async def test_heads_and_connections_without_any_are_cut(self) -> None:
        async with world(head_seconds=0.1) as made:
            assert (await made.say(b"GET /li")).startswith(b"HTTP/1.1 408 ")
            assert await made.say() == b""
            assert made.begun == 0

    async def test_bodies_are_cut_and_others_go_on(self) -> None:
        async with world(body_seconds=0.1, body_bytes_per_second=1_000_000) as made:
            head = b"POST /events" + HEAD + GOOD
            for length in (b"Content-Length: 900000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"):
                assert (await made.say(head + length + b"1")).startswith(b"HTTP/1.1 408 ")
            assert (await made.ask(head + b"Content-Length: 5\r\n\r\nhello")).startswith(b"HTTP/1.1 200 ")
            assert made.bodies == [5]

    async def test_connections_that_rest_too_long_are_ended(self) -> None:
        async with world(idle_seconds=1) as made:
            answer = await made.say(LIVE)
            assert answer.count(b"HTTP/1.1 200") == 1

    async def test_answers_that_nobody_reads_are_cut(self) -> None:
        async with world(unread_seconds=0.1) as made:
            _, writer = await made.connect()
            writer.write(b"GET /large" + HEAD + GOOD + b"\r\n")
            await eventually(lambda: made.begun)
            await eventually(lambda: not made.held and not made.app.state.runtime.quotas._held)
            writer.close()


class TestTooMany:
    async def test_whoever_holds_connections_open_holds_nobody_off(self) -> None:
        async with world(connections=10, connections_per_address=10) as made:
            held = [await made.connect() for _ in range(100)]
            for _, writer in held[::2]:
                writer.write(b"GET /li")
            assert (await made.ask(b"POST /events" + HEAD + GOOD + b"Content-Length: 5\r\n\r\nhello"))[9:12] == b"200"
            assert made.held <= 10 + RESERVE
            for _, writer in held:
                writer.close()

    async def test_whoever_has_no_key_holds_nobody_off_with_requests_either(self) -> None:
        async with world(connections=10, connections_per_address=10, limit_wrong_keys="1/1") as made:
            good = await made.connect()
            for _ in range(2):  # proven by the first, still there for the second
                good[1].write(b"POST /events" + HEAD + GOOD + b"Content-Length: 5\r\n\r\nhello")
                assert (await good[0].readuntil(b"\r\n\r\n"))[9:12] == b"200"
                assert await good[0].readexactly(1) == b"5"
                wrong = [await made.connect() for _ in range(60)]
                for _, writer in wrong:  # their 429 comes late, and takes no place meanwhile
                    writer.write(b"GET /wait" + HEAD + b"Authorization: wrong\r\n\r\n")
                await eventually(lambda: made.app.state.runtime.quotas._delayed)
            for _, writer in [good, *wrong]:
                writer.close()

    async def test_whoever_sends_bodies_slowly_with_a_good_key_holds_nobody_off(self) -> None:
        async with world(connections=10, connections_per_address=10) as made:
            slow = [await made.connect() for _ in range(10)]
            for _, writer in slow:
                writer.write(b"POST /events" + HEAD + GOOD + b"Content-Length: 1000\r\n\r\nhel")
            await eventually(lambda: made.begun == 10)
            assert (await made.ask(b"POST /events" + HEAD + GOOD + b"Content-Length: 5\r\n\r\nhello"))[9:12] == b"200"
            for _, writer in slow:
                writer.close()

    async def test_a_body_that_came_in_two_pieces_is_as_safe_as_any(self) -> None:
        async with world(connections=10, connections_per_address=10, at_once_working=100) as made:
            reader, writer = await made.connect()
            writer.write(b"POST /wait" + HEAD + GOOD + b"Content-Length: 5\r\n\r\nhel")
            await eventually(lambda: made.proven)
            writer.write(b"lo")
            await eventually(lambda: made.begun)
            others = [await made.connect() for _ in range(60)]
            for _, other in others:
                other.write(b"GET /li")
            assert (await made.ask(LIVE))[9:12] == b"200"
            made.gate.set()
            assert (await reader.readuntil(b"\r\n\r\n"))[9:12] == b"200"
            for _, each in [(reader, writer), *others]:
                each.close()

    async def test_probes_are_answered_while_every_place_is_taken_by_requests(self) -> None:
        async with world(connections=10, connections_per_address=10, at_once_working=100) as made:
            busy = [await made.connect() for _ in range(10)]
            for _, writer in busy:
                writer.write(b"GET /wait" + HEAD + GOOD + b"\r\n")
            await eventually(lambda: made.begun == 10)
            holders = [await made.connect() for _ in range(3 * RESERVE)]
            for _ in range(5):
                assert (await made.ask(LIVE))[9:12] == b"200"
            answer = await made.ask(b"POST /events" + HEAD + GOOD + b"Content-Length: 5\r\n\r\nhello")
            assert answer[9:12] == b"503"
            assert b"retry-after: 2" in answer.lower()
            assert made.held <= 10 + RESERVE
            made.gate.set()
            for reader, writer in busy:
                assert (await reader.readuntil(b"\r\n\r\n"))[9:12] == b"200"
                writer.close()
            for _, writer in holders:
                writer.close()


async def test_who_forwards_is_believed_only_when_it_is_trusted() -> None:
    for trusted, statuses in (("", [401, 429]), ("127.0.0.0/8", [401, 401])):
        async with world(limit_wrong_keys="1/1", trusted_proxies=trusted) as made:
            found = []
            for number in range(2):
                forwarded = f"X-Forwarded-For: 192.0.2.{number}\r\n\r\n".encode()
                found.append(int((await made.ask(b"GET /wait" + HEAD + forwarded))[9:12]))
            assert found == statuses
