"""Handing a mail to the operator's mail server, and what its answer means.

aiosmtplib, because it is asyncio's own, maintained, and checks certificates by default; smtplib would need a thread for
every mail. We talk to one server that the operator names, never to the partner's: no address of a partner is dialled.
The server's 2xx says that it will deliver, not that it has: what cannot be delivered later comes back to ``bounces``,
with the subscription in the address (VERP, return_path.py), because a report's own form is up to whoever writes it.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from typing import Literal

import aiosmtplib

from services.notifications import metrics
from services.notifications.channels.mail.refusal_attribution import RefusalAttribution
from services.notifications.channels.mail.tls_files import TlsFiles
from services.notifications.domain.attempt_verdict import MAIL_SERVER, NO_MAILBOX, Outcome, Verdict
from services.notifications.domain.mail_address_rules import NO_SUCH_MAILBOX
from services.notifications.domain.mail_refusals import ASKS_FOR_LOGIN, About, status_of, whom
from shared.kit.base.logs import logger

Security = Literal["starttls", "tls", "none"]
MOST_AT_ONCE = 30  # connections over which mails are handed over; with those that part as many as Postfix takes
TURN_SHARE = 0.5  # of the time until a mail is handed over, for its turn
QUIT_SECONDS = 2.0
PARTING_AT_STOP_SECONDS = 0.5
MOST_PARTING = 20  # connections that wait for the answer to their QUIT
SAID_AGAIN_SECONDS = 60.0
REFUSED_AGAIN_AFTER = timedelta(minutes=1)  # what is refused for good is not asked for every few seconds
TROUBLES = (
    *("no-connection", "timeout", "certificate", "tls", "no-starttls", "login", "no-login", "unencrypted"),
    *("refused", "relaying", "refuses-mails"),
)
_log = logger("mail")


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """``host`` empty: there is no mail. ``bounces``: the envelope's sender, with a mail's tag added to its local part
    (``bounces+<tag>@...``, return_path.py); empty: ``sender`` as it is. ``user``: empty for a server that knows us by
    our address. ``total``: for all until the mail is handed over, and three times as long from then on.
    ``tried_every``: how long what waits for a mailbox that is taken to be down is left alone at most."""

    host: str
    port: int
    security: Security
    user: str
    password: str = field(repr=False)
    sender: str = ""
    bounces: str = ""
    total: timedelta = timedelta(seconds=15)
    tried_every: timedelta = timedelta(0)

    @property
    def patience(self) -> timedelta:
        """For the mail and the answer to it: a server that looks into mails takes its time, has it already, and whoever
        asks again sends it twice."""
        return 3 * self.total

    @property
    def longest(self) -> timedelta:
        """How long one mail may take: no lease under which it leaves may be over before."""
        return self.total + self.patience

    @property
    def shown_for(self) -> timedelta:
        """How long the trouble of the last mail is shown. Whatever waits is tried sooner, so where nothing was tried
        for so long nothing waits."""
        return 2 * (max(REFUSED_AGAIN_AFTER, self.tried_every) + self.longest)

    def envelope_sender(self, tag: str) -> str:
        """To whom a report of this mail goes."""
        local, _, domain = self.bounces.rpartition("@")
        return f"{local}+{tag}@{domain}" if local else self.sender


@dataclass(frozen=True, slots=True)
class MailAnswer:
    """``about``: the mail server itself (it is away, or does not take us), or this mailbox and mail; ``unclear``: of a
    refusal it is not proven yet which. ``code`` 250: it was taken; None: no answer, and ``handed``: perhaps it was.
    ``busy``: it was not asked, for other mails of ours took longer than this one may wait."""

    about: About
    code: int | None
    status: str | None = None
    handed: bool = False
    busy: bool = False


def judge(answer: MailAnswer) -> Verdict:
    """4xx is tried again (greylisting comes so), 5xx is for good where it is the mailbox's or the mail's own; a mailbox
    that does not exist ends the subscription. Trouble with our own server is tried again whatever it says, and for as
    long as it lasts: the partner must not pay for it. A recall is tried again while there is a mailbox."""
    code = answer.code
    if answer.busy:  # neither it nor the mail server has failed
        return Verdict("again", MAIL_SERVER, endpoint_healthy=True, possibly_sent=False, ours=True)
    hold = REFUSED_AGAIN_AFTER if code is not None and code >= 500 else None
    if answer.about == "server" or code is None:
        return Verdict("again", MAIL_SERVER, hold=hold, possibly_sent=answer.handed, ours=True)
    if 200 <= code < 300:
        return Verdict("delivered", endpoint_healthy=True)
    if code < 500:
        return Verdict("again", f"mail-{code}", endpoint_healthy=True, possibly_sent=False)
    if answer.status in NO_SUCH_MAILBOX:
        return Verdict("failed", NO_MAILBOX, disable=True, possibly_sent=False)
    outcome: Outcome = "again" if answer.about == "unclear" else "failed"
    return Verdict(outcome, f"mail-{code}", hold=hold, possibly_sent=False, ends_recall=False)


class Relay:
    """A connection for each mail, so many at once: none is left open to go stale, and a mail server refuses who comes
    with many more. ``tls``: whose certificates are trusted, asked for each; without it the system's authorities."""

    def __init__(self, settings: RelaySettings, tls: TlsFiles | None = None) -> None:
        self._settings = settings
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self._tls = tls
        self._parting: set[asyncio.Task[None]] = set()
        self._said: dict[str, float] = {}  # by trouble of the mail server, when it was logged last
        self._forgets: asyncio.TimerHandle | None = None  # the trouble that is shown
        self._attribution = RefusalAttribution(REFUSED_AGAIN_AFTER.total_seconds())
        self._show(None)

    @property
    def longest(self) -> timedelta:
        """How long `send` may take."""
        return self._settings.longest

    async def send(self, to: str, mail: EmailMessage, tag: str) -> MailAnswer:
        """Hand it over once, when others have left room. Bounded by `longest`; never raises for anything the server
        does."""
        seconds, now = self._settings.total.total_seconds(), asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(seconds * TURN_SHARE):
                await self._turns.acquire()
        except TimeoutError:
            return MailAnswer("server", None, busy=True)
        try:
            return await self._handed_over(to, mail, tag, until=now + seconds)
        finally:
            self._turns.release()

    async def _handed_over(self, to: str, mail: EmailMessage, tag: str, until: float) -> MailAnswer:
        settings, body = self._settings, mail.as_bytes(policy=SMTP.clone(cte_type="7bit"))
        seconds = settings.total.total_seconds()
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            use_tls=settings.security == "tls",
            start_tls=False,  # below, so that a server that offers none is left politely
            local_hostname=settings.sender.rpartition("@")[2],
            timeout=seconds,
        )
        handed = in_step = False
        try:
            async with asyncio.timeout_at(until):
                await client.connect(tls_context=None if self._tls is None else await self._tls.context())
                if settings.security == "starttls":
                    await client.ehlo()
                    if not client.supports_extension("starttls"):
                        raise _NotOffered("no-starttls")
                    await client.starttls()
                await client.ehlo()
                await self._log_in(client)
                size = [f"size={len(body)}"] if client.supports_extension("size") else []
                await client.mail(settings.envelope_sender(tag), options=size)
                await client.rcpt(to)
            handed = True
            async with asyncio.timeout(settings.patience.total_seconds()):
                await client.data(body, timeout=settings.patience.total_seconds())
            in_step = True
            self._attribution.taken(to, time.monotonic())
            self._show(None)
            return MailAnswer("mailbox", 250)
        except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError) as refused:
            in_step = True
            if not 400 <= refused.code < 600:  # no answer of this protocol: whether it was taken, nobody knows
                self._say("refused", refused.code)
                return MailAnswer("server", refused.code, handed=handed)
            return self._refused(to, refused, of_us=isinstance(refused, aiosmtplib.SMTPSenderRefused))
        except aiosmtplib.SMTPResponseException as refused:  # greeting, login; or no line of this protocol
            in_step = True
            login = isinstance(refused, aiosmtplib.SMTPAuthenticationError) or refused.code in ASKS_FOR_LOGIN
            self._say("login" if login else "refused", refused.code)
            return MailAnswer("server", refused.code, handed=handed)
        except _NotOffered as lacking:
            in_step = True
            self._say(lacking.what)
            return MailAnswer("server", None)
        except Exception as error:  # away, too slow, a certificate of somebody else's, no SMTP at all
            self._say(_trouble(error))
            return MailAnswer("server", None, handed=handed)
        finally:
            self._leave(client, in_step)

    async def close(self) -> None:
        """Leave the last connections."""
        self._show(None)
        if self._parting:
            await asyncio.wait(self._parting, timeout=PARTING_AT_STOP_SECONDS)
        for task in self._parting:
            task.cancel()

    async def _log_in(self, client: aiosmtplib.SMTP) -> None:
        """Once, by what the server offers, and never where somebody could read along."""
        settings = self._settings
        if not settings.user:
            return
        if client.get_transport_info("sslcontext") is None:
            raise _NotOffered("unencrypted")
        if "plain" in client.server_auth_methods:
            await client.auth_plain(settings.user, settings.password)
        elif "login" in client.server_auth_methods:
            await client.auth_login(settings.user, settings.password)
        else:
            raise _NotOffered("no-login")

    def _leave(self, client: aiosmtplib.SMTP, in_step: bool) -> None:
        """With QUIT where the server expects a command, and nobody waits for its answer; without where it does not."""
        if not in_step or not client.is_connected or len(self._parting) >= MOST_PARTING:
            client.close()
            return
        task = asyncio.create_task(_quit(client), name="quit")
        self._parting.add(task)
        task.add_done_callback(self._parting.discard)

    def _refused(self, to: str, refused: aiosmtplib.SMTPResponseException, of_us: bool) -> MailAnswer:
        """A recipient or a mail was, for now or for good. ``of_us``: when it had heard our sender and the size."""
        code, about = refused.code, whom(refused.code, refused.message)
        if of_us and (code < 500 or about == "unclear" or status_of(refused.message) in NO_SUCH_MAILBOX):
            about = "server"
        if about == "server":
            login, relaying = code in ASKS_FOR_LOGIN, code >= 500 and not of_us
            self._say("login" if login else "relaying" if relaying else "refused", code)
        elif about == "unclear" and (about := self._attribution.refused(to, time.monotonic())) == "server":
            self._say("refuses-mails", code)
        return MailAnswer(about, code, status_of(refused.message))

    def _show(self, trouble: str | None) -> None:
        """What is wrong with the mail server now: by the last mail that says something about it. When nothing was tried
        for long nothing waits here (another replica has it, or nobody is to be told any more), and nobody could find
        out that the mail server is well."""
        if self._forgets is not None:
            self._forgets.cancel()
        self._forgets = None
        if trouble is not None:
            seconds = self._settings.shown_for.total_seconds()
            self._forgets = asyncio.get_running_loop().call_later(seconds, self._show, None)
        for each in TROUBLES:
            metrics.mail_server_trouble.of(reason=each).set(each == trouble)

    def _say(self, trouble: str, code: int | None = None) -> None:
        """For operators: partners are told only that it is not their fault. Not with every mail."""
        self._show(trouble)
        now = asyncio.get_running_loop().time()
        if now - self._said.get(trouble, -SAID_AGAIN_SECONDS) >= SAID_AGAIN_SECONDS:
            self._said[trouble] = now
            _log.warning("mail_server_trouble", reason=trouble, **({} if code is None else {"code": code}))


class _NotOffered(Exception):
    """What the server does not offer, and we do not go without."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


async def _quit(client: aiosmtplib.SMTP) -> None:
    try:
        async with asyncio.timeout(QUIT_SECONDS):
            await client.quit()
    except Exception:  # the mail is with it, or is not: this changes nothing
        return
    finally:
        client.close()


def _trouble(error: BaseException | None) -> str:
    """What is wrong with the mail server, or with what is set of it."""
    causes = []
    while error is not None:
        causes.append(error)
        error = error.__cause__ or error.__context__
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return "certificate"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "tls"
    return "timeout" if any(isinstance(cause, TimeoutError) for cause in causes) else "no-connection"
