"""No query of matching costs more when more is kept: the whole flow on a small and on a large store, with the
database's profiler on."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from services.matching.documents import OPPORTUNITIES
from services.matching.indexes_and_retention import INDEXES, NEWEST_OPEN
from services.matching.repository import Repository, taking_people
from tests.integration.matching.parts import NOON, Setup, agency, client, told
from tests.support.matching import numbered, random_opening, random_person
from tests.support.profiler import watched
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration
SMALL, LARGE = 10, 60  # people; and half as many openings


@pytest.mark.parametrize("count", [SMALL, LARGE])
async def test_no_query_examines_more_than_it_gives(
    kafka: str, mongo_url: str, database: Any, topic_prefix: str, count: int
) -> None:
    setup, dice = Setup(kafka, mongo_url, database.name, topic_prefix), random.Random(11)
    people, openings = (
        [random_person(n, dice) for n in range(count)],
        [random_opening(n, dice) for n in range(count // 2)],
    )
    token, hanawon = agency("hanawon", recipient_class="case")
    days = [0]

    async def all_known() -> bool:
        known = [await database[name].count_documents({}) for name in ("people", "opportunities", "agencies")]
        return known == [count, count // 2, 1]

    async def all_gone() -> bool:
        return bool(await database.matches.count_documents({"standing": True}) == 0)

    async with watched(database) as seen:
        async with setup.running(now=lambda: NOON + timedelta(days=days[0])) as app:
            await setup.publish(told(hanawon), *map(told, people), *map(told, openings))
            await eventually(all_known)
            async with client(app, token) as http:
                for person in people[:5]:
                    alias = next((a.alias for a in person.aliases if a.agency == "hanawon"), numbered(1))
                    for opening in openings[:2]:
                        await http.get(f"/people/{alias}/matches")
                        await http.get(f"/opportunities/{opening.opportunity}/matches")
                        await http.get(f"/people/{alias}/opportunities/{opening.opportunity}")
            days[0] = 1
            await asyncio.sleep(1)
        async with setup.running():  # a start with everything there
            await setup.publish(*(told(person.model_copy(update={"status": "left"}), 2) for person in people))
            await eventually(all_gone)
            days[0] = 60
            await asyncio.sleep(6)  # every loop looks at least once
    assert not seen.violations(), "\n".join(seen.violations())
    assert {"people", "opportunities", "matches", "agencies", "outbox"} <= seen.collections


async def test_the_newest_openings_are_those_that_are_open_however_many_closed_since(database: Any) -> None:
    """Else nobody is told of any after a bulk closing: the newest changes are all closings."""

    def kept(number: int, **changes: Any) -> dict[str, Any]:
        return {"_id": numbered(number), "revision": number, "open": True, "last_day": None, **changes}

    day = NOON.date()
    ended = [kept(number, last_day=(day - timedelta(days=1)).isoformat()) for number in range(21, 25)]
    closed = [kept(number, open=False) for number in range(121, 521)]
    collection = database[OPPORTUNITIES]
    await collection.create_indexes(INDEXES[OPPORTUNITIES])
    await collection.insert_many(
        [kept(1), kept(2, last_day=day.isoformat()), *map(kept, range(3, 21)), *ended, *closed]
    )
    repository = Repository(database)
    assert await repository.newest_open(day, 3) == [(numbered(number), number) for number in (20, 19, 18)]
    assert {revision for _, revision in await repository.newest_open(day, 600)} == set(range(1, 21))
    cursor = collection.find(taking_people(day), {"revision": 1}).hint(NEWEST_OPEN).sort("revision", -1).limit(10)
    looked = (await cursor.explain())["executionStats"]
    # those whose last day has passed and that are not closed yet are looked at, the closed ones are not
    assert (looked["totalDocsExamined"], looked["nReturned"]) == (10 + len(ended), 10)
