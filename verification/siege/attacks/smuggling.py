"""Requests that two servers would read differently: what a proxy lets through must not become another request."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator

from verification.siege.attack import Attack, AttackClient, AttackRequest, bearer
from verification.siege.attacks.bodies import EVERYBODY

INNER = b"GET /smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
ROUNDS = 2  # each takes as long as the slowest answer, three seconds at most, and three services


class Smuggling(Attack):
    name = "smuggling"
    about = "Content-Length with Transfer-Encoding, folded headers, bare line feeds, and their relatives"
    services = EVERYBODY

    async def hostile(self, client: AttackClient) -> None:
        for _ in range(ROUNDS):
            for service in self.services:
                await asyncio.gather(*(self._one(client, service, *each) for each in requests(self._key(service))))

    async def harmless(self, client: AttackClient) -> None:
        for _ in range(ROUNDS):
            for service in self.services:
                harmless = [AttackRequest(service, "GET", "/live", part=None) for _ in requests(b"")]
                await client.send_all(harmless, at_once=len(harmless))

    def _key(self, service: str) -> bytes:
        return bearer(self.target, "reader" if service == "notifications" else "insider")

    async def _one(self, client: AttackClient, service: str, what: str, request: bytes) -> None:
        """Each must be refused, and nothing after it be answered."""
        answers = b""
        try:
            async with client.connection(service) as (reader, writer):
                writer.write(request)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(3.0):
                        while part := await reader.read(65_536):
                            answers += part
        except OSError:
            pass
        statuses = statuses_in(answers)
        client.tally[statuses[0] if statuses else "cut"] += 1
        # a bad chunk comes after a sound head: whoever refuses by the head need not read it, but must close
        early = statuses and statuses[0].startswith("4") and what.startswith("a chunk")
        if len(statuses) > 1 or (statuses and statuses[0] != "400" and not early):
            client.notes.append(f"{service}: {what} was answered {' and '.join(statuses)}")


def statuses_in(answers: bytes) -> list[str]:
    """Of every answer on one connection; a body that speaks of HTTP/1.1 is none."""
    return [status.decode() for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


def requests(key: bytes) -> Iterator[tuple[str, bytes]]:
    """What it is, and its bytes. Everything must be answered 400, or by closing the connection."""
    head = b"POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" + key
    chunked = b"0\r\n\r\n" + INNER
    length = b"Content-Length: %d\r\n" % len(chunked)
    coding = b"Transfer-Encoding: chunked\r\n"
    yield "Content-Length with Transfer-Encoding", head + length + coding + b"\r\n" + chunked
    yield "Transfer-Encoding with Content-Length", head + coding + length + b"\r\n" + chunked
    yield "two Content-Lengths", head + b"Content-Length: 0\r\n" + length + b"\r\n" + chunked
    yield "Content-Length with a plus", head + b"Content-Length: +5\r\n\r\n" + chunked
    yield "Content-Length as a list", head + b"Content-Length: 5, 5\r\n\r\n" + chunked
    yield "a coding that nobody knows", head + b"Transfer-Encoding: xchunked\r\n\r\n" + chunked
    yield "chunked twice", head + coding + coding + b"\r\n" + chunked
    yield "chunked that is not last", head + b"Transfer-Encoding: chunked, identity\r\n\r\n" + chunked
    yield "a blank before the colon", head + b"Transfer-Encoding : chunked\r\n" + length + b"\r\n" + chunked
    yield "a folded header", head + b"X-Folded: a\r\n b: c\r\nContent-Length: 0\r\n\r\n"
    yield "a folded coding", head + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + chunked
    yield "bare line feeds", (head + b"Content-Length: 0\r\n\r\n").replace(b"\r\n", b"\n")
    yield "a bare line feed in a header", head + b"X-Bare: a\nContent-Length: 0\r\n\r\n"
    yield "a bare carriage return", head + b"X-Bare: a\rb\r\nContent-Length: 0\r\n\r\n"
    yield "a zero byte in a header", head + b"X-Zero: a\x00b\r\nContent-Length: 0\r\n\r\n"
    yield "a chunk size that is no number", head + coding + b"\r\n0x5\r\nhello\r\n0\r\n\r\n"
    yield "a chunk size out of reach", head + coding + b"\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n"
    yield "a chunk that ends by a line feed", head + coding + b"\r\n5\nhello\n0\n\n"


ALL: tuple[type[Attack], ...] = (Smuggling,)
