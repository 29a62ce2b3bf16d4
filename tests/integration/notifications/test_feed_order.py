"""What stands behind a cursor was read: the feed's order of positions against transactions that commit meanwhile."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorDatabase

from services.notifications.documents import DELIVERIES, FEED, POSTED, SERVED
from services.notifications.indexes_and_retention import FEED_ORDER, INDEXES, UNREAD
from services.notifications.repository import Repository
from shared.kit.store.mongo import ensure_indexes

pytestmark = pytest.mark.integration

COMMITS, IN_ONE = 60, 120
Database = AsyncIOMotorDatabase[Mapping[str, Any]]


@pytest.fixture
async def repository(database: Any) -> Repository:
    await ensure_indexes(database, INDEXES)
    return Repository(database)


def entry(position: int, **changes: Any) -> dict[str, Any]:
    # a random id, as in life: read in the order of ids, what is committed meanwhile lies before as often as behind
    return {
        "_id": secrets.token_hex(16),
        "recipient": "gjf",
        "notice": secrets.token_hex(16),
        "position": position,
        "channel": FEED,
        "about": "notice",
        "state": POSTED,
        "thread": "t",
        "opportunity": "o",
        **changes,
    }


async def commit(database: Any, first: int, count: int) -> None:
    async with await database.client.start_session() as session, session.start_transaction():
        entries = [entry(position) for position in range(first, first + count)]
        await database[DELIVERIES.name].insert_many(entries, session=session)


async def test_a_reader_that_races_with_commits_sees_every_position_once_and_in_order(
    repository: Repository, database: Any
) -> None:
    seen: list[int] = []

    async def write() -> None:
        for number in range(COMMITS):
            await commit(database, 1 + number * IN_ONE, IN_ONE)

    async def read(limit: int) -> None:
        for _ in range(2_000):
            found = await repository.feed_after("gjf", seen[-1] if seen else 0, limit)
            seen.extend(document["position"] for document in found)
            if len(seen) >= COMMITS * IN_ONE:
                return

    await asyncio.gather(write(), read(limit=5_000))
    assert seen == list(range(1, COMMITS * IN_ONE + 1))


async def test_both_ways_of_reading_the_feed_look_only_at_what_they_give(repository: Repository, database: Any) -> None:
    """Else a page costs more the longer the feed is: 40,000 entries behind the cursor were looked at for each."""
    before = [entry(position, state="delivered") for position in range(1, 501)]
    await database[DELIVERIES.name].insert_many([*before, *(entry(n, state=SERVED) for n in range(501, 511))])
    after = {"recipient": "gjf", "position": {"$gt": 500}}
    confirmed = {
        "recipient": "gjf",
        "about": {"$in": ["notice", "recall"]},
        "state": SERVED,
        "position": {"$lte": 510},
    }
    for query, index in ((after, FEED_ORDER), (confirmed, UNREAD)):
        cursor = database[DELIVERIES.name].find(query).hint(index).sort("position", 1).limit(20)
        looked = (await cursor.explain())["executionStats"]["totalDocsExamined"]
        assert looked == 10
    assert len(await repository.feed_after("gjf", 500, 20)) == 10
    assert len(await repository.served_until("gjf", 510, 20)) == 10
