"""One partner for each channel, all behind one face: what it hears, and a switch to be away. And what the service must
have around it to tell anybody by that channel."""

from __future__ import annotations

import asyncio
import contextlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Self
from unittest.mock import patch

from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient

from deploy.local.apache.broker import ApacheBroker
from deploy.rights.acls import Rule, all_rules
from deploy.rights.kafka_admin import add, apply, remove
from deploy.rights.login import ADMIN, Login
from deploy.rights.own_topics import provide
from deploy.rights.partner import Partner as PartnerOfKafka
from services.notifications import main
from services.notifications.channels.mail import digest
from shared.kit.kafka.settings import KafkaSecurity, KafkaSettings
from shared.kit.kafka.topics import Topics
from tests.integration.notifications.parts import OK, Client, Partner, Setup, answer_of
from tests.support.mail_server import MailServer, Received


class Surroundings:
    """What is there before the service runs, for all partners of one channel. Most channels need nothing."""

    @property
    def settings(self) -> dict[str, Any]:
        """What the service must be told."""
        return {}

    async def prepare(self, setup: Setup) -> None:
        """What an operator has to do for it."""
        return

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


class MailSurroundings(Surroundings):
    """A mail server."""

    def __init__(self) -> None:
        self.server = MailServer()

    @property
    def settings(self) -> dict[str, Any]:
        """Where it is."""
        return {
            "smtp_host": "127.0.0.1",
            "smtp_port": self.server.port,
            "smtp_security": "none",
            "mail_sender": "notices@ieum.example",
        }

    async def __aenter__(self) -> Self:
        self.server.__enter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.server.__exit__(*error)


class DigestSurroundings(MailSurroundings):
    """The same, with a day of a third of a second."""

    async def __aenter__(self) -> Self:
        self._patched = contextlib.ExitStack()
        self._patched.enter_context(patch.object(digest, "LOOK_SECONDS", 0.1))
        self._patched.enter_context(patch.object(main, "next_window", lambda after, *_: after + timedelta(seconds=0.3)))
        return await super().__aenter__()

    async def __aexit__(self, *error: object) -> None:
        self._patched.close()
        await super().__aexit__(*error)


class ApacheSurroundings(Surroundings):
    """An Apache Kafka with users, in place of the broker of the run."""

    def __init__(self, broker: ApacheBroker) -> None:
        self.broker = broker
        self.prefix = ""

    @property
    def admin(self) -> dict[str, Any]:
        """How an operator comes to it."""
        return self.broker.login(ADMIN).arguments

    @property
    def settings(self) -> dict[str, Any]:
        """The broker, as notifications."""
        login = self.broker.login("notifications")
        return {
            "kafka": login.address,
            "kafka_security_protocol": "SASL_PLAINTEXT",
            "kafka_user": login.user,
            "kafka_password": login.password,
            "kafka_idempotent": True,
        }

    async def prepare(self, setup: Setup) -> None:
        """Rights of the services under this prefix, and topics."""
        setup.connection, self.prefix = self.admin, setup.prefix
        await apply(self.admin, {}, all_rules(setup.prefix))
        intake = KafkaSettings(**admin_of_kit(self.admin), instance="intake-1", prefix=setup.prefix)
        topics = Topics(intake)
        await topics.start(["people", "matches", "agencies", "prohibitions"])
        await topics.stop()


class Driver(ABC):
    """One agency that is told by a channel. ``heard``: every event that reached it, in the order in which it came."""

    def __init__(self, surroundings: Any, agency: str) -> None:
        self.heard: list[dict[str, Any]] = []
        self.agency = agency
        self.away = False
        self.subscription = ""

    async def __aenter__(self) -> Self:
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

    def __init__(self, surroundings: Any, agency: str) -> None:
        super().__init__(surroundings, agency)
        self._partner = Partner(self._answer)

    async def _answer(self, request: Any) -> bytes:
        if self.away:
            return answer_of(503)
        self.heard.append(request.event)
        return OK

    async def __aenter__(self) -> Self:
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
            after: dict[str, Any] = {"after": self._cursor} if self._cursor else {}
            answer = await client.get("/feed", params={"wait": 1, "limit": 3, **after})
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


class FilesDriver(_Listening):
    """A file per day, fetched again and again; what it has it says with the file's ETag."""

    def __init__(self, surroundings: Any, agency: str) -> None:
        super().__init__(surroundings, agency)
        self._etags: dict[str, str] = {}

    async def _listen(self, client: Client) -> None:
        while True:
            listed = await client.get("/files", params={"limit": 2})
            for day in reversed(listed.json()["days"]) if listed.status_code == 200 else ():
                await self._fetch(client, day["files"][0]["name"])
            await asyncio.sleep(0.1)

    async def _fetch(self, client: Client, name: str) -> None:
        known = {"If-None-Match": self._etags[name]} if name in self._etags else {}
        answer = await client.get(f"/files/{name}", headers=known)
        if answer.status_code == 200:
            had = {event["id"] for event in self.heard}
            self.heard += [event for line in answer.text.splitlines() if (event := json.loads(line))["id"] not in had]
            self._etags[name] = answer.headers["etag"]


class MailDriver(Driver):
    """A mailbox, behind a mail server that puts everything off while it is away."""

    channel = "email"

    def __init__(self, surroundings: MailSurroundings, agency: str) -> None:
        super().__init__(surroundings, agency)
        self._server, self._address = surroundings.server, f"{agency}@partner.example"

    async def __aenter__(self) -> Self:
        self._server.on_taken = self._take
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.on_taken = self._server.at_recipient = None

    def _take(self, received: Received) -> None:
        if received.to == [self._address]:
            for attached in received.mail.iter_attachments():
                self.heard += json.loads(attached.get_content())

    async def begin(self, client: Client) -> None:
        """With an address."""
        self.subscription = (await client.subscribed(self.channel, f"mailto:{self._address}"))["subscription"]

    async def go(self) -> None:
        """The server takes nothing."""
        self.away, self._server.at_recipient = True, "451 4.3.0 come later"

    async def back(self, client: Client) -> None:
        """It takes everything."""
        self.away, self._server.at_recipient = False, None


class DigestDriver(MailDriver):
    """The same, once a day."""

    channel = "email-digest"


PASSWORD = "5ec7e7" * 8


class TopicDriver(Driver):
    """A topic of its own on an Apache Kafka with users, read with its own credentials in its own group. It is away
    while we may not write there."""

    def __init__(self, surroundings: ApacheSurroundings, agency: str) -> None:
        super().__init__(surroundings, agency)
        self._broker, self._prefix = surroundings.broker, surroundings.prefix
        self._partner = PartnerOfKafka(agency, self._prefix)
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """The partner's topic, user and rights, which an operator makes."""
        await provide(self._broker.login(ADMIN).arguments, self._partner, PASSWORD, replication=1)
        return self

    async def begin(self, client: Client) -> None:
        """Subscribe, and read from the start."""
        made = await client.subscribed("topic")
        self.subscription = made["subscription"]
        assert made["url"] == f"kafka:{self._partner.topic}"
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        login = Login(self._broker.address, self._partner.user, PASSWORD)
        async with AIOKafkaConsumer(
            self._partner.topic, **login.arguments, group_id=self._partner.group, auto_offset_reset="earliest"
        ) as consumer:
            async for record in consumer:
                event = json.loads(record.value)
                assert list(record.headers) == [("content-type", b"application/cloudevents+json; charset=UTF-8")]
                assert len(record.value) == 1024
                assert record.key == event["data"]["alias"].encode()
                self.heard.append(event)

    async def go(self) -> None:
        """Nothing can be written."""
        await self._write("remove")
        self.away = True

    async def back(self, client: Client) -> None:
        """It can."""
        await self._write("add")
        self.away = False

    async def _write(self, act: str) -> None:
        client = AIOKafkaClient(**self._broker.login(ADMIN).arguments)
        await client.bootstrap()
        try:
            rule = Rule("notifications", "Topic", f"{self._prefix}partners.", "Write", "Prefixed")
            await (add(client, rule) if act == "add" else remove(client, rule))
        finally:
            await client.close()

    async def __aexit__(self, *error: object) -> None:
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        if self.away:  # the right is everybody's
            await self._write("add")


def admin_of_kit(login: dict[str, Any]) -> dict[str, Any]:
    """A login of the administrator, as the kit is told."""
    security = KafkaSecurity(
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        user=login["sasl_plain_username"],
        password=login["sasl_plain_password"],
    )
    return {"bootstrap": login["bootstrap_servers"], "security": security}


ON_APACHE = "own topic"
CHANNELS: dict[str, tuple[Callable[..., Surroundings], Callable[[Any, str], Driver]]] = {
    ON_APACHE: (ApacheSurroundings, TopicDriver),
    "webhook": (Surroundings, WebhookDriver),
    "feed": (Surroundings, FeedDriver),
    "feed without a cursor": (Surroundings, PlaceDriver),
    "server-sent events": (Surroundings, StreamDriver),
    "files": (Surroundings, FilesDriver),
    "e-mail": (MailSurroundings, MailDriver),
    "digest": (DigestSurroundings, DigestDriver),
}
