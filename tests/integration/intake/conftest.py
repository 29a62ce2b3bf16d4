"""One intake for all tests of a file, with a database and topics of its own."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from tests.integration.intake.running import intake, register, settings
from tests.integration.intake.world import World


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(kafka: str, mongo_url: str, mongo: Any) -> AsyncIterator[World]:
    name, prefix = f"test_{secrets.token_hex(6)}", f"t{secrets.token_hex(4)}."
    async with intake(settings(kafka, mongo_url, database=name, topic_prefix=prefix, lapse_seconds=3600)) as (
        runtime,
        admin,
    ):
        world = World()
        world.runtime, world.kafka, world.prefix, world.admin = runtime, kafka, prefix, admin
        world.hanawon = await register(admin, "hanawon")
        world.gjf = await register(admin, "gjf", "service")
        world.khf = await register(admin, "khf")
        yield world
    await mongo.drop_database(name)
