"""Intake as tests run it: in this process behind httpx, or as a process that can be killed."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.local.ports import free_port
from deploy.local.timeouts import scaled
from services.intake.main import build
from services.intake.settings import IntakeSettings
from shared.access.api_keys import make_key
from shared.events import Event, registry
from shared.events.envelope import from_kafka, to_kafka
from tests.support.broker import IDEMPOTENT, SESSION_TIMEOUT_MS

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
ADMIN_TOKEN, ADMIN_KEY = make_key("ops-1")
FIRST_ADMIN = f"ops:ops-1:{ADMIN_KEY.secret_sha256}"
EVERYTHING = [known.name for known in registry if known.door is not None and not known.name.startswith("agency-")]


class Partner:
    """One agency's client."""

    def __init__(self, http: httpx.AsyncClient, agency: str, token: str) -> None:
        self.http = http
        self.agency = agency
        self.headers = {"authorization": f"Bearer {token}"}
        self._number = 0

    def event(self, type: str, data: Any, **attributes: Any) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": f"{self.agency}-{secrets.token_hex(6)}",
            "source": f"/agencies/{self.agency}",
            "type": type,
            "time": "2026-11-20T09:00:00+09:00",
            "data": data,
            **attributes,
        }

    async def send(self, type: str, data: Any, **attributes: Any) -> httpx.Response:
        return await self.post(self.event(type, data, **attributes))

    async def post(self, event: dict[str, Any]) -> httpx.Response:
        return await self.http.post("/events", json=event, headers={**self.headers, "content-type": STRUCTURED})

    async def batch(self, events: list[Any]) -> httpx.Response:
        return await self.http.post("/events", json=events, headers={**self.headers, "content-type": BATCH})

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.http.get(path, params=query, headers=self.headers)

    async def ask(self, path: str, **asked: Any) -> httpx.Response:
        return await self.http.post(path, json=asked, headers=self.headers)

    async def lookup(self, reference: str) -> httpx.Response:
        return await self.http.post("/people/lookup", json={"reference": reference}, headers=self.headers)


async def register(
    admin: Partner,
    agency: str,
    recipient_class: str = "case",
    reads: Sequence[str] = ("journeys", "rejections", "lookup"),
) -> Partner:
    """A new agency with every right that is not the administrator's (``reads`` apart), and its client."""
    token, key = make_key(f"{agency}-1")
    data = {
        "agency": agency,
        "name": {"ko": agency, "en": agency},
        "recipient_class": recipient_class,
        "rights": {
            "emits": EVERYTHING,
            "reads": list(reads),
            "receives": recipient_class in ("case", "service"),
        },
        "keys": [{"key_id": key.key_id, "secret_sha256": key.secret_sha256}],
    }
    answer = await admin.send("agency-registered", data)
    assert answer.status_code in (202,), answer.text
    partner = Partner(admin.http, agency, token)
    for _ in range(50):  # keys are read again when older than a second
        if (await partner.get("/rejections")).status_code != 401:
            break
        await asyncio.sleep(0.1)
    return partner


def settings(kafka: str, mongo_url: str, **more: Any) -> IntakeSettings:
    known = {"kafka_idempotent": IDEMPOTENT, "session_timeout_ms": SESSION_TIMEOUT_MS}
    given = {"profile": "development", **known, **more}
    return IntakeSettings(kafka=kafka, mongo_url=mongo_url, first_admin=FIRST_ADMIN, **given)


@asynccontextmanager
async def intake(chosen: IntakeSettings) -> AsyncIterator[tuple[Any, Partner]]:
    """The application in this process, ready, and the first administrator's client."""
    app = build(chosen)
    async with app.router.lifespan_context(app):
        await asyncio.wait_for(app.state.runtime.ready.wait(), 60)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://intake.invalid") as http:
            yield app.state.runtime, Partner(http, "ops", ADMIN_TOKEN)


class Process:
    """Intake as its own process. `crash_at` names a point of the store at which it is killed once `trigger` exists."""

    def __init__(
        self,
        folder: Path,
        kafka: str,
        mongo_url: str,
        prefix: str,
        *arguments: str,
        crash_at: str | None = None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        self.trigger = folder / "trigger"
        self._log = (folder / f"intake-{self.port}.log").open("wb")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("IEUM_")}
        environment |= {
            "IEUM_PROFILE": "development",
            "IEUM_KAFKA": kafka,
            "IEUM_KAFKA_IDEMPOTENT": str(IDEMPOTENT).lower(),
            "IEUM_SESSION_TIMEOUT_MS": str(SESSION_TIMEOUT_MS),
            "IEUM_MONGO_URL": mongo_url,
            "IEUM_DATABASE": "test_" + folder.name.lower().replace(".", "_")[-30:].strip("_-"),
            "IEUM_TOPIC_PREFIX": prefix,
            "IEUM_PORT": str(self.port),
            "IEUM_FIRST_ADMIN": FIRST_ADMIN,
            "IEUM_LAPSE_SECONDS": "1",
            "CRASH_AT": crash_at or "",
            "TRIGGER": str(self.trigger),
            **(more or {}),
        }
        self.database = environment["IEUM_DATABASE"]
        root = Path(__file__).resolve().parents[3]
        command = [sys.executable, "-m", "services.intake", *arguments]
        if crash_at:
            command = [sys.executable, str(Path(__file__).with_name("crashing.py")), *arguments]
        self._process = subprocess.Popen(
            command, cwd=root, env={**environment, "PYTHONPATH": str(root)}, stdout=self._log, stderr=self._log
        )

    async def ready(self, seconds: float = 60) -> httpx.AsyncClient:
        """A client, once it is ready."""
        http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        end = time.monotonic() + scaled(seconds)
        while time.monotonic() < end and self._process.poll() is None:
            try:
                if (await http.get("/ready")).status_code == 200:
                    return http
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
        await http.aclose()
        raise AssertionError(f"intake did not become ready, see {self._log.name}")

    async def gone(self, seconds: float = 60) -> int:
        """Wait until it has ended; its exit code."""
        return await asyncio.to_thread(self._process.wait, scaled(seconds))

    def kill(self) -> None:
        """End it for certain."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
        self._log.close()


async def on_the_bus(kafka: str, topic: str, seconds: float = 30, at_least: int = 1) -> list[Event[Any]]:
    """Everything in a topic, from its beginning, partition by partition; waits for `at_least` events."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    found: list[Event[Any]] = []
    try:
        consumer.assign([TopicPartition(topic, number) for number in range(4)])
        end = time.monotonic() + scaled(seconds)
        quiet = 0
        while time.monotonic() < end and (len(found) < at_least or quiet < 2):
            records = await consumer.getmany(timeout_ms=500)
            quiet = 0 if records else quiet + 1
            for batch in records.values():
                found += [from_kafka(record.value, list(record.headers)) for record in batch]
    finally:
        await consumer.stop()
    return found


async def say(kafka: str, prefix: str, *events: Event[Any]) -> None:
    """Publish as another service would."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        for event in events:
            key, value, headers = to_kafka(event)
            await producer.send_and_wait(prefix + event.event_type.topic.name, value, key=key, headers=headers)
    finally:
        await producer.stop()
