"""One partner for each channel, all behind one face: what it hears, and a switch to be away."""

from __future__ import annotations

import asyncio
import contextlib
import json
from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from services.notifications import main
from services.notifications.channels.mail import digest
from tests.integration.notifications.parts import OK, Client, Partner, answer_of
from tests.support.mail_server import MailServer


class Driver(ABC):
    """``heard``: every event that reached it, in the order in which it came. Made before the service runs, because the
    service may have to know of it (``settings``)."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.away = False
        self.subscription = ""

    @property
    def settings(self) -> dict[str, Any]:
        """What the service must be told."""
        return {}

    async def __aenter__(self) -> Driver:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    @abstractmethod
    async def begin(self, client: Client) -> None:
        """Subscribe, and listen."""

    async def go(self) -> None:
        """Be away from now on: nothing is taken."""
        self.away = True

    async def back(self, client: Client) -> None:
        """Listen again."""
        self.away = False


class WebhookDriver(Driver):
    """Answers 204, or 503 while it is away."""

    def __init__(self) -> None:
        super().__init__()
        self._partner = Partner(self._answer)

    async def _answer(self, request: Any) -> bytes:
        if self.away:
            return answer_of(503)
        self.heard.append(request.event)
        return OK

    async def __aenter__(self) -> Driver:
        await self._partner.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._partner.__aexit__(*error)

    async def begin(self, client: Client) -> None:
        """With the address of a server of its own."""
        self.subscription = (await client.subscribed("webhook", self._partner.url))["subscription"]


class _Listening(Driver):
    """One that comes to us: a task that listens for as long as it is not away."""

    _task: asyncio.Task[None] | None = None

    async def begin(self, client: Client) -> None:
        """Its feed, read at once."""
        self.subscription = (await client.subscribed("feed"))["subscription"]
        self._task = asyncio.create_task(self._listen(client))

    async def go(self) -> None:
        """Whatever is under way is cut off."""
        self.away = True
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def back(self, client: Client) -> None:
        """With what it remembers."""
        self.away = False
        self._task = asyncio.create_task(self._listen(client))

    async def __aexit__(self, *_: object) -> None:
        await self.go()

    @abstractmethod
    async def _listen(self, client: Client) -> None:
        """For ever."""


class FeedDriver(_Listening):
    """Long polls, with a cursor of its own."""

    _cursor: str | None = None

    async def _listen(self, client: Client) -> None:
        while True:
            after = {"after": self._cursor} if self._cursor else {}
            answer = await client.get("/feed", params={"wait": 1, "limit": 3} | after)
            if answer.status_code != 200:
                await asyncio.sleep(0.1)
                continue
            page = answer.json()
            self.heard += page["events"]
            self._cursor = page["cursor"]


class PlaceDriver(_Listening):
    """Long polls without any cursor of its own: it acknowledges, and goes on from its place on the server."""

    async def _listen(self, client: Client) -> None:
        while True:
            answer = await client.get("/feed", params={"wait": 1, "limit": 3, "after": "last"})
            if answer.status_code != 200:
                await asyncio.sleep(0.1)
                continue
            if events := answer.json()["events"]:
                self.heard += events
                await client.post("/acknowledgements", json={"notices": [event["id"] for event in events]})


class StreamDriver(_Listening):
    """Server-sent events; short ones, so that it resumes often. The transport without sockets gives them at the end."""

    _last_id: str | None = None

    async def _listen(self, client: Client) -> None:
        while True:
            headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
            answer = await client.get("/feed/stream", params={"seconds": 1}, headers=headers)
            if answer.status_code != 200:
                await asyncio.sleep(0.1)
                continue
            for line in answer.text.splitlines():
                name, _, value = line.partition(": ")
                if name == "data":
                    self.heard.append(json.loads(value))
                elif name == "id":
                    self._last_id = value


class MailDriver(Driver):
    """A mailbox, behind a mail server that puts everything off while it is away."""

    channel = "email"

    def __init__(self) -> None:
        super().__init__()
        self._server = MailServer()

    @property
    def settings(self) -> dict[str, Any]:
        """The mail server."""
        return {
            "smtp_host": "127.0.0.1",
            "smtp_port": self._server.port,
            "smtp_security": "none",
            "mail_sender": "notices@ieum.example",
        }

    async def __aenter__(self) -> Driver:
        self._server.on_taken = self._take
        self._server.__enter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.__exit__(*error)

    def _take(self, received: Any) -> None:
        for attached in received.mail.iter_attachments():
            self.heard += json.loads(attached.get_content())

    async def begin(self, client: Client) -> None:
        """With an address."""
        self.subscription = (await client.subscribed(self.channel, "mailto:jobs@partner.example"))["subscription"]

    async def go(self) -> None:
        """The server takes nothing."""
        self.away, self._server.at_recipient = True, "451 4.3.0 come later"

    async def back(self, client: Client) -> None:
        """It takes everything."""
        self.away, self._server.at_recipient = False, None


class DigestDriver(MailDriver):
    """The same, with a day of a third of a second."""

    channel = "email-digest"

    async def __aenter__(self) -> Driver:
        self._patched = contextlib.ExitStack()
        self._patched.enter_context(patch.object(digest, "LOOK_SECONDS", 0.1))
        self._patched.enter_context(patch.object(main, "next_window", lambda after, *_: after + timedelta(seconds=0.3)))
        return await super().__aenter__()

    async def __aexit__(self, *error: object) -> None:
        self._patched.close()
        await super().__aexit__(*error)


DRIVERS: dict[str, type[Driver]] = {
    "webhook": WebhookDriver,
    "feed": FeedDriver,
    "feed without a cursor": PlaceDriver,
    "server-sent events": StreamDriver,
    "e-mail": MailDriver,
    "digest": DigestDriver,
}
