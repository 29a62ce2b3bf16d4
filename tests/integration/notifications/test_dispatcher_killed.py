"""A dispatcher that is killed, and two of them at once, with the whole service running."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections import Counter

import httpx
import pytest

from tests.integration.notifications.parts import (
    OK,
    Client,
    Partner,
    Request,
    Setup,
    all_ended,
    match,
    person,
    until,
)
from tests.unit.notifications.world import holding

pytestmark = pytest.mark.integration


class TestCrash:
    async def test_killed_between_send_and_write_the_notice_comes_again_with_the_same_id(self, setup: Setup) -> None:
        reached = asyncio.Event()

        async def first_hangs(request: Request) -> bytes | None:
            if reached.is_set():
                return OK
            reached.set()
            await asyncio.sleep(20)  # the process is killed before it hears the answer
            return None

        port = _free_port()
        async with Partner(first_hangs) as partner:
            child = await _started(setup, port)
            try:
                await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
                async with Client(None, setup.tokens["gjf"], f"http://127.0.0.1:{port}") as gjf:
                    made = await gjf.subscribed("webhook", partner.url)
                    await asyncio.wait_for(reached.wait(), 30)
            finally:
                child.kill()
                await child.wait()
            child = await _started(setup, port)
            try:
                await until(lambda: len(partner.requests) >= 2)
                async with Client(None, setup.tokens["gjf"], f"http://127.0.0.1:{port}") as gjf:
                    await until(lambda: _delivered(gjf))
            finally:
                child.terminate()
                await child.wait()
            assert len(partner.requests) == 2
            assert {e["id"] for e in partner.told} == {partner.told[0]["id"]}
            partner.verify(made["secret"])

    async def test_what_may_have_left_before_a_crash_is_recalled_when_consent_ends(self, setup: Setup) -> None:
        reached = asyncio.Event()

        async def hangs(request: Request) -> bytes | None:
            if request.event["type"] == "recall":
                return OK
            reached.set()
            await asyncio.sleep(20)
            return None

        port = _free_port()
        async with Partner(hangs) as partner:
            child = await _started(setup, port)
            try:
                await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
                async with Client(None, setup.tokens["gjf"], f"http://127.0.0.1:{port}") as gjf:
                    await gjf.subscribed("webhook", partner.url)
                    await asyncio.wait_for(reached.wait(), 30)
            finally:
                child.kill()
                await child.wait()
            await setup.publish(person("a", sequence=2))
            async with setup.running() as app:
                await until(lambda: partner.told[-1]["type"] == "recall")
                await until(lambda: all_ended(app, 2))


class TestTwoDispatchers:
    async def test_no_delivery_is_sent_by_both(self, setup: Setup) -> None:
        async def slow(request: Request) -> bytes:
            await asyncio.sleep(0.01)
            return OK

        names = [f"p{n}" for n in range(60)]
        async with (
            Partner(slow) as partner,
            setup.running(instance="notifications-1") as one,
            setup.running(instance="notifications-2"),
        ):
            await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in names))
            async with Client(one, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("webhook", partner.url)
                await setup.publish(*(match(name, "x") for name in names))
                await until(lambda: all_ended(one, 60))
                assert Counter(e["id"] for e in partner.told).most_common(1)[0][1] == 1
                assert len(holding(partner.told)) == 60


async def _delivered(client: Client) -> bool:
    try:
        found = (await client.get("/deliveries")).json()["deliveries"]
    except httpx.ConnectError:  # the process is still starting
        return False
    return bool(found) and all(d["state"] == "delivered" for d in found)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _started(setup: Setup, port: int) -> asyncio.subprocess.Process:
    """The service as a process of its own."""
    settings = {
        "profile": "development",
        "kafka": setup.kafka,
        "mongo_url": setup.mongo_url,
        "database": setup.database,
        "topic_prefix": setup.prefix,
        "port": port,
        "session_timeout_ms": setup.settings().session_timeout_ms,
        "deadline_seconds": 30,
        "log_level": "error",
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IEUM_")}
    environment |= {f"IEUM_{name.upper()}": str(value) for name, value in settings.items()}
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "services.notifications", env=environment)
