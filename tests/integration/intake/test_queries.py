"""No query of intake costs more when more is kept: the whole flow on a small and on a large store, with the database's
profiler on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.events import Event, registry
from tests.integration.intake.running import Partner, intake, register, say, settings
from tests.integration.intake.world import graduate
from tests.support.profiler import watched
from tests.support.waiting import eventually
from tests.unit.intake.memory import example, today

pytestmark = pytest.mark.integration
ALLOWED = (
    # a journey counts what followed from one event: it grows with that, not with the store, and has 5 s
    "command steps [{'$match': {'correlationid':",
    # how many consents end soon: counted by the index, once a day
    "command people [{'$match': {'ends':",
)
SMALL, LARGE = 20, 200  # people, openings and refusals


def _consents(n: int) -> list[dict[str, Any]]:
    until = today() if n % 10 == 5 else today(100)
    return [{"purpose": "matching", "until": until}, {"purpose": "notice", "recipient": "gjf", "until": until}]


async def _at_the_door(hanawon: Partner, gjf: Partner, count: int) -> list[str]:
    """Everything an agency may send, and what it may read; the receipts."""
    receipts: list[str] = []
    events = [hanawon.event("trainee-graduated", graduate(f"R-{n}", consents=_consents(n))) for n in range(count)]
    for n in range(0, count, 50):
        answers = (await hanawon.batch(events[n : n + 50])).json()["results"]
        receipts += [answer["receipt"] for answer in answers]
    await hanawon.batch(events[:50])  # again: the first receipts
    posted = [gjf.event("job-posted", example("job-posted", reference=f"J-{n}")) for n in range(count)]
    for n in range(0, count, 50):
        await gjf.batch(posted[n : n + 50])
    wrong = [gjf.event("job-posted", {"reference": f"W-{n}"}) for n in range(count)]
    for n in range(0, count, 50):
        await gjf.batch(wrong[n : n + 50])
    await hanawon.batch(
        [hanawon.event("person-left", example("person-left", reference=f"R-{n}")) for n in range(0, count, 10)]
    )
    for n in range(0, count, 10):
        assert (await hanawon.lookup(f"R-{n}")).status_code == 200
        assert (await hanawon.get(f"/receipts/{receipts[n]}")).status_code == 200
        assert (await hanawon.ask("/held", reference=f"R-{n}")).status_code == 200
        assert (await gjf.ask("/held", reference=f"J-{n}")).status_code == 200
        assert len((await gjf.ask("/rejections/search", reference=f"W-{n}")).json()["rejections"]) == 1
        assert len((await gjf.ask("/rejections/search", id=wrong[n]["id"])).json()["rejections"]) == 1
        assert (await hanawon.get(f"/events/{events[n]['id']}", source="/agencies/hanawon")).status_code == 200
    return receipts


async def _all_rejections(partner: Partner) -> int:
    seen, query = 0, {"limit": 10}
    while True:
        page = (await partner.get("/rejections", **query)).json()
        seen += len(page["rejections"])
        if not page.get("next"):
            return seen
        query = {"limit": 10, "before": page["next"]}


def _told_by_others(correlationid: str, count: int) -> list[Event[Any]]:
    event_type = registry.find("notice-delivered")
    data = event_type.bus.model_validate(dict(event_type.example), strict=False)
    return [
        Event(
            id=f"{number:032x}", source="/services/notifications", type=event_type.name, version=event_type.version,
            time=datetime.now(UTC), key=f"{number:032x}", data=data, sequence=1, correlationid=correlationid,
        )
        for number in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("count", [SMALL, LARGE])
async def test_no_query_examines_more_than_it_gives(
    kafka: str, mongo_url: str, database: Any, topic_prefix: str, count: int
) -> None:
    chosen = settings(kafka, mongo_url, database=database.name, topic_prefix=topic_prefix, lapse_seconds=1)
    async with watched(database) as seen, intake(chosen) as (_, admin):
        hanawon, gjf = await register(admin, "hanawon"), await register(admin, "gjf", "service")
        receipts = await _at_the_door(hanawon, gjf, count)
        assert await _all_rejections(gjf) == count
        assert await _all_rejections(admin) == count
        row = await database.inbox.find_one({"receipt": receipts[0]})
        await say(kafka, topic_prefix, *_told_by_others(row["correlationid"], count))

        async def told() -> bool:
            return bool(await database.steps.count_documents({"type": "notice-delivered"}) >= count)

        await eventually(told)
        assert (await hanawon.get(f"/receipts/{receipts[0]}")).status_code == 200
        await asyncio.sleep(6)  # every loop looks at least once: the outbox, sweeps
        assert await database.people.count_documents({"ends": today()}) == count // 10
    tomorrow = chosen.model_copy(update={"calendar_offset_seconds": 86_400})
    async with watched(database) as later, intake(tomorrow):

        async def lapsed() -> bool:
            return bool(await database.people.count_documents({"ends": today()}) == 0)

        await eventually(lapsed)
    violations = seen.violations(*ALLOWED) + later.violations(*ALLOWED)
    assert not violations, "\n".join(violations)
    assert {"inbox", "people", "opportunities", "rejections", "steps", "agencies", "outbox"} <= seen.collections
