"""Hears what the operator's mail server hands on for the address of undelivered mails, by SMTP or LMTP.

aiosmtpd speaks it; here is what bounds it (decision 70). Whoever reaches the port can cost us little: so many
connections, at once and in a second, each with so many bytes, lines and answers, and for so long. What is not addressed
to one of our own return paths gets a 550 before its content is heard. 250 is said once what follows is committed, 451
when the database did not take it: the mail server keeps it and comes again, and the same report twice does nothing.
There is no password, and without a certificate of ours no TLS: then the port is for a network that is the operator's
alone. With one nothing is heard before STARTTLS (451: the mail server keeps it until that is set there, too).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, AnyStr, cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from services.notifications import metrics
from services.notifications.channels.mail.return_path import ReturnPath, ReturnTag
from services.notifications.channels.mail.tls_files import TlsFiles
from services.notifications.domain.bounce_report import MOST_BYTES
from services.notifications.domain.rate_limiter import Pace
from shared.kit.base.logs import logger
from shared.kit.store.store import Unavailable

ANSWER_SECONDS = 0.1  # at the end: for the last answers to leave
Hear = Callable[[ReturnTag, bytes], Awaitable[None]]
_log = logger("bounces")


@dataclass(frozen=True, slots=True)
class Bounds:
    """``sessions``, ``sessions_per_second``, ``reports_per_second``: of all who connect; the rest is of one connection.
    ``idle_seconds``: without a command, while a report comes too; ``effect_seconds``: for the database to take it."""

    sessions: int = 20
    sessions_per_second: float = 20.0
    reports_per_second: float = 20.0
    report_bytes: int = MOST_BYTES
    bytes: int = 5 * MOST_BYTES
    lines: int = 12_000
    answers: int = 40
    reports: int = 5
    idle_seconds: float = 30.0
    total_seconds: float = 120.0
    effect_seconds: float = 15.0


class CannotListen(Exception):
    """The port that was asked for is not to be had."""


class BounceListener:
    """`open` before anything else begins, so that a service that was asked to hear and cannot does not start."""

    def __init__(
        self,
        host: str,
        port: int,
        returns: ReturnPath,
        hear: Hear,
        bounds: Bounds = Bounds(),
        tls: TlsFiles | None = None,
    ) -> None:
        self.returns = returns
        self.tls = tls
        self.bounds = bounds
        self.sessions: set[_Session] = set()
        self._hear = hear
        self._hearing: set[asyncio.Task[str]] = set()
        self.begun = asyncio.Event()
        self.ending = False
        self._host, self._asked = host, port
        self._socket: socket.socket | None = None
        self._paces = Pace(), Pace()
        self.port = port
        logging.getLogger("mail.log").setLevel(logging.CRITICAL + 1)  # aiosmtpd's own: who wrote, and to whom

    def open(self) -> None:
        """Take the port. Raises CannotListen."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        taken = socket.socket(family, socket.SOCK_STREAM)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((self._host, self._asked))
            taken.listen(self.bounds.sessions)  # whoever comes before the service is ready waits
        except OSError:
            taken.close()
            remedy = "The port is taken or not allowed: stop whoever has it, or set IEUM_BOUNCES_LISTEN."
            _log.error("cannot_start", missing="port", host=self._host, port=self._asked, remedy=remedy)
            raise CannotListen from None
        self._socket, self.port = taken, taken.getsockname()[1]

    async def run(self, stopping: asyncio.Event) -> None:
        """Until stopped; then what is being heard is heard to its end."""
        if self._socket is None:
            self.open()
        taken, self._socket = self._socket, None
        assert taken is not None
        server = await asyncio.get_running_loop().create_server(self._accept, sock=taken, backlog=self.bounds.sessions)
        self.begun.set()
        try:
            await stopping.wait()
        finally:
            self.ending = True
            server.close()
            for each in list(self.sessions):
                if not each.hears:
                    each.abort()
            if self._hearing:
                await asyncio.wait(self._hearing, timeout=self.bounds.effect_seconds)
                await asyncio.sleep(ANSWER_SECONDS)
            for each in list(self.sessions):
                each.abort()

    def close(self) -> None:
        """Let the port go, if it was taken and nobody runs."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def hear(self, tag: ReturnTag, content: bytes) -> asyncio.Task[str]:
        """Begin to hear a report; what comes of it is the answer to its sender."""
        hearing = asyncio.create_task(self._answer(tag, content))
        self._hearing.add(hearing)
        hearing.add_done_callback(self._hearing.discard)
        return hearing

    def may_hear(self) -> bool:
        """Whether one more report may be heard now."""
        return not self.ending and self._in_time(1, self.bounds.reports_per_second)

    async def _answer(self, tag: ReturnTag, content: bytes) -> str:
        try:
            async with asyncio.timeout(self.bounds.effect_seconds):
                await self._hear(tag, content)
        except (Unavailable, TimeoutError):
            metrics.bounces.of(outcome="unavailable").inc()
            return "451 4.3.0 not kept, come back later"
        except Exception:
            metrics.bounces.of(outcome="failed").inc()
            _log.exception("bounce_not_heard")
            return "451 4.3.0 not kept, come back later"
        return "250 2.0.0 taken"

    def _accept(self) -> asyncio.Protocol:
        if len(self.sessions) >= self.bounds.sessions or not self._in_time(0, self.bounds.sessions_per_second):
            metrics.bounces.of(outcome="busy").inc()
            return _Busy()
        return _Session(self)

    def _in_time(self, which: int, per_second: float) -> bool:
        return self._paces[which].allow(per_second, 1, asyncio.get_running_loop().time()) == 1


class _Busy(asyncio.Protocol):
    """One connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        writing = cast(asyncio.WriteTransport, transport)  # uvloop's is none by its class
        writing.write(b"421 4.3.2 too much at once, come back later\r\n")
        writing.close()


class _Session(SMTP):
    """One connection. What aiosmtpd leaves open is bounded by `data_received` (lines without end, a flood of empty
    ones) and `push` (a loop over what has come that lets nobody else have a turn)."""

    def __init__(self, listener: BounceListener) -> None:
        self._listener, self._bounds = listener, listener.bounds
        self._bytes = self._lines = self._answers = 0
        self._end: asyncio.TimerHandle | None = None
        self._begins_tls = False
        self.hearing: asyncio.Task[str] | None = None
        commands = {"MAIL": self._bounds.reports, "DATA": self._bounds.reports, "RCPT": 2 * self._bounds.reports}
        super().__init__(
            _Handler(listener),
            data_size_limit=self._bounds.report_bytes,
            hostname=listener.returns.host,
            ident="undelivered mail only",
            enable_SMTPUTF8=True,  # Postfix does not even come with a report that has an address in other letters
            timeout=self._bounds.idle_seconds,
            command_call_limit={**commands, "*": 2 * self._bounds.reports},
            loop=asyncio.get_running_loop(),
        )

    @property
    def hears(self) -> bool:
        """Whether a report of it is being heard."""
        return self.hearing is not None and not self.hearing.done()

    def abort(self) -> None:
        """At once, whatever was to be written still."""
        transport: Any = self.transport
        if transport is not None:
            with contextlib.suppress(AttributeError):  # asyncio's of Python before 3.11.3, where it is lost already
                transport.abort()
        below: Any = self._original_transport
        if below is not None and self.session is not None and self.session.ssl is None:
            below.abort()  # a handshake that is not over tells nobody above it that it was lost
            asyncio.get_running_loop().call_soon(self._lost_in_handshake)

    def _lost_in_handshake(self) -> None:
        if self in self._listener.sessions:
            self.connection_lost(ConnectionResetError())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Once for the connection, and once more when TLS stands on it."""
        first = self.transport is None
        super().connection_made(transport)
        if not first:
            return
        self._listener.sessions.add(self)
        self._end = asyncio.get_running_loop().call_later(self._bounds.total_seconds, self.abort)
        assert self._handler_coroutine is not None
        self._handler_coroutine.add_done_callback(_seen)

    def connection_lost(self, error: Exception | None) -> None:
        self._listener.sessions.discard(self)
        if self._end is not None:
            self._end.cancel()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        self._bytes += len(data)
        self._lines += data.count(b"\n")
        if self._bytes > self._bounds.bytes or self._lines > self._bounds.lines:
            metrics.bounces.of(outcome="flood").inc()
            self.abort()
            return
        super().data_received(data)

    async def push(self, status: AnyStr) -> None:
        self._answers += 1
        if status.startswith("552" if isinstance(status, str) else b"552"):  # aiosmtpd's answer to what is too large
            metrics.bounces.of(outcome="too-large").inc()
        if self._answers > self._bounds.answers:
            metrics.bounces.of(outcome="flood").inc()
            self.abort()
            raise ConnectionResetError
        await super().push(status)
        if not self._begins_tls:  # what comes next must not be read before TLS stands below: it would be lost
            await asyncio.sleep(0)

    async def smtp_LHLO(self, hostname: str) -> None:
        """LMTP's own greeting: with one recipient at a time all that follows is the same."""
        await self.smtp_EHLO(hostname)

    async def smtp_EHLO(self, hostname: str) -> None:
        """STARTTLS is offered with the certificate that is there now."""
        if (tls := self._listener.tls) is not None:
            self.tls_context = await tls.context()
        await super().smtp_EHLO(hostname)

    async def smtp_STARTTLS(self, arg: str) -> None:
        """Once: it is not offered again behind it."""
        if self.session is not None and self.session.ssl is not None:
            await self.not_here(arg)
            return
        self._begins_tls = True
        try:
            await super().smtp_STARTTLS(arg)
        finally:
            self._begins_tls = False

    async def smtp_MAIL(self, arg: str) -> None:
        """Where we have a certificate, by TLS alone: who reads along would have the tokens."""
        if self._listener.tls is not None and self.session is not None and self.session.ssl is None:
            metrics.bounces.of(outcome="no-tls").inc()
            await self.push("451 4.7.0 STARTTLS first")
            return
        await super().smtp_MAIL(arg)

    async def not_here(self, arg: str) -> None:
        """What nobody needs who hands a report on."""
        await self.push("502 5.5.1 not here")

    smtp_AUTH = smtp_VRFY = smtp_EXPN = smtp_HELP = not_here


class _Handler:
    """What the commands mean. Names and parameters are aiosmtpd's."""

    def __init__(self, listener: BounceListener) -> None:
        self._listener = listener

    async def handle_RCPT(
        self, server: _Session, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Asked for each recipient."""
        if self._listener.returns.read(address) is None:
            metrics.bounces.of(outcome="unknown").inc()
            return "550 5.1.1 no such mailbox"
        if envelope.rcpt_tos:
            return "452 4.5.3 one recipient at a time"
        if not self._listener.may_hear():
            metrics.bounces.of(outcome="busy").inc()
            return "451 4.3.2 too much at once, come back later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 known"

    async def handle_DATA(self, server: _Session, session: Session, envelope: Envelope) -> str:
        """A whole report. It is heard to its end even when whoever brought it hangs up."""
        tag, content = self._listener.returns.read(envelope.rcpt_tos[0]), envelope.original_content
        assert tag is not None
        assert content is not None
        server.hearing = self._listener.hear(tag, content)
        return await asyncio.shield(server.hearing)

    async def handle_exception(self, error: Exception) -> str:
        """Of aiosmtpd, over what somebody sent: nothing is said of it."""
        metrics.bounces.of(outcome="flood").inc()
        return "451 4.3.0 come back later"


def _seen(task: asyncio.Task[None]) -> None:
    """A connection that broke is nothing to be told."""
    if not task.cancelled():
        task.exception()
