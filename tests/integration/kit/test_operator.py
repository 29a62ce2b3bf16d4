"""What was set apart can be seen and tried again by an administrator, and by nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from motor.motor_asyncio import AsyncIOMotorDatabase

from shared.access.agencies import AGENCIES, agency_document
from shared.access.api_keys import make_key
from shared.events.topics.agencies import AGENCY_REGISTERED, Agency
from shared.kit.runtime.service_runtime import ServiceRuntime
from tests.support.small_service import SmallSettings, build

pytestmark = pytest.mark.integration


def agency(name: str, administers: bool) -> tuple[dict[str, str], Agency]:
    token, key = make_key(f"{name}-1")
    state = {**AGENCY_REGISTERED.example, "agency": name, "rights": {"administers": administers}, "keys": []}
    made = Agency.model_validate(state, strict=False).model_copy(update={"keys": (key,)})
    return {"authorization": f"Bearer {token}"}, made


@pytest.fixture
async def small(
    kafka: str, mongo_url: str, database: AsyncIOMotorDatabase[dict[str, Any]], topic_prefix: str
) -> AsyncIterator[tuple[httpx.AsyncClient, ServiceRuntime]]:
    there: dict[str, Any] = {
        "kafka": kafka,
        "mongo_url": mongo_url,
        "database": database.name,
        "topic_prefix": topic_prefix,
    }
    settings = SmallSettings(profile="development", **there)
    app = build(settings)
    async with app.router.lifespan_context(app):
        runtime: ServiceRuntime = app.state.runtime
        async with asyncio.timeout(60):
            await runtime.ready.wait()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://small") as client:
            yield client, runtime


async def test_a_bad_record_is_listed_without_its_content_and_stays_apart_when_it_fails_again(
    small: tuple[httpx.AsyncClient, ServiceRuntime], kafka: str, topic_prefix: str
) -> None:
    client, runtime = small
    operator, its_state = agency("operator", administers=True)
    other, other_state = agency("other", administers=False)
    for state in (its_state, other_state):
        await runtime.database[AGENCIES].insert_one(agency_document(state, 1))
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    await producer.send_and_wait(f"{topic_prefix}agencies", b"planted-name is no JSON", key=b"x")
    await producer.stop()
    async with asyncio.timeout(60):
        while not await runtime.quarantine.ids(1):  # noqa: ASYNC110 - the stream works in its own time
            await asyncio.sleep(0.1)

    assert (await client.get("/quarantine", headers=other)).status_code == 403
    assert (await client.post("/quarantine/replay", headers=other, json={})).status_code == 403
    listed = await client.get("/quarantine", headers=operator)
    assert listed.status_code == 200
    assert "planted-name" not in listed.text
    [apart] = listed.json()
    assert (apart["topic"], apart["attempts"]) == ("agencies", 1)

    again = await client.post("/quarantine/replay", headers=operator, json={"ids": [apart["id"]]})
    assert again.json() == {"worked": 0, "still_apart": 1, "unknown": 0}
    assert (await client.get("/quarantine", headers=operator)).json()[0]["attempts"] == 2
    named = {"ids": [apart["id"], apart["id"], "0" * 32, "misspelt"]}
    again = await client.post("/quarantine/replay", headers=operator, json=named)
    assert again.json() == {"worked": 0, "still_apart": 1, "unknown": 2}, "whoever misspells an id is told"


async def test_the_docs_page_names_the_routes_and_loads_nothing_from_elsewhere(
    small: tuple[httpx.AsyncClient, ServiceRuntime],
) -> None:
    page = await small[0].get("/docs")
    assert page.status_code == 200
    assert "/quarantine/replay" in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "<script" not in page.text
