"""Webhooks: we call the partner, signed, bounded in time and bytes, never where we are sent on to."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import aiohttp
from aiohttp.abc import AbstractResolver

from services.notifications.channel import Configuration, Due, PushChannel
from services.notifications.channels.client_tls import ClientTls, TlsContexts, context_of
from services.notifications.channels.credentials import Credentials
from services.notifications.channels.name_resolver import REGISTERING, Resolver
from services.notifications.channels.ssrf_guard import guarded_connector, leads_outside
from services.notifications.channels.webhook_post import READ_BUFFER, Poster, Response, place_of
from services.notifications.channels.webhook_response import Answer, judge
from services.notifications.channels.webhook_signing import signed_headers
from services.notifications.documents import WEBHOOK, SubscriptionDocument
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.refused_option import OptionRefused
from services.notifications.domain.webhook_url_rules import UrlRules, check_url
from shared.events.refusal import Refusal, Refused
from shared.kit.web.problems import Problem

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
USER_AGENT = "notices/1"  # neutral, like everything else that a partner's log will keep
ORIGIN = "notices"
_LASTING: Final = {"user-agent": USER_AGENT, "accept-encoding": "identity"}
_HEADERS_READ: Final = ("retry-after", "webhook-delivery", "content-type")


@dataclass(frozen=True, slots=True)
class Limits:
    """``total``: one deadline for everything from the name lookup to the last byte that is read.

    ``answer_bytes`` and ``answer_seconds``: how much of an answer's body is read, only so that the connection can be
    used again. ``longest_hold``: at most this much of Retry-After.
    """

    total: timedelta = timedelta(seconds=15)
    connect: timedelta = timedelta(seconds=5)
    answer_bytes: int = 16_384
    answer_seconds: float = 1.0
    longest_hold: timedelta = timedelta(hours=24)


class _Client(NamedTuple):
    """Two ways over the same connections; the session closes them."""

    session: aiohttp.ClientSession
    poster: Poster


class Webhook(PushChannel):
    """The channel `webhook`. ``registering`` looks names up for new subscriptions: not with the threads of those that
    are called, so that names that hang hold up no delivery."""

    name = WEBHOOK

    def __init__(
        self,
        credentials: Credentials,
        on_due: Due,
        limits: Limits,
        urls: UrlRules,
        spread: timedelta = timedelta(0),
        *,
        registering: AbstractResolver | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        super().__init__(on_due, spread)
        self._credentials = credentials
        self._limits = limits
        self._urls = urls
        self._registering = registering or Resolver(REGISTERING)
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._resolver = resolver
        self._client: _Client | None = None
        self._contexts = TlsContexts()

    async def configure(self, subscription: str, agency: str, url: str | None) -> Configuration:
        """The URL's form, then where its host leads: to public addresses only. One remedy for all."""
        if url is None:
            raise Refused(Refusal("missing-field", "/url"))
        try:
            host = _callable(url, self._urls)
            async with self._asking[agency]:  # one name at a time: no agency takes all threads
                if not await leads_outside(host, 0, self._urls.allowed, self._registering):
                    raise OptionRefused("url-host")
        except OptionRefused as refused:
            raise Problem(
                422,
                "url-refused",
                "This URL cannot be called",
                field="/url",
                rule=refused.rule,
                name=refused.rule,
                values={"ports": ", ".join(map(str, sorted(self._urls.ports)))},
            ) from None
        secret, kept = self._credentials.new_secret(subscription)
        return Configuration(self._credentials.sealed_target(subscription, url), [kept], secret)

    def place(self, target: str | None) -> object:
        """By scheme, host, port, path and query as they are called, however they are written."""
        try:
            return place_of(target or "")
        except ValueError:  # of before this was asked at registration
            return target

    @property
    def longest(self) -> timedelta:
        """One deadline."""
        return self._limits.total

    async def attempt(self, endpoint: SubscriptionDocument, notice: str, body: bytes, now: datetime) -> Verdict:
        """POST once. The status line decides; of the body only so much is read as keeps the connection usable."""
        return judge(await self._request(endpoint, notice, body, now), now, self._limits.longest_hold)

    async def _request(self, endpoint: SubscriptionDocument, notice: str, body: bytes, now: datetime) -> Answer:
        try:
            url = self._credentials.target_of(endpoint) or ""
            signed = signed_headers(self._credentials.live_secrets(endpoint, now), notice, now, body)
            own, tls = self._credentials.headers_of(endpoint), await self._tls(endpoint)
        except Exception:  # a wrong key of ours: the partner must not pay for it with a lost notice
            return Answer(error="secret")
        try:
            async with asyncio.timeout(self._limits.total.total_seconds()):
                return await self._post(url, own, signed, body, tls)
        except aiohttp.ConnectionTimeoutError as error:  # a TimeoutError, too, and not of an answer
            return Answer(error=reason_of(error))
        except TimeoutError:
            return Answer(error="timeout")
        except Exception as error:  # whatever a partner brings about is an answer, else it would be sent for ever
            return Answer(error=reason_of(error))

    async def _post(
        self, url: str, own: dict[str, str], signed: dict[str, str], body: bytes, tls: ssl.SSLContext | bool
    ) -> Answer:
        response = await self._open().poster.post(url, own, signed, body, tls)
        try:
            read = {name: response.headers[name][:200] for name in _HEADERS_READ if name in response.headers}
            drained = await self._drained(response)
            if not drained:
                response.close()  # not released: a connection with a body left in it cannot be used again
            return Answer(response.status, read, empty=drained and response.content.total_bytes == 0)
        finally:
            response.release()

    async def permitted(self, endpoint: SubscriptionDocument) -> bool:
        """The handshake of the CloudEvents HTTP webhook specification 1.0: it allows our origin, or every one."""
        with contextlib.suppress(Exception):  # whatever a partner brings about, it has not said yes
            async with asyncio.timeout(self._limits.total.total_seconds()):
                url, own = self._credentials.target_of(endpoint) or "", self._credentials.headers_of(endpoint)
                headers = {**own, "webhook-request-origin": ORIGIN}
                asked = self._open().session.options(
                    url, headers=headers, allow_redirects=False, ssl=await self._tls(endpoint)
                )
                async with asked as response:
                    allowed = response.headers.get("webhook-allowed-origin", "")
                    response.close()
                    return 200 <= response.status < 300 and allowed.strip() in ("*", ORIGIN)
        return False

    async def _tls(self, endpoint: SubscriptionDocument) -> ssl.SSLContext | bool:
        """Its own, or True: what everybody gets."""
        sealed = endpoint.get("tls")
        if sealed is None:
            return True
        return await self._contexts.of(sealed, lambda: self._credentials.tls_of(endpoint) or ClientTls())

    async def _drained(self, response: Response) -> bool:
        if response.content.is_eof():  # all of it came with the headers, which is nearly always so
            return True
        left = self._limits.answer_bytes
        with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError, ValueError):
            async with asyncio.timeout(self._limits.answer_seconds):
                while left > 0:
                    chunk = await response.content.read(min(left, 4096))
                    if not chunk:
                        return True
                    left -= len(chunk)
        return False

    def _open(self) -> _Client:
        if self._client is None:
            connector = guarded_connector(self._urls.allowed, self._resolver, context_of(ClientTls()))
            # of all that one attempt does: see _request
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect.total_seconds())
            session = aiohttp.ClientSession(
                connector=connector,
                timeout=timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=_LASTING,
                auto_decompress=False,  # a bomb stays small
                trust_env=False,  # no proxy, no .netrc
                read_bufsize=READ_BUFFER,
            )
            self._client = _Client(session, Poster(connector, timeout, {**_LASTING, "content-type": CONTENT_TYPE}))
        return self._client

    async def close(self) -> None:
        """Close all connections."""
        await self._registering.close()
        if self._client is not None:
            await self._client.session.close()
            self._client = None


def _callable(url: str, rules: UrlRules) -> str:
    """Its host. Also what has the right form may be nothing that aiohttp calls. Raises OptionRefused."""
    host = check_url(url, rules)
    try:
        place_of(url)
    except ValueError:
        raise OptionRefused("url-form") from None
    return host


def reason_of(error: BaseException) -> str:
    """A slug for what went wrong; nothing of the error's text.

    A name that leads to an inner address, a refused address, a name that does not resolve and an address where nobody
    answers (at once, or in time) have one slug: else a partner could map our network by naming hosts.
    """
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError | ssl.CertificateError):
        return "tls"
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return "no-connection"
    if isinstance(error, aiohttp.ServerTimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.InvalidURL):
        return "url"
    if isinstance(error, aiohttp.ClientConnectionError | OSError):
        return "connection-lost"
    return "not-http"
