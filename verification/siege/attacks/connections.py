"""Connections that take their time, never end, or end too early."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import ClassVar

from verification.siege.attack import CUT, Attack, AttackClient, AttackRequest, bearer, dumped
from verification.siege.attacks.bodies import EVERYBODY

LONG, CUT_WITHIN = 20.0, 13.0  # seconds: of a phase, and until a head or a body that drips must have been cut
HOST = b"Host: 127.0.0.1\r\n"
Way = Callable[[AttackClient, str, int], Awaitable[None]]
"""What is done with one connection to a service, by its number."""


class Connections(Attack):
    """``count`` connections to each service at once, each held as `hold` says."""

    services = EVERYBODY
    count: ClassVar[int] = 100

    @abstractmethod
    async def hold(self, client: AttackClient, service: str, number: int) -> None:
        """One connection; returns when it was cut, or time is up."""

    async def hostile(self, client: AttackClient) -> None:
        await self._everywhere(client, self.hold)

    async def harmless(self, client: AttackClient) -> None:
        await self._everywhere(client, self._asks)

    async def _asks(self, client: AttackClient, service: str, number: int) -> None:
        """A connection that is used now and then, as it is meant to be."""
        async with client.connection(service) as (reader, writer):
            while time.monotonic() < client.until:
                writer.write(b"GET /live HTTP/1.1\r\n" + HOST + b"\r\n")
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10.0)
                client.tally[head[9:12].decode()] += 1
                length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length or 0))
                await asyncio.sleep(2.0)

    async def _everywhere(self, client: AttackClient, way: Way) -> None:
        async def one(service: str, number: int) -> None:
            await asyncio.sleep(0.5 * self.target.seconds * number / self.count)  # not all in the same moment
            if time.monotonic() >= client.until:
                return
            try:
                await way(client, service, number)
            except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
                client.tally[CUT] += 1

        await asyncio.gather(*(one(service, number) for number in range(self.count) for service in self.services))


class SlowHeaders(Connections):
    name = "slow-headers"
    about = "100 connections to each service that send their headers a byte at a time"
    least_seconds = LONG

    async def hold(self, client: AttackClient, service: str, number: int) -> None:
        async with client.connection(service) as (reader, writer):
            writer.write(b"GET /live HTTP/1.1\r\n" + HOST + b"X-Slow: ")
            await _drip(client, reader, writer)


class SlowBodies(Connections):
    name = "slow-bodies"
    about = "100 connections to each service that announce a megabyte and send it a byte at a time"
    least_seconds = LONG

    async def hold(self, client: AttackClient, service: str, number: int) -> None:
        paths = {"intake": "/events", "matching": "/quarantine/replay", "notifications": "/acknowledgements"}
        part = "reader" if service == "notifications" else "insider"
        async with client.connection(service) as (reader, writer):
            media = b"application/cloudevents+json" if service == "intake" else b"application/json"
            writer.write(f"POST {paths[service]} HTTP/1.1\r\n".encode() + HOST + bearer(self.target, part))
            writer.write(b"Content-Type: " + media + b"\r\nContent-Length: 1000000\r\n\r\n")
            await _drip(client, reader, writer)


class IdleConnections(Connections):
    name = "idle-connections"
    about = "1,500 connections to each service on which nothing is said"
    count = 1_500

    async def hold(self, client: AttackClient, service: str, number: int) -> None:
        async with client.connection(service) as (reader, _):
            client.tally["opened"] += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), max(0.0, client.until - time.monotonic()))

    async def _asks(self, client: AttackClient, service: str, number: int) -> None:
        """As many connections, one after the other: each asks once and goes."""
        async with client.connection(service) as (reader, writer):
            writer.write(b"GET /live HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")
            client.tally[(await asyncio.wait_for(reader.read(12), 10.0))[9:12].decode() or CUT] += 1


class SlowReaders(Connections):
    name = "slow-readers"
    about = "40 connections to each service that ask for the largest answers and read nothing"
    count = 40

    async def hold(self, client: AttackClient, service: str, number: int) -> None:
        parts = {"intake": "/rejections?limit=500", "matching": "/openapi.json", "notifications": "/feed?limit=500"}
        part = "insider" if service == "intake" else "reader"
        async with client.connection(service) as (_, writer):
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            for path in ("/openapi.json", "/asyncapi.json", parts[service]):
                request = f"GET {path} HTTP/1.1\r\n".encode() + HOST + bearer(self.target, part) + b"\r\n"
                writer.write(request * 20)
                client.tally["asked"] += 20
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport has it
            await asyncio.sleep(max(0.0, client.until - time.monotonic()))
            writer.transport.abort()


class AbortedBodies(Connections):
    name = "aborted-bodies"
    about = "bodies that break off in the middle, by a reset"
    count = 60

    async def hold(self, client: AttackClient, service: str, number: int) -> None:
        paths = {"intake": "/events", "matching": "/quarantine/replay", "notifications": "/acknowledgements"}
        part = "reader" if service == "notifications" else "insider"
        for _ in range(3):
            async with client.connection(service) as (_, writer):
                raw: socket.socket = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.write(f"POST {paths[service]} HTTP/1.1\r\n".encode() + HOST + bearer(self.target, part))
                writer.write(b"Content-Type: application/cloudevents+json\r\nContent-Length: 4000000\r\n\r\n")
                writer.write(dumped(self.target.event)[:-20] + b" " * 100_000)
                await asyncio.wait_for(writer.drain(), 5.0)
                client.tally["aborted"] += 1
                writer.transport.abort()

    async def _asks(self, client: AttackClient, service: str, number: int) -> None:
        for _ in range(3):
            await client.send(AttackRequest(service, "GET", "/live", part=None))


async def _drip(client: AttackClient, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte a second, until the other side has had enough of it."""
    client.tally["opened"] += 1
    began = time.monotonic()
    while time.monotonic() < client.until:
        writer.write(b"a")
        try:
            answer = await asyncio.wait_for(reader.read(200), 1.0)
        except TimeoutError:
            continue
        client.tally[answer[9:12].decode(errors="replace") or CUT] += 1
        return
    if time.monotonic() - began > CUT_WITHIN:
        client.notes.append(f"a connection that drips was still open after {CUT_WITHIN:.0f} s")


ALL: tuple[type[Attack], ...] = (SlowHeaders, SlowBodies, IdleConnections, SlowReaders, AbortedBodies)
