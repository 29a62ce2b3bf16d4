"""A service of notifications as its integration tests have it, for those that kill or measure its process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from tests.integration.notifications.parts import Setup


@pytest_asyncio.fixture(loop_scope="session")
async def setup(kafka: str, mongo_url: str, database: Any, topic_prefix: str) -> AsyncIterator[Setup]:
    """On the real broker and database."""
    yield Setup(kafka, mongo_url, database.name, topic_prefix)
