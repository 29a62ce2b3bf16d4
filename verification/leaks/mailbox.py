"""A mail server that keeps what it is given, a file for each mail, and what is in those files."""

from __future__ import annotations

import itertools
import smtplib
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

from deploy.local.ports import LOOPBACK, free_port

OWNER = "jobs@partner.invalid"


class Mailbox:
    """Of everybody: nothing is refused. In a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._numbers = itertools.count()
        self._controller = Controller(self, hostname=LOOPBACK, port=self.port)

    @property
    def variables(self) -> dict[str, str]:
        """As a service is told."""
        return {
            "IEUM_SMTP_HOST": LOOPBACK,
            "IEUM_SMTP_PORT": str(self.port),
            "IEUM_SMTP_SECURITY": "none",
            "IEUM_MAIL_SENDER": "notices@ieum.invalid",
        }

    def start(self) -> None:
        """Listen."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._controller.start()

    def stop(self) -> None:
        """Safe at any moment."""
        self._controller.stop(no_assert=True)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Asked for each mail."""
        (self.folder / f"{next(self._numbers)}.eml").write_bytes(envelope.content)
        return "250 2.0.0 taken"

    def plant(self, control: bytes) -> None:
        """By a mail, whose attachment is coded as mail programs do."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "control@ieum.invalid", OWNER, "control"
        mail.set_content("control")
        mail.add_attachment(control, maintype="application", subtype="octet-stream")
        with smtplib.SMTP(LOOPBACK, self.port) as client:
            client.send_message(mail)


def mails(folder: Path) -> Iterator[bytes]:
    """Of every mail in the folder the head and each part, decoded: as somebody who opens it sees them. As it came over
    the wire it is found among the files."""
    for path in sorted(folder.glob("*.eml")):
        mail = message_from_bytes(path.read_bytes(), policy=default)
        yield "\n".join(f"{name}: {value}" for name, value in mail.items()).encode()
        for part in mail.walk():
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                yield content
