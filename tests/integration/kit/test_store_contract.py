"""The real store keeps what the one in memory promises to unit tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from shared.kit.kafka.settings import KafkaSettings
from shared.kit.kafka.topics import Topics
from shared.kit.store.outbox import Outbox
from shared.kit.store.store import Store
from tests.integration.kit.parts import CODEC
from tests.support.store_contract import THINGS, StoreContract, Subject

pytestmark = pytest.mark.integration


class TestStore(StoreContract):
    @pytest_asyncio.fixture(loop_scope="session")
    async def subject(self, database: Any) -> AsyncIterator[Subject]:
        topics = Topics(KafkaSettings(bootstrap="127.0.0.1:1", instance="test-1"))
        store = Store(database, Outbox(database, topics, CODEC))  # not started: rows stay in the database
        await store.start()

        async def things() -> dict[str, dict[str, Any]]:
            return {each["_id"]: each async for each in database[THINGS].find()}

        async def said() -> list[str]:
            rows = [row async for row in database.outbox.find().sort("_id", 1)]
            return [bytes(event["k"]).decode() for row in rows for event in row["events"]]

        yield Subject(store, things, said)
        await store.stop()
