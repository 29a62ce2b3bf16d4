"""The guard at dial time: whatever a name, a literal or a resolver said, the final address is looked at just before
``connect()``. Checking the URL alone is not enough: a name may resolve differently the second time."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import re
import socket
import ssl
import struct
import termios
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

from services.notifications.domain.webhook_url_rules import Network, may_dial

_RESOLVERS = 128
_APART = 32  # threads for names that hung when they were looked up last
_MOST_APART = 10_000  # names of which that is remembered
_RESOLVE_SECONDS = 5.0
REGISTERING = 8  # threads of a resolver for registrations, see Subscriptions


MOST_INTERIM = 64  # answers of 1xx before the real one


_HEAD_ENDS = re.compile(rb"\n\r?\n")  # also where lines end without a carriage return, which aiohttp takes


class Answers(ResponseHandler):
    """Ends a connection that gives interim answers without end: aiohttp passes over them in a loop that lets nobody
    else have a turn, for as long as they come.

    An answer counts once its head is whole, whatever is wrong with what follows it: aiohttp forgets the head where both
    came together, so the same answer would be one or none by how the network cuts it.

    What nobody asked for is no answer: bytes behind the end of the answer before, also those that came with it, those
    that lay in the socket before the request was written, and those that came while nothing of it had reached the other
    side (nothing is acknowledged of what has left). aiohttp knows whole answers alone: the half of one would be made
    whole by what comes once the connection is used again.

    As soon as some of the request has arrived, what comes is taken for an answer: a gateway may refuse by the headers
    while the body is on its way. It is the last one of its connection, for the other side may take the rest of the body
    for another request. What cannot be known: whether what was acknowledged was read, too, so a good-bye said in
    between counts; how many bytes TLS adds, so as many must have arrived besides, which any packet brings; and what is
    kept under TLS of a request that the socket does not take at once: ours are too small for that.

    Behind an interim answer that says ``connection: close`` (or HTTP/1.0) aiohttp's parser takes no other; the
    connection ends with the answer itself. So what comes behind one is read by a parser of its own.
    """

    _interim = 0
    _passed = False  # the last head was of an interim answer
    _how: dict[str, Any]  # parameters of the parser, once there is one
    _before = b""  # the last bytes of what came before: a head's end may be cut anywhere
    _length = 1  # of the request, as far as it is known; of another kind than ours all must have arrived
    _used = _answered = _heard = False  # ever asked; the last request has its answer; something came since it was sent

    def set_response_params(self, **how: Any) -> None:
        """A request is sent now."""
        self._used, self._answered, self._heard, self._before = True, False, False, b""
        self._how, self._length = how, 1
        super().set_response_params(**how)

    def asks(self, length: int) -> None:
        """The request is so long."""
        self._length = length

    def spoke_unasked(self) -> bool:
        """Whether something lies in the socket before the request is sent. A new connection with TLS is not asked: the
        server sends its session tickets there."""
        if not self._used and self._transport_info("sslcontext") is not None:
            return False
        return self._queued(termios.FIONREAD) > 0

    def data_received(self, data: bytes) -> None:
        """What came over the connection: each head by itself."""
        if self._over:
            self.force_close()
            return
        if self._used and not self._heard:
            self._heard = True
            on_its_way = self._queued(termios.TIOCOUTQ) + self._unwritten()
            if on_its_way > 0:
                self.force_close()
            if on_its_way >= self._length:
                self.set_exception(HttpProcessingError(message="an answer that nobody asked for"))
                self.close()
                return
        for _ in range(MOST_INTERIM + 1):
            found = _HEAD_ENDS.search(self._before + data)
            if found is None:
                self._before = (self._before + data)[-2:]
                break
            end, self._before = found.end() - len(self._before), b""
            if end >= len(data) or self.exception() is not None:
                break
            self._parse(data[:end])
            data = data[end:]
        self._parse(data)

    @property
    def _over(self) -> bool:
        """Whether the answer has come to its end."""
        return self._answered and (self._payload is None or self._payload.is_eof())

    def _parse(self, data: bytes) -> None:
        if self._answered and len(data) > 1 and not self._over:
            super().data_received(data[:-1])  # aiohttp does not say that something is left: it ends before, or with it
            data = data[-1:]
        if self._over and data:
            self.force_close()
            return
        super().data_received(data)
        if self._passed and self.exception() is None:
            super().set_response_params(**self._how)
        self._passed = False

    def feed_data(self, data: Any, size: int = 0) -> None:
        """One answer, as far as its headers."""
        interim = 100 <= data[0].code <= 199
        self._interim = self._interim + 1 if interim else 0
        self._answered, self._passed = not interim, interim and data[0].code != 101
        if self._interim <= MOST_INTERIM:
            super().feed_data(data, size)
        elif self.exception() is None:
            self.set_exception(HttpProcessingError(message="interim answers without end"))
            self.close()

    def _unwritten(self) -> int:
        return 0 if self.transport is None else self.transport.get_write_buffer_size()

    def _queued(self, which: int) -> int:
        """Bytes in one of the socket's two queues."""
        found = self._transport_info("socket")
        if found is None:
            return 0
        with contextlib.suppress(OSError, ValueError):  # it is gone, which whoever uses it will see
            (count,) = struct.unpack("i", fcntl.ioctl(found.fileno(), which, b"\0\0\0\0"))
            return int(count)
        return 0

    def _transport_info(self, name: str) -> Any:
        return None if self.transport is None else self.transport.get_extra_info(name)


class AddressRefused(OSError):
    """An address that a webhook may not go to. The address is not in the text."""


class Resolver(AbstractResolver):
    """Looks names up in threads of its own, at most one for each name at a time, so that a name server that hangs holds
    up nobody else's work, nor the end of this process, which waits for none of them. A thread is gone for as long as
    the system's resolver tries, which is longer than anybody here waits: names that hung the last time have threads
    apart, or as many of them as there are threads would leave none for the others. A name that waits for a thread until
    nobody waits for it any more is not looked up: else those who ask now would stand behind all who have gone."""

    def __init__(self, threads: int = _RESOLVERS) -> None:
        self._threads = asyncio.Semaphore(threads)
        self._apart = asyncio.Semaphore(_APART)
        self._hung: dict[str, None] = {}
        self._asked: dict[tuple[str, socket.AddressFamily], asyncio.Task[list[Any]]] = {}
        self._waiting = Counter[tuple[str, socket.AddressFamily]]()  # how many wait for each of them

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of a host. Raises OSError."""
        key = (host, family)  # a name has the same addresses at every port
        if (asked := self._asked.get(key)) is None:
            asked = self._asked[key] = asyncio.create_task(self._looked_up(host, family))
            asked.add_done_callback(lambda done: self._answered(key, done))
        self._waiting[key] += 1
        try:
            async with asyncio.timeout(_RESOLVE_SECONDS):
                found = await asyncio.shield(asked)  # a thread cannot be cancelled: who comes later waits for this one
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]
        return [
            ResolveResult(hostname=host, host=str(at[0]), port=port, family=kind, proto=proto, flags=0)
            for kind, _, proto, _, at in found
            if kind in (socket.AF_INET, socket.AF_INET6)
        ]

    async def _looked_up(self, host: str, family: socket.AddressFamily) -> list[Any]:
        async with self._apart if host in self._hung else self._threads:
            if not self._waiting[host, family]:
                del self._asked[host, family]  # who asks from now on is not told of this one
                raise TimeoutError("nobody waits for it")
            began = time.monotonic()  # that it waited for a thread is no fault of the name
            try:
                return await _in_a_thread(partial(socket.getaddrinfo, host, None, family, socket.SOCK_STREAM))
            finally:
                self._hung.pop(host, None)
                if time.monotonic() - began > _RESOLVE_SECONDS:
                    self._hung[host] = None
                    if len(self._hung) > _MOST_APART:
                        del self._hung[next(iter(self._hung))]

    def _answered(self, key: tuple[str, socket.AddressFamily], done: asyncio.Task[list[Any]]) -> None:
        if self._asked.get(key) is done:
            del self._asked[key]
        if not done.cancelled():
            done.exception()  # who asked may have gone: nobody is left to be told

    async def close(self) -> None:
        """Let the threads end by themselves."""
        for asked in [*self._asked.values()]:
            asked.cancel()


async def _in_a_thread(call: Callable[[], list[Any]]) -> list[Any]:
    """What it gives, from a thread that the process does not wait for when it ends. An executor's are waited for.
    Raises what it raises, and OSError when there is no thread."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Any]] = loop.create_future()

    def told(found: list[Any] | None, error: Exception | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(found or [])

    def run() -> None:
        found, failed = None, None
        try:
            found = call()
        except Exception as error:  # whatever a name brings about is for who asked
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to be told
            loop.call_soon_threadsafe(told, found, failed)

    try:
        threading.Thread(target=run, name="resolve", daemon=True).start()
    except RuntimeError as error:  # the system gives us no more threads
        raise OSError("no thread to look a name up") from error
    return await answer


async def leads_outside(host: str, port: int, allowed: Sequence[Network], resolver: AbstractResolver) -> bool:
    """True when the host has an address, and every address it has may be dialled. Bounded by the resolver's own time.

    A name may resolve differently later: the connector below looks again, at each dial.
    """
    try:
        found = await resolver.resolve(host, port, socket.AF_UNSPEC)
    except OSError:  # TimeoutError too: a name that does not resolve is told like one that leads inside
        return False
    return bool(found) and all(may_dial(str(each["host"]), allowed) for each in found)


def guarded_connector(
    allowed: Sequence[Network], resolver: AbstractResolver | None = None, tls: ssl.SSLContext | None = None
) -> TCPConnector:
    """A connector that dials only addresses that are allowed. Keeps connections alive; never limits across hosts.
    ``tls``: of requests that name none of their own."""

    def socket_for(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        scoped = len(address) > 3 and address[3] != 0
        if scoped or not may_dial(str(address[0]), allowed):
            raise AddressRefused("this address may not be dialled")
        return socket.socket(family, kind, protocol)

    connector = TCPConnector(
        limit=0,
        limit_per_host=0,
        keepalive_timeout=15,
        use_dns_cache=False,
        resolver=resolver or Resolver(),
        socket_factory=socket_for,
        ssl=True if tls is None else tls,
    )
    # not in aiohttp's public interface: tests/integration/notifications/test_hostile.py shows that it works
    make: Any = partial(Answers, loop=connector._loop)
    connector._factory = make
    return connector
