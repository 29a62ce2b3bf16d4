"""Handing a mail to the operator's mail server, and what its answer means.

aiosmtplib, because it is asyncio's own, maintained, and checks certificates by default; smtplib would need a thread for
every mail. We talk to one server that the operator names, never to the partner's: no address of a partner is dialled.
The server's 2xx says that it will deliver, not that it has: what cannot be delivered later comes back to ``bounces``,
with the subscription in the address (VERP, return_path.py), because a report's own form is up to whoever writes it.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from typing import Literal

import aiosmtplib

from services.notifications.domain.attempt_verdict import NO_MAILBOX, Verdict
from services.notifications.domain.mail_address_rules import NO_SUCH_MAILBOX

Security = Literal["starttls", "tls", "none"]
_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b", re.ASCII)  # RFC 3463


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """``host`` empty: there is no mail. ``bounces``: the envelope's sender, with a mail's tag added to its local part
    (``bounces+<tag>@...``, return_path.py); empty: ``sender`` as it is."""

    host: str
    port: int
    security: Security
    user: str
    password: str = field(repr=False)
    sender: str = ""
    bounces: str = ""
    total: timedelta = timedelta(seconds=15)

    def envelope_sender(self, tag: str) -> str:
        """To whom a report of this mail goes."""
        local, _, domain = self.bounces.rpartition("@")
        return f"{local}+{tag}@{domain}" if local else self.sender


@dataclass(frozen=True, slots=True)
class MailAnswer:
    """``about``: the mail server itself (it is away, or does not take us), or this mailbox and mail. ``code`` 250: it
    was taken; None: no answer, and ``handed``: perhaps it was."""

    about: Literal["server", "mailbox"]
    code: int | None
    status: str | None = None
    handed: bool = False


def judge(answer: MailAnswer) -> Verdict:
    """4xx is tried again (greylisting comes so), 5xx is for good; a mailbox that does not exist ends the subscription.
    Trouble with our own server is tried again whatever it says: the partner must not pay for it."""
    code = answer.code
    if answer.about == "server" or code is None:
        return Verdict("again", "mail-server", possibly_sent=answer.handed)
    if 200 <= code < 300:
        return Verdict("delivered", endpoint_healthy=True)
    if code < 500:
        return Verdict("again", f"mail-{code}", endpoint_healthy=True, possibly_sent=False)
    if answer.status in NO_SUCH_MAILBOX:
        return Verdict("failed", NO_MAILBOX, disable=True, possibly_sent=False)
    return Verdict("failed", f"mail-{code}", possibly_sent=False)


class Relay:
    """A connection for each mail: there are few, and none is left open to go stale."""

    def __init__(self, settings: RelaySettings, tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._tls = tls

    async def send(self, to: str, mail: EmailMessage, tag: str) -> MailAnswer:
        """Hand it over once. Bounded by one deadline; never raises for anything the server does."""
        settings, body = self._settings, mail.as_bytes(policy=SMTP.clone(cte_type="7bit"))
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.user or None,
            password=settings.password or None,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=self._tls,
            local_hostname=settings.sender.rpartition("@")[2],
            timeout=settings.total.total_seconds(),
        )
        connected = False
        try:
            async with asyncio.timeout(settings.total.total_seconds()):
                await client.connect()
                connected = True
                await client.sendmail(settings.envelope_sender(tag), [to], body)
            return MailAnswer("mailbox", 250)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            return _of(refused.recipients[0])
        except aiosmtplib.SMTPDataError as refused:
            return _of(refused)
        except aiosmtplib.SMTPResponseException as refused:  # the greeting, the login, our own address
            return MailAnswer("server", refused.code)
        except Exception:  # away, too slow, no SMTP at all
            return MailAnswer("server", None, handed=connected)
        finally:
            client.close()


def _of(refused: aiosmtplib.SMTPResponseException) -> MailAnswer:
    found = _ENHANCED.match(refused.message)
    return MailAnswer("mailbox", refused.code, found[1] if found else None)
