"""Partners whose webhooks hang, drip, never stop talking, or answer with headers that do not end."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable

from verification.siege.attack import JSON, STRUCTURED, Attack, AttackClient, AttackRequest, dumped

PARTNERS = ("hang", "drip", "endless", "bombs")
"""Each is an agency of its own that may receive; its part in the tokens has the same name."""
ADVERTS = 24  # in one phase; each is told to every hostile partner, and to the healthy ones
MOST_BYTES = 1_000_000_000
GOOD = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
Way = Callable[[AttackClient, asyncio.StreamWriter], Awaitable[None]]


class HostileWebhooks(Attack):
    name = "hostile-webhooks"
    about = "four partners that are told of everything: one hangs, one drips, one sends 1 GB, one endless headers"
    services = ("notifications",)

    async def opened(self, client: AttackClient) -> None:
        self._well, self._client, self._number = True, client, 0
        ways: dict[str, Way] = {"hang": _hang, "drip": _drip, "endless": _endless, "bombs": _bombs}
        self._servers = [await self._listen(name, ways[name]) for name in PARTNERS]

    async def closed(self, client: AttackClient) -> None:
        for server in self._servers:
            server.close()

    async def hostile(self, client: AttackClient) -> None:
        await self._adverts(client, well=False)

    async def harmless(self, client: AttackClient) -> None:
        await self._adverts(client, well=True)

    async def _adverts(self, client: AttackClient, *, well: bool) -> None:
        self._well, self._client = well, client
        requests = []
        for _ in range(ADVERTS):
            self._number += 1
            data = self.target.advert["data"] | {"reference": f"SIEGE-{self._number % 6}"}
            data |= {"wage": data["wage"] | {"minimum": data["wage"]["minimum"] + 1_000 * self._number}}
            event = self.target.advert | {"id": f"webhooks-{time.monotonic_ns()}-{self._number}", "data": data}
            requests.append(AttackRequest("intake", "POST", "/events", dumped(event), STRUCTURED))
        await client.send_all(requests, at_once=2, rate=2 * ADVERTS / self.target.seconds)
        await asyncio.sleep(max(0.0, client.until - time.monotonic()))

    async def _listen(self, partner: str, way: Way) -> asyncio.Server:
        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError, ValueError):
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length or 0))
                if self._well:
                    writer.write(GOOD)
                    await writer.drain()
                else:
                    await way(self._client, writer)
            writer.close()

        server = await asyncio.start_server(served, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        body = dumped({"channel": "webhook", "url": f"http://127.0.0.1:{port}/notices", "secret": secret})
        request = AttackRequest("notifications", "POST", "/subscriptions", body, JSON, partner)
        if (status := await self._client.send(request)) != "201":
            self._client.notes.append(f"the webhook of {partner} was not taken: {status}")
        return server


async def _hang(client: AttackClient, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(max(0.0, client.until - time.monotonic()))


async def _drip(client: AttackClient, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while time.monotonic() < client.until:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.5)


async def _endless(client: AttackClient, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MOST_BYTES)
    sent, part = 0, b"a" * 65_536
    while sent < MOST_BYTES and time.monotonic() < client.until:
        writer.write(part)
        await writer.drain()
        sent += len(part)


async def _bombs(client: AttackClient, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        if time.monotonic() >= client.until:
            return
        writer.write(b"X-%d: " % number + b"a" * 8_000 + b"\r\n")
        await writer.drain()


ALL: tuple[type[Attack], ...] = (HostileWebhooks,)
