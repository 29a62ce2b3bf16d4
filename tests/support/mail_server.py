"""A mail server on the loopback, in a thread of its own: aiosmtpd, with answers that a test chooses."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult


@dataclass(frozen=True, slots=True)
class Received:
    """One mail that was taken."""

    sender: str
    to: list[str]
    mail: EmailMessage


class MailServer:
    """``at_recipient``, ``at_data``: what is answered instead of taking it, for as long as it is set; ``refused``: by
    recipient. ``greylists``: the first attempt for each recipient is put off. ``tls``: it takes nothing without, after
    STARTTLS, or from the first byte (``implicit``). ``user``: whose password is asked for, by ``mechanisms``."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        user: tuple[str, str] | None = None,
        mechanisms: Sequence[str] = ("PLAIN", "LOGIN"),
    ) -> None:
        self.received: list[Received] = []
        self.well()
        self.tried: Counter[str] = Counter()
        self.logins: list[str] = []  # by which mechanism each was tried
        self.quits = 0
        self._user = user
        options: dict[str, Any] = {"hostname": "127.0.0.1", "port": 0}
        if tls is not None:
            options |= {"ssl_context": tls} if implicit else {"tls_context": tls, "require_starttls": True}
        if user is not None:
            options |= {
                "authenticator": self._authenticated,
                "auth_required": True,
                "auth_require_tls": tls is not None and not implicit,  # which it does not count as TLS
                "auth_exclude_mechanism": {"PLAIN", "LOGIN"} - set(mechanisms),
            }
        self._controller = _AnyPort(self, **options)

    def well(self) -> None:
        """It takes everything."""
        self.on_taken: Callable[[Received], None] | None = None
        self.at_recipient: str | None = None
        self.at_data: str | None = None
        self.refused: dict[str, str] = {}
        self.greylists = False

    def _authenticated(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.logins.append(mechanism)
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self._user, handled=False)  # its answer is left to aiosmtpd

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._controller.server.sockets[0].getsockname()[1]
        return port

    def __enter__(self) -> MailServer:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        """Asked for each recipient."""
        self.tried[address] += 1
        if self.greylists and self.tried[address] == 1:
            return "450 4.7.1 greylisted, come back later"
        if (answer := self.refused.get(address, self.at_recipient)) is not None:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_QUIT(self, server: SMTP, session: Any, envelope: Any) -> str:
        """The last that is said."""
        self.quits += 1
        return "221 2.0.0 bye"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        """Asked for each mail."""
        if self.at_data is not None:
            return self.at_data
        mail: Any = message_from_bytes(envelope.content, policy=default)
        self.received.append(Received(envelope.mail_from, list(envelope.rcpt_tos), mail))
        if self.on_taken is not None:
            self.on_taken(self.received[-1])
        return "250 2.0.0 taken"


class _AnyPort(Controller):
    """On a free port: the one that was given is 0, and aiosmtpd would knock there to see whether it has begun."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()
