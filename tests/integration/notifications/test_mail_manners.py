"""Whatever a mail server does wrong, one thing after the other: all that is told arrives, and nothing stays held."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

import pytest

from services.notifications import main
from services.notifications.channels.mail import digest, smtp_relay
from tests.integration.notifications.parts import Client, Setup, eventually, match, person
from tests.unit.notifications.world import hexid, holding

pytestmark = pytest.mark.integration
# What is said instead, and when (a command, the greeting, or "." for what follows the mail); None: it hangs up.
WRONGS: tuple[tuple[str, bytes | None], ...] = (
    ("RCPT", b"450 4.7.1 greylisted, come back later"),
    ("greeting", b"421 4.7.0 too many connections"),
    ("greeting", b"554 5.7.1 not from there"),
    ("greeting", None),
    ("EHLO", b"500 what"),
    ("MAIL", b"421 4.3.2 closing"),
    ("MAIL", b"550 5.7.1 not from you"),
    ("RCPT", b"452 4.5.3 too many recipients"),
    ("RCPT", b"421 4.3.2 closing"),
    ("RCPT", b"554 5.7.1 Relay access denied"),
    ("RCPT", b"550 no"),
    ("RCPT", None),
    ("DATA", b"451 4.3.0 no room"),
    ("DATA", b"250 what is a 354"),
    ("DATA", None),
    (".", b"451 4.7.1 come back later"),
    (".", b"554 5.7.1 not like that"),
    (".", b"no smtp at all"),
    (".", None),
)


class Wrong:
    """A mail server that does one thing wrong in each connection, in their order, and then none. ``taken``: what it
    said 250 to; ``had``: also what it only had."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.had: list[EmailMessage] = []
        self.wrongs = list(WRONGS)
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        when, what = self.wrongs.pop(0) if self.wrongs else ("never", None)
        try:
            if not self._says(writer, b"220 mail" if when != "greeting" else what):
                return
            while line := await reader.readline():
                command = line.split()[0].decode().upper()
                usual = {"EHLO": b"250-mail\r\n250-8BITMIME\r\n250 SMTPUTF8", "DATA": b"354 go on", "QUIT": b"221 bye"}
                answer = what if command == when else usual.get(command, b"250 2.0.0 fine")
                if not self._says(writer, answer):
                    return
                if command == "DATA" and answer == usual["DATA"]:
                    content = (await reader.readuntil(b"\r\n.\r\n")).replace(b"\r\n..", b"\r\n.")
                    mail = cast(EmailMessage, message_from_bytes(content, policy=default))
                    self.had.append(mail)
                    if when != ".":
                        self.taken.append(mail)
                    if not self._says(writer, what if when == "." else b"250 2.0.0 taken"):
                        return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @staticmethod
    def _says(writer: asyncio.StreamWriter, what: bytes | None) -> bool:
        if what is not None:
            writer.write(what + b"\r\n")
        return what is not None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=1_000_000)
        async with server:
            yield server.sockets[0].getsockname()[1]


def told(mails: list[EmailMessage]) -> list[dict[str, Any]]:
    return [event for mail in mails for attached in mail.iter_attachments() for event in json.loads(_text(attached))]


def _text(part: Any) -> str:
    return str(part.get_content() if isinstance(part.get_content(), str) else part.get_content().decode())


@pytest.mark.parametrize("channel", ["email", "email-digest"])
async def test_everything_arrives_although_it_does_everything_wrong_once(
    setup: Setup, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_relay, "REFUSED_AGAIN_AFTER", timedelta(seconds=0.1))
    monkeypatch.setattr(digest, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(main, "next_window", lambda after, zone, at: after)
    wrong = Wrong()
    async with wrong.running() as port:
        own = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none"}
        named = {"mail_sender": "notices@ieum.example", "mail_bounces": "bounces@ieum.example"}
        quick = {"retry_schedule": (0.0, *[0.1] * 49), "breaker_seconds": 0.1, "breaker_longest_seconds": 0.2}
        async with setup.running(**own, **named, **quick) as app:
            await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in "abc"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                made = await gjf.subscribed(channel, "mailto:jobs@partner.example")
                await setup.publish(*(match(name, "x") for name in "abc"))
                await eventually(lambda: _left(wrong, 10))
                await setup.publish(person("a", sequence=2))  # what may have arrived is recalled, whatever was said
                await eventually(lambda: _left(wrong, 0))
                await setup.publish(match("b", "y"))
                expected = {("b", "x"), ("c", "x"), ("b", "y")}
                aliases = {(hexid("alias", name, "gjf"), hexid("opportunity", to)) for name, to in expected}

                async def all_there() -> bool:
                    return holding(told(wrong.taken)) == aliases

                await eventually(all_there)
                (shown,) = (await gjf.get("/subscriptions")).json()["subscriptions"]
                assert (shown["subscription"], shown["state"]) == (made["subscription"], "active")
                assert await app.state.database.deliveries.count_documents({"state": "failed"}) == 0
                assert holding(told(wrong.had)) == aliases
                repeated = {str(mail["Message-ID"]) for mail in wrong.had if mail not in wrong.taken}
                if channel == "email":  # a letter of more is another one once something was added to it
                    assert repeated <= {str(mail["Message-ID"]) for mail in wrong.taken}


async def _left(wrong: Wrong, count: int) -> bool:
    return len(wrong.wrongs) <= count
