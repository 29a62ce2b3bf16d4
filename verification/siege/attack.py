"""The shape that every attack on a door has, and what it shoots with.

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
class Field:
    """What an attacker knows. ``urls`` by service; ``tokens`` by part: ``insider`` (adverts and people), ``reader`` (a
    partner); ``event``, ``advert``: sound events of the insider, to be changed; ``facts``: what answers brought."""

    urls: Mapping[str, str]
    tokens: Mapping[str, str]
    event: Json
    advert: Json
    facts: Mapping[str, str]
    seconds: float
    full: bool = False


@dataclass(frozen=True)
class Shot:
    """One request; ``part``: whose key it carries, None for none, any other text as it is."""

    service: str
    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    part: str | None = "insider"


class Gun:
    """Sends and counts. ``until``: the moment (monotonic) after which nothing new is begun."""

    def __init__(self, place: Field, session: aiohttp.ClientSession) -> None:
        self._field, self._session = place, session
        self.tally: Counter[str] = Counter()
        self.notes: list[str] = []
        self.begin()

    def begin(self) -> None:
        """The phase begins now: for whoever had to make ready first."""
        self.until = time.monotonic() + self._field.seconds

    async def volley(self, shots: Iterable[Shot], *, at_once: int = 4, rate: float | None = None) -> None:
        """Send these, so many at once; ``rate``: no more than so many begin in a second."""
        rest, began, begun = iter(shots), time.monotonic(), 0

        async def worker() -> None:
            nonlocal begun
            for shot in rest:
                due = began + begun / rate if rate else 0.0
                begun += 1
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if time.monotonic() >= self.until:
                    return
                await self.fire(shot)

        await asyncio.gather(*(worker() for _ in range(at_once)))

    async def fire(self, shot: Shot) -> str:
        """Send one request; its status, or how it ended."""
        headers = dict(shot.headers)
        if shot.part is not None:
            headers["authorization"] = f"Bearer {self._field.tokens.get(shot.part, shot.part)}"
        url = self._field.urls[shot.service] + shot.path
        try:
            async with self._session.request(shot.method, url, data=shot.body or None, headers=headers) as answer:
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
        parts = urlsplit(self._field.urls[service])
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

    def __init__(self, place: Field) -> None:
        self.field = place

    async def opened(self, gun: Gun) -> None:  # noqa: B027  most need none
        """Before the first phase."""

    async def closed(self, gun: Gun) -> None:  # noqa: B027  most need none
        """After the last phase."""

    @abstractmethod
    async def hostile(self, gun: Gun) -> None:
        """Attack."""

    @abstractmethod
    async def harmless(self, gun: Gun) -> None:
        """As many requests and bytes, by somebody who means well."""


class Volleys(Attack):
    """An attack that is a number of requests. ``count``: in one phase; ``at_once``: connections."""

    count: ClassVar[int] = 40
    at_once: ClassVar[int] = 4

    @abstractmethod
    def shots(self, number: int) -> Iterable[Shot]:
        """The hostile requests of one round, ``number`` from 0."""

    def wellmeant(self, shot: Shot, number: int) -> Shot:
        """The harmless request that stands for a hostile one: a sound event, blown up by blanks to the same size."""
        if shot.service == "intake":
            event = self.field.event | {"id": f"harmless-{self.name}-{time.monotonic_ns()}-{number}"}
            return Shot("intake", "POST", "/events", padded(event, len(shot.body)), STRUCTURED)
        if shot.service == "notifications":
            body = padded({"notices": ["0" * 32]}, len(shot.body))
            return Shot("notifications", "POST", "/acknowledgements", body, JSON, "reader")
        return Shot(shot.service, "GET", "/live", part=None)

    def _all(self) -> list[Shot]:
        found: list[Shot] = []
        number = 0
        while len(found) < self._most:
            found += self.shots(number)
            number += 1
        return found[: self._most]

    @property
    def _most(self) -> int:
        return self.count * (FULL_TIMES if self.field.full else 1)

    @property
    def _rate(self) -> float:
        return self._most / self.field.seconds

    async def hostile(self, gun: Gun) -> None:
        shots = self._all()
        gun.begin()
        await gun.volley(shots, at_once=self.at_once, rate=self._rate)

    async def harmless(self, gun: Gun) -> None:
        shots = [self.wellmeant(shot, number) for number, shot in enumerate(self._all())]
        gun.begin()
        await gun.volley(shots, at_once=self.at_once, rate=self._rate)


def dumped(value: object) -> bytes:
    """JSON, as short as it can be."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def padded(value: object, size: int) -> bytes:
    """JSON of that size at least, by blanks at its end."""
    return dumped(value).ljust(size)


def bearer(place: Field, part: str) -> bytes:
    """The header line of a key, for bare connections."""
    return f"Authorization: Bearer {place.tokens[part]}\r\n".encode()
