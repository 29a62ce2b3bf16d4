"""Very many addresses that are nobody's business, all at once, through the connector that serves a partner meanwhile:
not one is dialled, and the partner's connections are kept."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from services.notifications.channels.name_resolver import Resolver
from services.notifications.channels.webhook import Limits
from services.notifications.domain.attempt_verdict import Verdict
from tests.integration.notifications.one_attempt import (
    BODY,
    NOTICE,
    dialled,
    endpoint,
    found,
    listener_at,
    listener_everywhere,
    webhook_to,
)
from tests.integration.notifications.parts import OK, Partner, Request, answer_of
from tests.integration.notifications.test_inner_addresses import LITERALS, RESOLVED

pytestmark = pytest.mark.integration
WELL = "127.0.0.3"  # the one address that may be called
INSIDE = ("127.0.0.1", "127.0.0.2", "::1")  # where somebody counts at the partner's own port, too
PATIENT = Limits(total=timedelta(seconds=60))  # all at once on a busy machine: what is refused is refused at once
SENDERS, TIMES = 4, 100  # at the partner: so many at once, so often


class Names(AbstractResolver):
    """Names with the addresses that are said here, at every question the next ones; everything else as the system
    knows it."""

    def __init__(self, known: Mapping[str, list[list[str]]]) -> None:
        self._known, self._system = {name: list(answers) for name, answers in known.items()}, Resolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if (answers := self._known.get(host)) is None:
            return await self._system.resolve(host, port, family)
        return found(host, port, answers.pop(0) if len(answers) > 1 else answers[0])

    async def close(self) -> None:
        await self._system.close()


def hostile(port: int) -> tuple[list[str], dict[str, list[list[str]]]]:
    """URLs, and what their names lead to: one inner address, or two."""
    names = {f"one-{n}.example": [[address]] for n, address in enumerate(RESOLVED)}
    names |= {f"two-{n}.example": [[address, "127.0.0.1"]] for n, address in enumerate(RESOLVED)}
    literals = [f"[{address}]" if ":" in address else address for address in RESOLVED]
    hosts = [*LITERALS, *literals, *names]
    urls = [f"http://{host.format(port=port)}:{port}/hook" for host in hosts]
    return [*urls, *(f"https://{host}:{port}/hook" for host in literals)], names


def turning(port: int) -> tuple[list[str], list[str], dict[str, list[list[str]]]]:
    """URLs of names that lead to the partner first and inside from the second question on; of names that lead to both;
    and what they lead to."""
    addresses = (*INSIDE, *RESOLVED)
    later = {f"later-{n}.example": [[WELL], [address]] for n, address in enumerate(addresses)}
    mixed = {f"mixed-{n}.example": [[address, WELL]] for n, address in enumerate(addresses)}
    mixed |= {f"mixed-too-{n}.example": [[WELL, address]] for n, address in enumerate(addresses)}
    return [f"http://{n}:{port}/hook" for n in later], [f"http://{n}:{port}/hook" for n in mixed], later | mixed


async def kept_or_not(request: Request) -> bytes:
    """Who asks under another name is to ask for its address anew."""
    return OK if request.headers["host"].startswith("partner.") else answer_of(204, "connection: close")


async def test_none_is_dialled_and_the_partners_connections_are_kept() -> None:
    async with (
        listener_everywhere() as (port, everywhere),
        Partner(kept_or_not, host=WELL) as partner,
        listener_at(partner.port, *INSIDE) as beside,
        dialled() as dials,
    ):
        urls, names = hostile(port)
        later, mixed, turned = turning(partner.port)
        assert len(urls) >= 150
        partner_url = f"http://partner.example:{partner.port}/hook"
        known = names | turned | {"partner.example": [[WELL]]}
        channel = webhook_to((ipaddress.ip_network(f"{WELL}/32"),), Names(known), PATIENT)

        async def send(url: str) -> Verdict:
            return await channel.send(endpoint(url), NOTICE, BODY, datetime.now(UTC))

        async def send_to_partner() -> list[str]:
            return [(await send(partner_url)).outcome for _ in range(TIMES)]

        try:
            first = await asyncio.gather(*map(send, later))
            assert {verdict.outcome for verdict in first} == {"delivered"}, "they led to the partner"
            ended: list[Any] = await asyncio.gather(
                *(send_to_partner() for _ in range(SENDERS)),
                asyncio.gather(*map(send, urls + later)),
                asyncio.gather(*map(send, mixed)),
            )
            *well, refused, both = ended
        finally:
            await channel.close()
        assert set(dials) == {WELL}
        assert await everywhere.strangers("127.0.0.1", port) == []
        assert await beside.strangers("127.0.0.1", partner.port) == []
        assert [verdict.outcome for verdict in refused if verdict.possibly_sent] == []
        assert {verdict.outcome for verdict in both} == {"delivered"}, "at the good one of their addresses"
        assert well == [["delivered"] * TIMES] * SENDERS
        own = [request for request in partner.requests if request.headers["host"].startswith("partner.")]
        assert len(own) == SENDERS * TIMES
        others = len(later) + len(mixed)
        assert len(partner.requests) == len(own) + others
        assert partner.connections - others <= 0.05 * len(own), "95 of 100 go over a connection that was kept"
