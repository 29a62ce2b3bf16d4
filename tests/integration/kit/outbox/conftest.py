"""A small service that only writes and publishes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from tests.integration.kit.parts import Service


@pytest_asyncio.fixture(loop_scope="session")
async def service(kafka: str, mongo_url: str, database: Any, topic_prefix: str) -> AsyncIterator[Service]:
    made = Service(kafka, mongo_url, database.name, topic_prefix)
    await made.start(stream=False)
    yield made
    await made.stop()
