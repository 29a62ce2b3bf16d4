"""The day's table of congestion in the running service: made when a day begins, stored, loaded, said to who asks."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from services.matching.repository import Repository
from tests.integration.matching.parts import NOON, PACK, Setup, agency, client, told
from tests.support.matching import TODAY, a_job, a_person, numbered
from tests.support.waiting import eventually
from verification.oracle.matches import matches_of

pytestmark = pytest.mark.integration
PLACES = [code for code in sorted(PACK.codes("region")) if code.startswith("legal-dong-2026:41")]
JOBS = [
    a_job(n, places=1, region=PLACES[n % 4], employer={"number": f"{n:03d}-22-33333"},
          wage={"minimum": 2_200_000 + n * 7_919 % 40 * 10_000})
    for n in range(24)
]  # fmt: skip
ALIAS = {n: numbered(0xC00 + n) for n in range(1, 9)}
PEOPLE = [
    a_person(n, residence=PLACES[n % 3], wants={"kinds": ["job"], "commute_minutes": 90 + 7 * n},
             aliases=[{"agency": "hanawon", "alias": ALIAS[n]}])
    for n in ALIAS
]  # fmt: skip


async def test_the_day_spreads_people_by_a_table_that_a_successor_goes_on_with(
    kafka: str, mongo_url: str, database: Any, topic_prefix: str
) -> None:
    setup, days = Setup(kafka, mongo_url, database.name, topic_prefix), [0]
    token, hanawon = agency("hanawon", recipient_class="case")

    right: list[Any] = [None, set()]  # a table, and the pairs that stand by it

    async def stands() -> set[tuple[str, str]]:
        return {(d["person"], d["opportunity"]) async for d in database.matches.find({"standing": True})}

    async def versions() -> dict[tuple[str, str], int]:
        return {(d["person"], d["opportunity"]): d["sequence"] async for d in database.matches.find({})}

    async def is_right(day: date) -> bool:
        table = await Repository(database).congestion()
        if table is None or table.day != day:
            return False
        if right[0] != table:  # worked out once: the service shares this thread with whoever waits
            right[:] = table, set(matches_of(PEOPLE, JOBS, PACK, day, table.prices))
        return await stands() == right[1]

    tomorrow = TODAY + timedelta(days=1)
    async with setup.running(now=lambda: NOON + timedelta(days=days[0])) as app:
        await setup.publish(told(hanawon), *map(told, JOBS), *map(told, PEOPLE))
        await eventually(lambda: is_right(TODAY))
        before = await stands()
        days[0] = 1
        await eventually(lambda: is_right(tomorrow))
        after = await stands()
        assert len({opening for _, opening in after}) > len({opening for _, opening in before})
        [gone, *_] = sorted(before - after)
        async with client(app, token) as http:
            alias = ALIAS[next(n for n in ALIAS if PEOPLE[n - 1].person == gone[0])]
            why = (await http.get(f"/people/{alias}/opportunities/{gone[1]}")).json()
        assert why["kept"] is False
        assert why["opens"] == [{language: PACK.sentence("open.crowded", language) for language in PACK.languages}]
    made_with = {d["congestion"] async for d in database.matches.find({"standing": True})}
    assert made_with <= {None, TODAY.isoformat(), tomorrow.isoformat()}
    assert tomorrow.isoformat() in made_with
    told_before = await versions()
    async with setup.running("matching-2", now=lambda: NOON + timedelta(days=1)):
        late = a_person(9, residence=PLACES[1])  # in the first, the whole province, nothing is likely
        await setup.publish(told(late))
        await eventually(lambda: database.matches.find_one({"person": late.person, "standing": True}))
        assert await stands() >= after
    assert {pair: told for pair, told in (await versions()).items() if pair[0] != late.person} == told_before
