"""One service with a mail server for several tests: each has a corner of it, with addresses that no other test has."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI

from tests.integration.notifications.corner import Corner
from tests.integration.notifications.parts import Setup
from tests.support.mail_server import MailServer, Received

OFTEN = (0.0, *[0.2] * 49)  # a schedule of which nothing is used up while a test waits


def mailing(server: MailServer) -> dict[str, Any]:
    """Settings of a service whose mails go there."""
    return {
        "smtp_host": "127.0.0.1",
        "smtp_port": server.port,
        "smtp_security": "none",
        "mail_sender": "notices@ieum.example",
        "mail_bounces": "bounces@ieum.example",
    }


def told(mails: Iterable[Received]) -> list[dict[str, Any]]:
    """The events in them."""
    return [
        event for each in mails for part in each.mail.iter_attachments() for event in json.loads(part.get_content())
    ]


class Mailed(Corner):
    """``server``: how it answers is forgotten with the test."""

    def __init__(self, setup: Setup, app: FastAPI, server: MailServer) -> None:
        super().__init__(setup, app)
        self.server = server

    def address(self, name: str = "jobs") -> str:
        return f"{self.own(name)}@partner.example"

    def received(self, *names: str) -> list[Received]:
        """What came to these of its addresses, or to any."""
        own = {self.address(name) for name in names}
        ending = self.address("")
        return [each for each in self.server.received if (each.to[0] in own if names else each.to[0].endswith(ending))]

    def told(self) -> list[dict[str, Any]]:
        """The events in all mails to its addresses."""
        return told(self.received())

    async def become_due(self, now: Any, **query: Any) -> None:
        """All that is kept for its agencies and not asked otherwise."""
        await self.app.state.database.deliveries.update_many(self.kept(**query), {"$set": {"due": now}})
