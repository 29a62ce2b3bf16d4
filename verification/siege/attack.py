"""The shape of every attack by HTTP, and the client it uses.

An attack is bounded in count and in time, and speaks to the loopback only. `harmless` is load of the same volume by
somebody who means well: what the healthy ones see beside it is what an attack is compared with.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar
from urllib.parse import urlsplit

import aiohttp

ADDRESS = "127.0.0.66"  # the attacker's own: limits per address are to hit it, and nobody else
PATIENCE = 20.0  # seconds until a request is given up
JSON = {"content-type": "application/json"}
STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
FULL_TIMES = 4  # as many requests in the long sizes, in twice the time
CUT = "cut"  # the connection was closed instead of an answer
Json = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """What an attacker knows. ``urls`` by service; ``tokens`` by part: ``insider`` (adverts and people), ``reader`` (a
    partner); ``event``, ``advert``: sound events of the insider, to be changed; ``facts``: what answers brought."""

    urls: Mapping[str, str]
    tokens: Mapping[str, str]
    event: Json
    advert: Json
    facts: Mapping[str, str]
    seconds: float
    full: bool = False
    seed: int = 1


@dataclass(frozen=True)
class AttackRequest:
    """One request; ``part``: whose key it carries, None for none, any other text as it is."""

    service: str
    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    part: str | None = "insider"


class AttackClient:
    """Sends and counts. ``until``: the moment (monotonic) after which nothing new is begun."""

    def __init__(self, target: Target, session: aiohttp.ClientSession) -> None:
        self._target, self._session = target, session
        self.tally: Counter[str] = Counter()
        self.notes: list[str] = []
        self.begin()

    def begin(self) -> None:
        """The phase begins now: for whoever had to make ready first."""
        self.until = time.monotonic() + self._target.seconds

    async def send_all(self, requests: Iterable[AttackRequest], *, at_once: int = 4, rate: float | None = None) -> None:
        """Send these, so many at once; ``rate``: no more than so many begin in a second."""
        rest, began, begun = iter(requests), time.monotonic(), 0

        async def worker() -> None:
            nonlocal begun
            for request in rest:
                due = began + begun / rate if rate else 0.0
                begun += 1
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if time.monotonic() >= self.until:
                    return
                await self.send(request)

        await asyncio.gather(*(worker() for _ in range(at_once)))

    async def send(self, request: AttackRequest) -> str:
        """Send one request; its status, or how it ended."""
        headers = dict(request.headers)
        if request.part is not None:
            headers["authorization"] = f"Bearer {self._target.tokens.get(request.part, request.part)}"
        url = self._target.urls[request.service] + request.path
        try:
            async with self._session.request(request.method, url, data=request.body or None, headers=headers) as answer:
                await answer.read()
                found = str(answer.status)
        except TimeoutError:
            found = "no answer"
        except (aiohttp.ClientError, OSError):
            found = CUT
        self.tally[found] += 1
        return found

    @contextlib.asynccontextmanager
    async def connection(self, service: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A bare connection, for what no client would send. Raises OSError when it is refused."""
        parts = urlsplit(self._target.urls[service])
        reader, writer = await asyncio.wait_for(
            asyncio.open_connection(parts.hostname, parts.port, local_addr=(ADDRESS, 0)), 5.0
        )
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await asyncio.wait_for(writer.wait_closed(), 1.0)


class Attack(ABC):
    """One attack. ``services``: whom it goes to, one phase after the other goes to all of them."""

    name: ClassVar[str]
    about: ClassVar[str]
    services: ClassVar[tuple[str, ...]] = ("intake",)
    address: ClassVar[str] = ADDRESS
    least_seconds: ClassVar[float] = 0.0
    """What needs longer phases to be seen has one of each kind only."""

    def __init__(self, target: Target) -> None:
        self.target = target

    async def opened(self, client: AttackClient) -> None:  # noqa: B027  most need none
        """Before the first phase."""

    async def closed(self, client: AttackClient) -> None:  # noqa: B027  most need none
        """After the last phase."""

    @abstractmethod
    async def hostile(self, client: AttackClient) -> None:
        """Attack."""

    @abstractmethod
    async def harmless(self, client: AttackClient) -> None:
        """As many requests and bytes, by somebody who means well."""


class RequestAttack(Attack):
    """An attack that is a number of requests. ``count``: in one phase; ``at_once``: connections.

    ``random``: for what varies from request to request. Two phases of one round, harmless and hostile, draw the same;
    a seed repeats a run.
    """

    count: ClassVar[int] = 40
    at_once: ClassVar[int] = 4

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.random = Random()
        self._begun = 0

    @abstractmethod
    def requests(self, number: int) -> Iterable[AttackRequest]:
        """The hostile requests of one round, ``number`` from 0."""

    def harmless_request(self, request: AttackRequest, number: int) -> AttackRequest:
        """The harmless request that stands for a hostile one: a sound event, blown up by blanks to the same size."""
        if request.service == "intake":
            event = self.target.event | {"id": f"harmless-{self.name}-{time.monotonic_ns()}-{number}"}
            return AttackRequest("intake", "POST", "/events", padded(event, len(request.body)), STRUCTURED)
        if request.service == "notifications":
            body = padded({"notices": ["0" * 32]}, len(request.body))
            return AttackRequest("notifications", "POST", "/acknowledgements", body, JSON, "reader")
        return AttackRequest(request.service, "GET", "/live", part=None)

    def _all(self) -> list[AttackRequest]:
        self.random.seed(f"{self.target.seed}/{self.name}/{self._begun // 2}")
        self._begun += 1
        found: list[AttackRequest] = []
        number = 0
        while len(found) < self._most:
            found += self.requests(number)
            number += 1
        return found[: self._most]

    @property
    def _most(self) -> int:
        return self.count * (FULL_TIMES if self.target.full else 1)

    @property
    def _rate(self) -> float:
        return self._most / self.target.seconds

    async def hostile(self, client: AttackClient) -> None:
        requests = self._all()
        client.begin()
        await client.send_all(requests, at_once=self.at_once, rate=self._rate)

    async def harmless(self, client: AttackClient) -> None:
        requests = [self.harmless_request(request, number) for number, request in enumerate(self._all())]
        client.begin()
        await client.send_all(requests, at_once=self.at_once, rate=self._rate)


def dumped(value: object) -> bytes:
    """JSON, as short as it can be."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def padded(value: object, size: int) -> bytes:
    """JSON of that size at least, by blanks at its end."""
    return dumped(value).ljust(size)


def bearer(target: Target, part: str) -> bytes:
    """The header line of a key, for bare connections."""
    return f"Authorization: Bearer {target.tokens[part]}\r\n".encode()
