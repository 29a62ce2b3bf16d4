"""Very many addresses that are nobody's business, all at once, through the connector that serves a partner meanwhile:
not one is dialled, and the partner's connections are kept."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from services.notifications.channels.ssrf_guard import Resolver
from services.notifications.domain.attempt_verdict import Verdict
from tests.integration.notifications.parts import Partner
from tests.integration.notifications.test_hostile import BODY, LITERALS, NOTICE, RESOLVED, endpoint, webhook_to

pytestmark = pytest.mark.integration
WELL = "127.0.0.3"  # the one address that may be called
SENDERS, TIMES = 4, 100  # at the partner: so many at once, so often


class Names(AbstractResolver):
    """Names with the addresses that are said here; everything else as the system knows it."""

    def __init__(self, known: Mapping[str, list[str]]) -> None:
        self._known, self._system = known, Resolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if (addresses := self._known.get(host)) is None:
            return await self._system.resolve(host, port, family)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        await self._system.close()


@asynccontextmanager
async def listener_everywhere() -> AsyncIterator[tuple[int, list[str]]]:
    """A port at every address of this machine, of both families; and who came."""
    came: list[str] = []

    def on_connection(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(str(writer.get_extra_info("peername")))
        writer.close()

    if socket.has_dualstack_ipv6():
        listening = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    else:
        listening = socket.create_server(("0.0.0.0", 0))
    server = await asyncio.start_server(on_connection, sock=listening)
    async with server:
        yield listening.getsockname()[1], came


def hostile(port: int) -> tuple[list[str], dict[str, list[str]]]:
    """URLs, and what their names lead to: one inner address, or two."""
    names = {f"one-{n}.example": [address] for n, address in enumerate(RESOLVED)}
    names |= {f"two-{n}.example": [address, "127.0.0.1"] for n, address in enumerate(RESOLVED)}
    literals = [f"[{address}]" if ":" in address else address for address in RESOLVED]
    hosts = [*LITERALS, *literals, *names]
    urls = [f"http://{host.format(port=port)}:{port}/hook" for host in hosts]
    return [*urls, *(f"https://{host}:{port}/hook" for host in literals)], names


async def test_none_is_dialled_and_the_partners_connections_are_kept() -> None:
    async with listener_everywhere() as (port, came), Partner(host=WELL) as partner:
        urls, names = hostile(port)
        assert len(urls) >= 150
        partner_url = f"http://partner.example:{partner.port}/hook"
        channel = webhook_to((ipaddress.ip_network(f"{WELL}/32"),), Names(names | {"partner.example": [WELL]}))

        async def send(url: str) -> Verdict:
            return await channel.send(endpoint(url), NOTICE, BODY, datetime.now(UTC))

        async def send_to_partner() -> list[str]:
            return [(await send(partner_url)).outcome for _ in range(TIMES)]

        try:
            *well, refused = await asyncio.gather(
                *(send_to_partner() for _ in range(SENDERS)), asyncio.gather(*map(send, urls))
            )
        finally:
            await channel.close()
        assert came == []
        assert [verdict.outcome for verdict in refused if verdict.possibly_sent] == []
        assert well == [["delivered"] * TIMES] * SENDERS
        assert len(partner.requests) == SENDERS * TIMES
        assert partner.connections <= 0.05 * len(partner.requests), "95 of 100 go over a connection that was kept"
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await asyncio.sleep(0.05)
        assert len(came) == 1, "who comes is counted"
