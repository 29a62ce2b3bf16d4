"""What an administrator asks before matching's database, put back from a copy, begins."""

from __future__ import annotations

from typing import Any

import pytest

from services.notifications.admin_commands import COMMANDS
from shared.kit.runtime.admin_commands import store_beside
from tests.integration.notifications.parts import Setup

pytestmark = pytest.mark.integration


async def test_it_is_the_highest_number_that_is_held_and_0_for_none(
    kafka: str, mongo_url: str, database: Any, topic_prefix: str
) -> None:
    settings = Setup(kafka, mongo_url, database.name, topic_prefix).settings()
    async with store_beside(settings) as store:
        assert await COMMANDS["highest-match"](store, settings) == "0"
        await database.matches.insert_many([{"_id": "a", "sequence": 9}, {"_id": "b", "sequence": 12}])
        assert await COMMANDS["highest-match"](store, settings) == "12"
