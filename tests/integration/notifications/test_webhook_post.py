"""What leaves for a webhook is, byte for byte, what aiohttp's session would send. Real sockets, no services."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from deploy.local.timeouts import scaled
from services.notifications.channels.ssrf_guard import guarded_connector
from services.notifications.channels.webhook import CONTENT_TYPE
from services.notifications.channels.webhook_post import MOST_DESTINATIONS, Poster
from tests.integration.notifications.one_attempt import LOOPBACK
from tests.support.certificates import Authority

pytestmark = pytest.mark.integration
LASTING = {"user-agent": "notices/1", "accept-encoding": "identity", "content-type": CONTENT_TYPE}
FRESH = {"webhook-id": "1" * 32, "webhook-timestamp": "1795976836", "webhook-signature": "v1,abc= v1,def="}
ANSWER = b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n"


class Listener(asyncio.Protocol):
    """Keeps what came and answers each whole request."""

    def __init__(self, came: list[bytes], size: int) -> None:
        self._came, self._size, self._read = came, size, b""

    def connection_made(self, transport: Any) -> None:
        """Somebody called."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        self._read += data
        _, end, body = self._read.partition(b"\r\n\r\n")
        if end and len(body) == self._size:
            self._came.append(self._read)
            self._read = b""
            self._transport.write(ANSWER)


@pytest_asyncio.fixture(loop_scope="session")
async def connector() -> AsyncIterator[aiohttp.TCPConnector]:
    connector = aiohttp.TCPConnector()
    yield connector
    await connector.close()


def poster_over(connector: aiohttp.TCPConnector) -> Poster:
    return Poster(connector, aiohttp.ClientTimeout(total=None, sock_connect=2), LASTING)


@pytest.mark.parametrize("body", [b"{}", b'{"padding":"' + b" " * 1010 + b'"}'])
@pytest.mark.parametrize("own", [{}, {"authorization": "Bearer a.b", "x-route": 'a "b" ~!'}])
@pytest.mark.parametrize("path", ["", "/", "/hook", "/a%20b/?x=%26&y=1", "/a//b/../c?", "/;p=1,2:@!$'()*+?q=[]&r=%41"])
async def test_the_bytes_are_those_of_the_session(
    connector: aiohttp.TCPConnector, path: str, own: dict[str, str], body: bytes
) -> None:
    came: list[bytes] = []
    server = await asyncio.get_running_loop().create_server(lambda: Listener(came, len(body)), "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}"
        for _ in range(2):  # the second one finds its destination known, and the connection kept
            response = await poster_over(connector).post(url, own, FRESH, body, True)
            response.release()
            assert (response.status, response.headers["x-a"]) == (204, "b")
        async with aiohttp.ClientSession(connector=connector, connector_owner=False) as session:
            headers = LASTING | own | FRESH
            async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                assert answer.status == 204
    assert came[0] == came[1] == came[2]
    assert came[0].endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize("headers", [{"x-a": "b\r\nx-c: d"}, {"x-a\n": "b"}, {"x-a": "\0"}])
async def test_no_header_begins_another(connector: aiohttp.TCPConnector, headers: dict[str, str]) -> None:
    for own, fresh in ((headers, {}), ({}, headers)):
        with pytest.raises(ValueError, match="line break"):
            await poster_over(connector).post("http://127.0.0.1:9/", own, fresh, b"", True)


@pytest.mark.parametrize("url", ["", "/hook", "ftp://127.0.0.1/", "http://", "http://[::1"])
async def test_what_is_no_url_of_a_webhook_is_not_called(connector: aiohttp.TCPConnector, url: str) -> None:
    with pytest.raises(aiohttp.InvalidURL):
        await poster_over(connector).post(url, {}, {}, b"", True)


async def test_what_stays_in_memory_is_bounded_and_holds_no_certificate(connector: aiohttp.TCPConnector) -> None:
    poster = poster_over(connector)
    for tls, kept in ((ssl.create_default_context(), 0), (True, 1)):
        with pytest.raises(aiohttp.ClientConnectionError):
            await poster.post("https://127.0.0.1:9/", {}, {}, b"", tls)
        assert (poster._known.cache_info().currsize, poster._known.cache_info().maxsize) == (kept, MOST_DESTINATIONS)


class Hasty(asyncio.Protocol):
    """Says yes before anybody has asked, at once or to the connection that is kept, or reads nothing of what comes."""

    def __init__(self, when: str) -> None:
        self._when = when

    def connection_made(self, transport: Any) -> None:
        """Somebody called."""
        self._transport = transport
        if self._when != "kept":
            transport.write(ANSWER)
        if self._when == "reads nothing":
            transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """A request."""
        self._transport.write(ANSWER * 2)


async def test_an_answer_that_came_before_the_request_is_none(connector: aiohttp.TCPConnector) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Hasty("kept"), "127.0.0.1", 0)
    async with server:
        url, poster = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", poster_over(connector)
        (await poster.post(url, {}, FRESH, b"{}", True)).release()  # and says it once more
        await asyncio.sleep(0.05)
        (await poster.post(url, {}, FRESH, b"{}", True)).release()  # over another connection
        assert not connector._acquired


class Impatient(Listener):
    """Says 408 on a connection that is kept, and leaves it open."""

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        super().data_received(data)
        if not self._read:
            asyncio.get_running_loop().call_later(
                0.01, self._transport.write, b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
            )


async def test_what_came_on_a_kept_connection_costs_no_attempt_and_the_request_leaves_once(
    connector: aiohttp.TCPConnector,
) -> None:
    came: list[bytes] = []
    server = await asyncio.get_running_loop().create_server(lambda: Impatient(came, 2), "127.0.0.1", 0)
    async with server:
        url, poster = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", poster_over(connector)
        for attempts in range(1, 4):
            response = await poster.post(url, {}, FRESH, b"{}", True)
            response.release()
            assert (response.status, len(came)) == (204, attempts)
            await asyncio.sleep(0.05)
        assert not connector._acquired


@pytest.mark.parametrize("ends", ["closed", "reset"])
@pytest.mark.parametrize("how", ["plain", "tls"])
async def test_a_kept_connection_that_is_closed_or_reset_as_the_request_leaves_costs_no_attempt(
    tmp_path: Path, how: str, ends: str
) -> None:
    authority, serving = Authority(tmp_path), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(*authority.signed("partner"))
    context = ssl.create_default_context(cafile=str(authority.file))
    connector = guarded_connector(LOOPBACK, None, context)

    def answered(listening: socket.socket) -> socket.socket:
        connection, _ = listening.accept()
        connection = serving.wrap_socket(connection, server_side=True) if how == "tls" else connection
        read = b""
        while not read.endswith(b"\r\n\r\n{}"):
            read += connection.recv(4_096)
        connection.sendall(ANSWER)
        return connection

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(scaled(10))
        url, poster = f"http{'s' * (how == 'tls')}://127.0.0.1:{listening.getsockname()[1]}/", poster_over(connector)
        kept = asyncio.create_task(asyncio.to_thread(answered, listening))
        (await poster.post(url, {}, FRESH, b"{}", True)).release()
        first = await kept
        another = asyncio.create_task(asyncio.to_thread(answered, listening))
        await asyncio.sleep(0.05)
        if ends == "reset":
            first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        first.close()  # nobody has a turn between this and the request
        response = await poster.post(url, {}, FRESH, b"{}", True)
        response.release()
        (await another).close()
    assert response.status == 204
    assert not connector._acquired
    await connector.close()


@pytest.mark.parametrize("how", ["plain", "tls", "tls that says good-bye", "reset"])
async def test_what_was_read_over_a_kept_connection_is_not_sent_again_when_that_ends_without_an_answer(
    tmp_path: Path, how: str
) -> None:
    authority, serving = Authority(tmp_path), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(*authority.signed("partner"))
    connector = guarded_connector(LOOPBACK, None, ssl.create_default_context(cafile=str(authority.file)))
    came = 0

    def reads_twice(listening: socket.socket) -> None:
        nonlocal came
        connection, _ = listening.accept()
        connection = serving.wrap_socket(connection, server_side=True) if "tls" in how else connection
        for answer in (ANSWER, b""):
            read = b""
            while not read.endswith(b"\r\n\r\n{}"):
                read += connection.recv(4_096)
            came += 1
            connection.sendall(answer)
        if how == "reset":  # behind which nobody can see that it was read
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if isinstance(connection, ssl.SSLSocket) and how == "tls that says good-bye":
            connection = connection.unwrap()
        connection.close()
        listening.settimeout(0.2)
        with pytest.raises(TimeoutError):  # nobody comes again
            listening.accept()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http{'s' * ('tls' in how)}://127.0.0.1:{listening.getsockname()[1]}/"
        listening.settimeout(scaled(10))
        poster, reading = poster_over(connector), asyncio.create_task(asyncio.to_thread(reads_twice, listening))
        (await poster.post(url, {}, FRESH, b"{}", True)).release()
        with pytest.raises(aiohttp.ClientConnectionError):
            await poster.post(url, {}, FRESH, b"{}", True)
        await reading
    assert came == 2
    await connector.close()


async def test_who_says_something_before_every_request_is_asked_nothing(connector: aiohttp.TCPConnector) -> None:
    """Whatever it says first: how often that is there in time is up to the network, so here it always is."""
    server = await asyncio.get_running_loop().create_server(lambda: Hasty("at once"), "127.0.0.1", 0)
    connect = connector.connect

    async def and_wait(*args: Any, **named: Any) -> Any:
        connection = await connect(*args, **named)
        await asyncio.sleep(0.05)
        return connection

    async with server:
        url, poster = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", poster_over(connector)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(connector, "connect", and_wait)
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await poster.post(url, {}, FRESH, b"{}", True)
        assert not connector._acquired
        assert not any(connector._conns.values())


@pytest.mark.parametrize("how", ["release", "close"])
async def test_a_connection_whose_partner_reads_nothing_is_not_used_again_and_what_it_did_not_read_is_not_kept(
    connector: aiohttp.TCPConnector, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifications.channels.webhook_post.UNREAD_SECONDS", 0.1)
    server = await asyncio.get_running_loop().create_server(lambda: Hasty("reads nothing"), "127.0.0.1", 0)
    async with server:
        url, poster = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", poster_over(connector)
        body = b"x" * 16_000_000  # more than the kernel takes
        try:
            response = await poster.post(url, {}, FRESH, body, True)
        except aiohttp.ServerDisconnectedError:  # its answer was there first
            return
        protocol = response._connection.protocol
        assert protocol is not None
        transport = protocol.transport
        assert transport is not None
        assert transport.get_write_buffer_size() > 0
        {"release": response.release, "close": response.close}[how]()
        assert not any(connector._conns.values())
        await asyncio.sleep(0.5)
        assert transport.get_write_buffer_size() == 0
