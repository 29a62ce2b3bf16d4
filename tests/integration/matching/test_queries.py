"""No query of matching costs more when more is kept: the whole flow on a small and on a large store, with the
database's profiler on."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.matching.parts import NOON, Setup, agency, client, eventually, told
from tests.support.matching import numbered, random_opening, random_person
from tests.support.profiler import watched

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
