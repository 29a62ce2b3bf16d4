"""One attempt by the channel `webhook` alone, without services: its endpoint, its limits, names that lead where a test
says, and who listens or is dialled meanwhile."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from deploy.local.timeouts import scaled
from services.notifications.channels.credentials import Credentials
from services.notifications.channels.webhook import Limits, Webhook
from services.notifications.domain.webhook_url_rules import UrlRules
from shared.kit.base.sealing import Sealer
from tests.integration.notifications.parts import eventually

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
CREDENTIALS = Credentials(Sealer(b"s" * 32))
LIMITS = Limits(total=timedelta(seconds=scaled(30)), connect=timedelta(seconds=1), answer_seconds=0.3)
HURRIED = replace(LIMITS, total=timedelta(seconds=1))  # where an answer is not to come: a busy machine may miss it
NOTICE, BODY = "1" * 32, b"{}" + b" " * 1022


def endpoint(url: str) -> Any:
    _, kept = CREDENTIALS.new_secret("e" * 32)
    return {"_id": "e" * 32, "target": CREDENTIALS.sealed_target("e" * 32, url), "secrets": [kept]}


def webhook_to(allowed: tuple[Any, ...], resolver: Any = None, limits: Limits = LIMITS) -> Webhook:
    urls = UrlRules(plain_http=True, ports=frozenset(), allowed=allowed)
    return Webhook(CREDENTIALS, lambda *_: None, limits, urls, resolver=resolver)


def found(host: str, port: int, addresses: list[str]) -> list[ResolveResult]:
    """As a resolver says it."""
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


class Fake(AbstractResolver):
    """Answers every name with these addresses, the next set at every question, after so many seconds."""

    def __init__(self, *answers: list[str], takes: float = 0.0) -> None:
        self.answers, self.takes = list(answers), takes

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        await asyncio.sleep(self.takes)
        return found(host, port, self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])

    async def close(self) -> None:
        """Nothing to close."""


class Listener:
    """Counts who comes to it, at as many addresses as it was started at."""

    def __init__(self) -> None:
        self._came: list[tuple[str, int]] = []

    def come(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._came.append(writer.get_extra_info("peername")[:2])
        writer.close()

    async def strangers(self, host: str, port: int) -> list[tuple[str, int]]:
        """Who has come so far. Somebody of ours goes there last: whoever dialled before is counted before."""
        _, writer = await asyncio.open_connection(host, port)
        own = writer.get_extra_info("sockname")[1]
        await eventually(lambda: self._has_come(own))
        writer.close()
        came = self._came[: [at for _, at in self._came].index(own)]
        self._came.clear()
        return came

    async def _has_come(self, port: int) -> bool:
        return port in [at for _, at in self._came]


@asynccontextmanager
async def listener_everywhere() -> AsyncIterator[tuple[int, Listener]]:
    """A port at every address of this machine, of both families; and who came."""
    listener = Listener()
    if socket.has_dualstack_ipv6():
        listening = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    else:
        listening = socket.create_server(("0.0.0.0", 0))
    async with await asyncio.start_server(listener.come, sock=listening):
        yield listening.getsockname()[1], listener


@asynccontextmanager
async def listener_at(port: int, *hosts: str) -> AsyncIterator[Listener]:
    """One at this port of these addresses; those of a family that this machine does not have are left out."""
    listener = Listener()
    async with AsyncExitStack() as servers:
        for host in hosts:
            if ":" not in host or socket.has_dualstack_ipv6():
                await servers.enter_async_context(await asyncio.start_server(listener.come, host, port))
        yield listener


@asynccontextmanager
async def dialled() -> AsyncIterator[list[str]]:
    """Where this process connects to meanwhile, whether somebody is there or not."""
    loop: Any = asyncio.get_running_loop()
    dials: list[str] = []

    async def connect(sock: socket.socket, address: Any) -> None:
        dials.append(str(address[0]))
        await type(loop).sock_connect(loop, sock, address)

    loop.sock_connect = connect
    try:
        yield dials
    finally:
        del loop.sock_connect
