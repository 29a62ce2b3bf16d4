"""Webhooks: we call the partner, signed, bounded in time and bytes, never where we are sent on to."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver

from services.notifications.channels.channel import Wake
from services.notifications.channels.guard import guarded_connector
from services.notifications.channels.signing import signed_headers
from services.notifications.documents import DUE, WAITING, WEBHOOK, DeliveryDocument, SubscriptionDocument
from services.notifications.domain.addresses import Network
from services.notifications.domain.verdict import Answer
from shared.kit.base.sealing import Sealer
from shared.kit.store.unit_of_work import Need, UnitOfWork

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
USER_AGENT = "notices/1"  # neutral, like everything else that a partner's log will keep
_HEADERS_READ: Final = ("retry-after", "webhook-delivery")


@dataclass(frozen=True, slots=True)
class Limits:
    """``total``: one deadline for everything from the name lookup to the last byte that is read.

    ``answer_bytes`` and ``answer_seconds``: how much of an answer's body is read, only so that the connection can be
    used again. ``spread``: notices wait a share of it (each its own), so that times at two partners tell less.
    """

    total: timedelta = timedelta(seconds=15)
    connect: timedelta = timedelta(seconds=5)
    answer_bytes: int = 16_384
    answer_seconds: float = 1.0
    spread: timedelta = timedelta(0)


class Webhook:
    """The channel `webhook`. ``wake`` tells the dispatcher that a subscription has something to send."""

    name = WEBHOOK

    def __init__(
        self,
        sealer: Sealer,
        wake: Wake,
        limits: Limits,
        allowed: Sequence[Network] = (),
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._sealer = sealer
        self._wake = wake
        self._limits = limits
        self._allowed = allowed
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    def needs(self, recipient: str) -> Iterable[Need]:
        """Nothing."""
        return ()

    def accept(self, work: UnitOfWork, delivery: DeliveryDocument, first: bool) -> None:
        """Due at once when it need not wait for another, else waiting for its turn."""
        share = int(delivery["_id"][:8], 16) / 2**32
        delivery.update({"state": DUE if first else WAITING, "due": work.now + self._limits.spread * share})
        if first:
            work.after_commit(lambda: self._wake(delivery["subscription"], delivery["about"]))

    async def send(self, endpoint: SubscriptionDocument, notice: str, body: bytes, now: datetime) -> Answer:
        """POST once. The status line decides; of the body only so much is read as keeps the connection usable."""
        try:
            url = self._sealer.open(endpoint["url"] or b"", "subscription-url", endpoint["_id"]).decode()
            headers = signed_headers(self.secrets(endpoint, now), notice, now, body)
        except Exception:  # a wrong key of ours: the partner must not pay for it with a lost notice
            return Answer(error="secret")
        try:
            async with asyncio.timeout(self._limits.total.total_seconds()):
                return await self._post(url, headers, body)
        except TimeoutError:
            return Answer(error="timeout")
        except Exception as error:  # whatever a partner brings about is an answer, else it would be sent for ever
            return Answer(error=reason_of(error))

    def secrets(self, endpoint: SubscriptionDocument, now: datetime) -> list[str]:
        """The live secrets of an endpoint, the newest first."""
        live = [s for s in endpoint["secrets"] if s["until"] is None or s["until"] > now]
        return [self._sealer.open(s["sealed"], "subscription-secret", endpoint["_id"]).decode() for s in live]

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        async with self._open().post(
            url, data=body, headers={"content-type": CONTENT_TYPE, **headers}, allow_redirects=False
        ) as response:
            read = {name: response.headers.get(name, "")[:200] for name in _HEADERS_READ if name in response.headers}
            answer = Answer(response.status, read)
            if not await self._drained(response):
                response.close()  # not released: a connection with a body left in it cannot be used again
            return answer

    async def _drained(self, response: aiohttp.ClientResponse) -> bool:
        left = self._limits.answer_bytes
        with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError, ValueError):
            async with asyncio.timeout(self._limits.answer_seconds):
                while left > 0:
                    chunk = await response.content.read(min(left, 4096))
                    if not chunk:
                        return True
                    left -= len(chunk)
        return False

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=guarded_connector(self._allowed, self._resolver),
                timeout=aiohttp.ClientTimeout(
                    total=self._limits.total.total_seconds(), sock_connect=self._limits.connect.total_seconds()
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"user-agent": USER_AGENT, "accept-encoding": "identity"},
                auto_decompress=False,  # a bomb stays small
                trust_env=False,  # no proxy, no .netrc
                read_bufsize=4096,
            )
        return self._session

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def reason_of(error: BaseException) -> str:
    """A slug for what went wrong; nothing of the error's text.

    A name that leads to an inner address, a refused address, a name that does not resolve and an address where nobody
    answers have one slug: else a partner could map our network by naming hosts and reading reasons.
    """
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError | ssl.CertificateError):
        return "tls"
    if isinstance(error, aiohttp.ServerTimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "no-connection"
    if isinstance(error, aiohttp.InvalidURL):
        return "url"
    if isinstance(error, aiohttp.ClientConnectionError | OSError):
        return "connection-lost"
    return "not-http"
