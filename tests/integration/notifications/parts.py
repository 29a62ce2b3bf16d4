"""A whole notifications service in this process, the events it lives on, and partners on the loopback."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from fastapi import FastAPI
from motor.motor_asyncio import AsyncIOMotorClient
from standardwebhooks.webhooks import Webhook

from services.notifications.channels.webhook_signing import new_secret
from services.notifications.main import build
from services.notifications.settings import NotificationsSettings
from shared.access.api_keys import make_key
from shared.events import Event
from shared.events.envelope import from_kafka, to_kafka
from tests.support.broker import IDEMPOTENT, SESSION_TIMEOUT_MS
from tests.support.waiting import eventually
from tests.unit.notifications.world import agency_of, hexid, match_of, person_of

QUICK = (0.0, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2)


async def stored(app: Any, count: int, collection: str = "deliveries", **query: Any) -> bool:
    """Whether the service keeps so many of these, or more."""
    return bool(await app.state.database[collection].count_documents(query) >= count)


class Setup:
    """Where everything of one test lives."""

    def __init__(self, kafka: str, mongo_url: str, database: str, prefix: str) -> None:
        self.kafka, self.mongo_url, self.database, self.prefix = kafka, mongo_url, database, prefix
        self.connection: dict[str, Any] = {"bootstrap_servers": kafka}  # of what this test itself says and reads
        self.tokens: dict[str, str] = {}

    def settings(self, **changes: Any) -> NotificationsSettings:
        values: dict[str, Any] = {
            "profile": "development",
            "kafka": self.kafka,
            "mongo_url": self.mongo_url,
            "database": self.database,
            "port": 0,
            "topic_prefix": self.prefix,
            "kafka_idempotent": IDEMPOTENT,
            "session_timeout_ms": SESSION_TIMEOUT_MS,
            "retry_schedule": QUICK,
            "deadline_seconds": 2,
            "breaker_seconds": 0.05,
            "breaker_longest_seconds": 0.2,
        }
        return NotificationsSettings(**(values | changes))

    @asynccontextmanager
    async def running(self, **changes: Any) -> AsyncIterator[FastAPI]:
        """``state.database``: for the test's own looks, which are none of the service's (conftest.py)."""
        app = build(self.settings(**changes))
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(self.mongo_url, tz_aware=True)
        app.state.database = client[self.database]
        async with app.router.lifespan_context(app):
            yield app
        client.close()

    async def publish(self, *events: Event[Any]) -> dict[tuple[str, int], int]:
        """Say these in order; by topic and partition, the last offset."""
        ends: dict[tuple[str, int], int] = {}
        producer = AIOKafkaProducer(**self.connection, acks="all")
        try:
            await producer.start()
            for event in events:
                key, value, headers = to_kafka(event)
                topic = event.event_type.topic.name
                sent = await producer.send_and_wait(self.prefix + topic, value, key=key, headers=headers)
                ends[topic, sent.partition] = sent.offset
        finally:
            await producer.stop()
        return ends

    async def outcomes(self) -> list[Event[Any]]:
        """Everything on `deliveries`, repeats left out."""
        consumer = AIOKafkaConsumer(**self.connection, enable_auto_commit=False, auto_offset_reset="earliest")
        await consumer.start()
        try:
            parts = [TopicPartition(f"{self.prefix}deliveries", number) for number in range(4)]
            consumer.assign(parts)
            ends = await consumer.end_offsets(parts)
            found: dict[str, Event[Any]] = {}
            for part in parts:
                while await consumer.position(part) < ends[part]:
                    for record in (await consumer.getmany(part, timeout_ms=1_000)).get(part, []):
                        event = from_kafka(record.value, record.headers)
                        found.setdefault(event.id, event)
            return list(found.values())
        finally:
            await consumer.stop()

    # --- things to say

    def agency(
        self, name: str, recipient_class: str = "service", receives: bool = True, sequence: int = 1
    ) -> Event[Any]:
        state = agency_of(name, recipient_class, receives)
        token, key = make_key(f"{name}-{sequence}")
        self.tokens[name] = token
        return event("agency-registered", state.model_copy(update={"keys": (key,)}), name, sequence)


def event(type: str, data: Any, key: str, sequence: int) -> Event[Any]:
    now = datetime.now(UTC)
    return Event(
        id=hexid(type, key, sequence, secrets.token_hex(4)),
        source="/services/intake",
        type=type,
        version=1,
        time=now,
        key=key,
        data=data,
        sequence=sequence,
        correlationid=hexid("correlation", type, key, sequence),
        recordedtime=now,
    )


def person(name: str, *notice: str, sequence: int = 1, **state: Any) -> Event[Any]:
    return event("person-updated", person_of(name, notice, **state), hexid("person", name), sequence)


def match(name: str, opportunity: str, sequence: int = 1, **state: Any) -> Event[Any]:
    told = match_of(name, opportunity, **state)
    type = "match-withdrawn" if told.state == "withdrawn" else "match-found"
    return event(type, told, hexid("person", name), sequence)


class Client(httpx.AsyncClient):
    """One agency's calls: without a socket to an application of this process, else to ``base``."""

    def __init__(self, app: FastAPI | None, token: str | None, base: str = "http://notifications") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.ASGITransport(app) if app is not None else None
        super().__init__(transport=transport, base_url=base, headers=headers, timeout=60, trust_env=False)

    async def subscribed(self, channel: str, url: str | None = None, **options: Any) -> dict[str, Any]:
        """Subscribe as soon as key and topic are known; a webhook with a secret of its own: it begins at once."""
        secret = new_secret() if channel == "webhook" else None
        wanted = {"channel": channel} | ({"url": url} if url else {}) | ({"secret": secret} if secret else {})
        wanted |= options

        async def asked() -> httpx.Response | None:
            try:
                answer = await self.post("/subscriptions", json=wanted)
            except httpx.ConnectError:  # the process is still starting
                return None
            # a topic that was made just now is not yet known to all of Apache Kafka
            return None if answer.status_code == 401 or "topic-not-ready" in answer.text else answer

        answer = await eventually(asked)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made | {"secret": secret}


Answering = Callable[["Request"], Awaitable[bytes | None]]
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


def answer_of(status: int, *headers: str, body: bytes = b"") -> bytes:
    head = "".join(f"{line}\r\n" for line in (*headers, f"content-length: {len(body)}"))
    return f"HTTP/1.1 {status} x\r\n{head}\r\n".encode() + body


@dataclass
class Request:
    """One request as it came over the wire."""

    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter
    method: str = "POST"
    at: float = field(default_factory=time.monotonic)

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Partner:
    """A partner's endpoint, down to the bytes. ``answer`` gives them (None: hang up), for one request."""

    def __init__(self, answer: Answering | None = None, host: str = "127.0.0.1") -> None:
        self._host = host
        self.requests: list[Request] = []
        self.connections = 0
        self.back = True  # for answers that begin badly
        self._answer = answer or self._ok
        self._server: asyncio.Server | None = None
        self.port = 0

    @staticmethod
    async def _ok(request: Request) -> bytes:
        return OK

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self.port}/hook"

    @property
    def told(self) -> list[dict[str, Any]]:
        return [request.event for request in self.requests if request.method == "POST"]

    def verify(self, secret: str) -> None:
        """Every request so far is signed by this secret, over exactly the bytes that came."""
        for request in self.requests:
            Webhook(secret).verify(request.body, request.headers)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").split("\r\n")
                headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                request = Request(headers, body, writer, first.partition(" ")[0])
                self.requests.append(request)
                answer = await self._answer(request)
                if answer is None:
                    writer.transport.abort()
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def child(setup: Setup, port: int, **changes: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service as a process of its own, which is killed at the end if it has not ended before."""
    changes = {"deadline_seconds": 30, "log_level": "error"} | changes
    settings = setup.settings(**changes).model_dump()
    wanted = {"profile", "kafka", "mongo_url", "database", "topic_prefix", "kafka_idempotent", "session_timeout_ms"}
    variables = {f"IEUM_{name.upper()}": str(settings[name]) for name in {*wanted, *changes}}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IEUM_")}
    environment |= variables | {"IEUM_PORT": str(port)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.notifications", env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def states(app: Any, **query: Any) -> Counter[str]:
    """How many deliveries there are in each state."""
    return Counter([d["state"] async for d in app.state.database.deliveries.find(query)])


async def all_ended(app: Any, count: int = 1, **query: Any) -> bool:
    """Whether there are so many, and all of them have ended."""
    found = await states(app, **query)
    return sum(found.values()) >= count and set(found) <= {"delivered", "failed", "dropped"}
