"""The feed as server-sent events, over real sockets: no gap on resuming, an end for whoever stalls or lost its key."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.notifications.channels import feed_stream
from shared.access.api_keys import make_key
from shared.kit.runtime import serve
from tests.integration.notifications.corner import Corner
from tests.integration.notifications.parts import Client, Setup, event, eventually, match, person, stored
from tests.unit.notifications.world import agency_of

pytestmark = pytest.mark.integration


@asynccontextmanager
async def served(app: FastAPI, **changes: Any) -> AsyncIterator[str]:
    """The application behind the server that it has in production."""
    server = serve.EdgeServer(serve.edge_config(app, app.state.runtime.settings.model_copy(update=changes)))
    listening = serve._bound("127.0.0.1", 0, "IEUM_PORT")
    assert listening is not None
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)  # the kernel's own would take a megabyte
    with listening:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = server.force_exit = True
            await serving


class Stream:
    """What one reader hears: events with their ids, and how often only a comment came."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.last_id: str | None = None
        self.comments = 0

    async def next(self) -> dict[str, Any] | None:
        """The next event; None at the end of the stream."""
        data: dict[str, Any] | None = None
        async for line in self._lines:
            name, _, value = line.partition(": ")
            if name == "data":
                data = json.loads(value)
            elif name == "id":
                self.last_id = value
            elif line.startswith(":"):
                self.comments += 1
            elif not line and data is not None:
                return data
        return None


@asynccontextmanager
async def stream(client: httpx.AsyncClient, **how: Any) -> AsyncIterator[Stream]:
    async with client.stream("GET", "/feed/stream", **how) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield Stream(answer.aiter_lines())


async def test_what_comes_is_pushed_and_resuming_leaves_no_gap(corner: Corner) -> None:
    async with served(corner.app) as base:
        await corner.publish(corner.agency("hana", "case"), corner.person("a", "hana"), corner.person("b", "hana"))
        async with Client(None, corner.token("hana"), base) as hana:
            await hana.subscribed("feed")
            async with stream(hana) as first:
                await corner.publish(corner.match("a", "x"))
                told = await first.next()
                assert told is not None
                assert told["type"] == "notice"
                assert first.last_id is not None
            await corner.publish(corner.match("a", "y"), corner.match("b", "y"))
            await eventually(lambda: corner.stored(3))
            assert await corner.stored(1, state="served")  # nothing has come back yet
            async with stream(hana, headers={"Last-Event-ID": first.last_id}) as second:
                ids = {event["id"] for event in [await second.next(), await second.next()] if event}
                assert told["id"] not in ids
                assert len(ids) == 2
                await eventually(lambda: corner.stored(1, state="delivered"))
                await corner.publish(corner.person("a", sequence=2))
                recall = await second.next()
                assert recall is not None
                assert recall["type"] == "recall"
            whole = (await hana.get("/feed")).json()["events"]
            assert {event["id"] for event in whole} >= {recall["id"]}


async def test_a_reader_that_is_always_cut_off_within_a_page_goes_on_behind_what_it_has(corner: Corner) -> None:
    async with served(corner.app) as base:
        names = ("a", "b", "c")
        await corner.publish(corner.agency("hana", "case"), *(corner.person(name, "hana") for name in names))
        async with Client(None, corner.token("hana"), base) as hana:
            await hana.subscribed("feed")
            await corner.publish(*(corner.match(name, opportunity) for opportunity in "xyz" for name in names))
            await eventually(lambda: corner.stored(9))
            async with stream(hana) as whole:
                wanted = [event["id"] for event in [await whole.next() for _ in range(9)] if event]
            for k in (1, 2, 4):
                got, last_id = list[str](), None
                while len(got) < 9:
                    async with stream(hana, headers={"Last-Event-ID": last_id} if last_id else {}) as cut:
                        for _ in range(min(k, 9 - len(got))):
                            told = await cut.next()
                            assert told is not None
                            got.append(told["id"])
                        last_id = cut.last_id
                assert got == wanted
            assert (await hana.get("/feed", params={"after": last_id})).json()["events"] == []
            await eventually(lambda: corner.stored(9, state="delivered"))


async def test_heartbeats_and_an_end_in_time(corner: Corner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_stream, "HEARTBEAT_SECONDS", 0.2)
    async with served(corner.app) as base:
        await corner.publish(corner.agency("hana", "case"))
        async with Client(None, corner.token("hana"), base) as hana:
            await hana.subscribed("feed")
            async with stream(hana, params={"seconds": 1}) as quiet:
                assert await quiet.next() is None
                assert quiet.comments >= 3


async def test_a_key_that_is_revoked_ends_it_and_so_does_the_end_of_the_subscription(
    corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_stream, "HEARTBEAT_SECONDS", 0.2)
    async with served(corner.app) as base:
        await corner.publish(corner.agency("hana", "case"), corner.agency("gjf"))
        async with Client(None, corner.token("hana"), base) as hana, Client(None, corner.token("gjf"), base) as gjf:
            await hana.subscribed("feed")
            made = await gjf.subscribed("feed")
            async with stream(hana) as revoked, stream(gjf) as ended:
                _, other = make_key("hana-9")
                state = agency_of(corner.own("hana"), "case").model_copy(update={"keys": (other,)})
                await corner.publish(event("agency-changed", state, corner.own("hana"), 2))
                await gjf.delete(f"/subscriptions/{made['subscription']}")
                assert await asyncio.wait_for(revoked.next(), 30) is None
                assert await asyncio.wait_for(ended.next(), 30) is None
            assert (await hana.get("/feed/stream")).status_code == 401
            assert (await gjf.get("/feed/stream")).status_code == 409


async def test_a_reader_that_takes_nothing_is_dropped_and_holds_little(setup: Setup) -> None:
    async with setup.running(batch_max_records=500) as app, served(app, unread_seconds=1.0) as base:
        names = [f"p{number}" for number in range(60)]
        await setup.publish(setup.agency("hana", "case"), *(person(name, "hana") for name in names))
        async with Client(None, setup.tokens["hana"], base) as hana:
            await hana.subscribed("feed")
            await setup.publish(*(match(name, f"o{n}") for name in names for n in range(20)))
            await eventually(lambda: stored(app, 1_200))
            host, port = base.removeprefix("http://").split(":")
            token = setup.tokens["hana"]
            stalled = socket.socket()
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            stalled.setblocking(False)
            await asyncio.get_running_loop().sock_connect(stalled, (host, int(port)))
            asked = f"GET /feed/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
            await asyncio.get_running_loop().sock_sendall(stalled, asked)  # and nothing is ever read

            async def given() -> int:
                count: int = await app.state.database.deliveries.count_documents({"state": "served"})
                return count

            async def dropped() -> bool:
                return not app.state.runtime.quotas._held

            await eventually(lambda: stored(app, 100, state="served"))
            await eventually(dropped)
            assert await given() < 1_200  # it was not read on for somebody who takes nothing
            stalled.close()
            async with stream(hana) as healthy:
                assert await healthy.next() is not None


@pytest.mark.parametrize("path", ["/feed?wait=55", "/feed/stream"])
async def test_who_hangs_up_gives_its_place_back_long_before_its_time_is_over(corner: Corner, path: str) -> None:
    async with served(corner.app) as base:
        await corner.publish(corner.agency("gjf"))
        async with Client(None, corner.token("gjf"), base) as gjf:
            await gjf.subscribed("feed")

            async def has_room() -> bool:
                return (await gjf.get("/feed")).status_code == 200

            async def has_none() -> bool:
                return not await has_room()

            url, lines = (
                httpx.URL(base),
                [f"GET {path} HTTP/1.1", "host: x", f"authorization: Bearer {corner.token('gjf')}"],
            )
            opened = [await asyncio.open_connection(url.host, url.port) for _ in range(16)]
            for _, writer in opened:
                writer.write("\r\n".join([*lines, "", ""]).encode())
            await eventually(has_none)
            for _, writer in opened:
                writer.close()
            await eventually(has_room, 20)


async def test_one_agency_has_only_so_many_however_many_keys(setup: Setup) -> None:
    async with setup.running(at_once_polls=2) as app, served(app) as base:
        registered = setup.agency("hana", "case")
        token, second = make_key("hana-second")
        state = registered.data.model_copy(update={"keys": (*registered.data.keys, second)})
        await setup.publish(event("agency-registered", state, "hana", 1))
        async with Client(None, setup.tokens["hana"], base) as one, Client(None, token, base) as two:
            await one.subscribed("feed")
            async with stream(one), stream(two):
                assert (await one.get("/feed/stream")).status_code == 429
                assert (await two.get("/feed/stream")).status_code == 429
                assert (await one.get("/feed")).status_code == 200
