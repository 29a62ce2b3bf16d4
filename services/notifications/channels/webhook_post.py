"""One POST over aiohttp's connections, without its session.

The session does for each request what a webhook never wants: redirects, cookies, proxies, credentials in URLs, traces,
a task that writes the body. That was half of what an attempt cost. Of aiohttp there work the connector (names, the
guard at dial time, TLS, connections that are kept) and the reader of answers; test_hostile.py and
test_inner_addresses.py of the integration tests try both. The bytes are those that the session would send
(test_webhook_post.py beside them).
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.helpers import TimerNoop
from yarl import URL

from services.notifications.channels.answer_protocol import Answers

MOST_DESTINATIONS = 8_192  # whose request line and lasting headers stay in memory, the last ones used
READ_BUFFER = 4_096
CONNECTIONS_TRIED = 3  # of those on which nothing of this request has left
UNREAD_SECONDS = 15.0  # so long what was written waits to be read once the connection is closed
_TIMER = TimerNoop()  # whoever calls has a deadline for all of it
_LINE_BREAK = re.compile(r"[\r\n\0]")
Headers = Mapping[str, str]


class _Destination(NamedTuple):
    """``request``: what the connector wants to know of where it leads; ``head``: request line and lasting headers."""

    request: ClientRequest
    head: bytes


def place_of(url: str) -> tuple[str, str | None, int | None, str]:
    """Where requests to a URL go: scheme, host, port, path and query. Raises ValueError for what cannot be called."""
    place = URL(url)
    return place.scheme, place.raw_host, place.port, place.raw_path_qs


class Response:
    """An answer as far as its headers. Give the connection back or close it."""

    def __init__(self, connection: Connection, message: Any, content: aiohttp.StreamReader) -> None:
        self.status: int = message.code
        self.headers: Headers = message.headers
        self.content = content
        self._connection = connection

    def release(self) -> None:
        """The connection may be used again, unless something is left in it, either way. Safe to call twice."""
        if _unread(self._connection) is None:
            self._connection.release()
        else:  # it answers and does not read: what is written would pile up here
            _hang_up(self._connection)

    def close(self) -> None:
        """The connection may not be used again. Safe to call twice."""
        _hang_up(self._connection)


class Poster:
    """``timeout``: its ``sock_connect`` is for all until a connection stands: name, dialling and TLS. ``lasting``:
    headers of every request, behind them those of `post`."""

    def __init__(self, connector: aiohttp.TCPConnector, timeout: aiohttp.ClientTimeout, lasting: Headers) -> None:
        self._connector = connector
        self._timeout = timeout
        self._lasting = lasting
        self._known = lru_cache(MOST_DESTINATIONS)(self._destination)

    async def post(self, url: str, own: Headers, fresh: Headers, body: bytes, tls: ssl.SSLContext | bool) -> Response:
        """``own``: headers that are the same at the next request to this URL; ``fresh``: those that are not.
        Never sent twice, but where nothing of it can have been read the first time. Raises ClientError, OSError."""
        # a context of its own is kept for as long as it is used, and no longer
        find = self._known if tls is True else self._destination
        request, head = find(url, tuple(own.items()), tls)
        sent = b"%b%bAccept: */*\r\nContent-Length: %d\r\n\r\n%b" % (head, _lines(fresh), len(body), body)
        for _ in range(CONNECTIONS_TRIED):
            connection = await self._connect(request)
            try:
                return await self._answer_to(sent, connection)
            except aiohttp.ClientConnectionError:
                unreached = _unreached(connection)
                _hang_up(connection)
                if not unreached:
                    raise
            except BaseException:
                _hang_up(connection)
                raise
        raise aiohttp.ServerDisconnectedError

    async def _connect(self, request: ClientRequest) -> Connection:
        """One on which nobody has said anything yet: what came unasked would count as the answer. Some servers say
        good-bye (408) on a connection that was kept, or reset it; then another one is taken."""
        try:
            async with asyncio.timeout(self._timeout.sock_connect):  # aiohttp's own is for dialling alone
                for _ in range(CONNECTIONS_TRIED):
                    connection = await self._connector.connect(request, traces=[], timeout=self._timeout)
                    protocol = connection.protocol
                    if protocol is not None and protocol.is_connected() and not _has_spoken(protocol):
                        return connection
                    connection.close()
        except TimeoutError:
            raise aiohttp.ConnectionTimeoutError("no connection in time") from None
        raise aiohttp.ServerDisconnectedError

    async def _answer_to(self, sent: bytes, connection: Connection) -> Response:
        protocol = connection.protocol
        assert protocol is not None
        protocol.set_response_params(
            timer=_TIMER, read_until_eof=True, auto_decompress=False, read_bufsize=READ_BUFFER
        )  # a bomb stays small
        if isinstance(protocol, Answers):
            protocol.asks(len(sent))
        _write(protocol, sent)
        while True:
            message, content = await protocol.read()
            if not 100 <= message.code <= 199 or message.code == 101:
                return Response(connection, message, content)

    def _destination(self, url: str, own: tuple[tuple[str, str], ...], tls: ssl.SSLContext | bool) -> _Destination:
        try:
            place = URL(url)
        except ValueError:
            raise aiohttp.InvalidURL(url) from None
        if place.scheme not in ("http", "https"):
            raise aiohttp.InvalidURL(url)
        request = ClientRequest("POST", place, ssl=tls, loop=asyncio.get_running_loop())
        head = f"POST {place.raw_path_qs} HTTP/1.1\r\n".encode()
        return _Destination(request, head + _lines({"Host": request.headers["Host"], **self._lasting, **dict(own)}))


def _has_spoken(protocol: ResponseHandler) -> bool:
    if protocol.should_close:
        return True
    return isinstance(protocol, Answers) and (protocol.spoke_unasked() or protocol.was_reset())


def _unreached(connection: Connection) -> bool:
    """Whether it was closed before anything of the request had arrived."""
    return isinstance(connection.protocol, Answers) and connection.protocol.unreached


def _unread(connection: Connection) -> asyncio.Transport | None:
    """Where something that was written still lies here, because its partner does not read."""
    transport = None if connection.protocol is None else connection.protocol.transport
    return transport if transport is not None and transport.get_write_buffer_size() > 0 else None


def _hang_up(connection: Connection) -> None:
    """Whoever reads it late may have the rest of what was written; for who never reads it is not kept for ever."""
    transport = _unread(connection)
    connection.close()
    if transport is not None:
        asyncio.get_running_loop().call_later(UNREAD_SECONDS, transport.abort)


def _write(protocol: ResponseHandler, sent: bytes) -> None:
    transport = protocol.transport
    assert transport is not None
    transport.write(sent)


def _lines(headers: Headers) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if any(map(_LINE_BREAK.search, lines)):  # whatever was checked before: nobody writes headers of his own
        raise ValueError("a line break in a header")
    return ("\r\n".join(lines) + "\r\n").encode()
