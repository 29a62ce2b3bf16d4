"""Mails that are handed to the operator's mail server, and one that answers as it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from services.notifications.channels.mail.smtp_relay import MailAnswer, Relay, RelaySettings
from services.notifications.channels.mail.tls_files import TlsFiles

TO = "jobs@partner.example"
TAKEN = MailAnswer("mailbox", 250)


def letter(subject: str = "Hello", body: str = "Hello\n") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "notices@ieum.example", TO, subject
    mail["Date"] = datetime(2026, 11, 28, tzinfo=UTC)
    mail.set_content(body)
    return mail


def relay(port: int, tls: TlsFiles | None = None, host: str = "127.0.0.1", **changes: Any) -> Relay:
    values: dict[str, Any] = {"security": "none", "user": "", "password": "", "sender": "notices@ieum.example"}
    return Relay(RelaySettings(host, port, **values | {"total": timedelta(seconds=5)} | changes), tls)


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What operators are told of the mail server's trouble."""
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [each["reason"] for each in logged if each["event"] == "mail_server_trouble"]


Says = dict[bytes, bytes | None]


@asynccontextmanager
async def scripted(answers: Says, late: float = 0.0) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that answers each command as told, 250 without; None: not at all. ``late``: so many seconds after a
    mail. With what it heard."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail\r\n")
        in_mail = False
        while line := await reader.readline():
            command = line.split()[0].upper() if line.split() else b""
            if in_mail:
                if line != b".\r\n":
                    continue
                in_mail, command = False, b"."
            heard.append(line.strip() if command != b"." else b".")
            usual = {b"EHLO": b"250-mail\r\n250 AUTH PLAIN LOGIN", b"DATA": b"354 go on", b"QUIT": b"221 bye"}
            answer = answers.get(command, usual.get(command, b"250 2.0.0 OK"))
            in_mail = command == b"DATA" and (answer or b"").startswith(b"354")
            if command == b".":
                await asyncio.sleep(late)
            if answer is not None:
                writer.write(answer + b"\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard
