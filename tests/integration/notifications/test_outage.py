"""Back is back: the first good answer of an endpoint that was down brings all that waits for it, recalls first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from services.notifications.domain.retry_schedule import OUTAGE
from services.notifications.indexes_and_retention import INDEXES
from services.notifications.repository import Repository
from shared.kit.store.mongo import connect
from tests.integration.notifications.parts import (
    OK,
    Client,
    Partner,
    Request,
    Setup,
    answer_of,
    eventually,
    match,
    person,
)
from tests.support.profiler import watched
from tests.unit.notifications.world import hexid, holding

pytestmark = pytest.mark.integration
PEOPLE = [f"p{number}" for number in range(OUTAGE + 3)]
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


async def test_what_waits_for_its_retry_comes_at_once_and_recalls_before_all_notices(setup: Setup) -> None:
    down = True

    async def answers(request: Request) -> bytes:
        return answer_of(503) if down else OK

    async with Partner(answers) as partner, setup.running(retry_schedule=(0.0, 3600.0, 3600.0)) as app:
        deliveries = app.state.database.deliveries
        await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in PEOPLE))
        async with Client(app, setup.tokens["gjf"]) as gjf:
            await gjf.subscribed("webhook", partner.url)
            await setup.publish(*(match(name, "x") for name in PEOPLE))
            await eventually(lambda: _reached(deliveries, len(PEOPLE), attempts=1, state="due"))
            await setup.publish(person(PEOPLE[0], sequence=2))
            await eventually(lambda: _reached(deliveries, 1, attempts=1, state="due", about="recall"))
            down, before = False, len(partner.requests)
            await setup.publish(match(PEOPLE[1], "y"))
            await eventually(lambda: _reached(deliveries, len(PEOPLE) + 1, state="delivered"))
    told = partner.told[before:]
    assert "recall" in [event["type"] for event in told[:2]], "it is the probe, or comes right behind the new notice"
    held = {(hexid("alias", name, "gjf"), hexid("opportunity", "x")) for name in PEOPLE[1:]}
    assert holding(told) == held | {(hexid("alias", PEOPLE[1], "gjf"), hexid("opportunity", "y"))}
    assert len(told) == len({event["id"] for event in told}), "each once"


async def _reached(deliveries: Any, wanted: int, **query: Any) -> bool:
    return bool(await deliveries.count_documents(query) >= wanted)


@pytest_asyncio.fixture(loop_scope="session")
async def repository(database: Any) -> AsyncIterator[Repository]:
    await database.deliveries.create_indexes(list(INDEXES["deliveries"]))
    yield Repository(database)


async def test_so_many_at_once_and_only_retries_of_that_endpoint(
    repository: Repository, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifications.queries.delivery_queries.BROUGHT_FORWARD", 3)

    def waiting(number: int, about: str = "notice", **changes: Any) -> dict[str, Any]:
        due = NOW + timedelta(hours=number + 1)
        kept = {"_id": str(number), "subscription": "s", "about": about, "state": "due", "attempts": 1, "due": due}
        kept["waits"] = "retry"
        return {**kept, **changes}

    await database.deliveries.insert_many(
        [
            *(waiting(n) for n in range(3)),
            *(waiting(n, "recall") for n in (3, 4)),
            {k: v for k, v in waiting(5, attempts=0).items() if k != "waits"},  # spread over time before its first
            waiting(6, subscription="another"),
            waiting(7, state="failed"),
            waiting(8, planned=NOW + timedelta(hours=9), waits="again"),  # brought forward before
        ]
    )

    async def brought() -> set[str]:
        return {d["_id"] async for d in database.deliveries.find({"due": {"$lte": NOW}})}

    assert await repository.bring_forward("s", NOW), "there are more"
    assert await brought() == {"3", "4", "0"}
    assert not await repository.bring_forward("s", NOW)
    assert await brought() == {"0", "1", "2", "3", "4"}
    assert [d["planned"] async for d in database.deliveries.find({"_id": "0"})] == [NOW + timedelta(hours=1)]


async def test_what_has_not_been_tried_or_was_brought_forward_in_vain_is_not_even_looked_at(
    mongo_url: str, database: Any
) -> None:
    await database.deliveries.create_indexes(list(INDEXES["deliveries"]))
    kept = {"subscription": "s", "about": "notice", "state": "due"}
    await database.deliveries.insert_many(
        [
            *(kept | {"_id": f"spread{n}", "attempts": 0, "due": NOW + timedelta(hours=n)} for n in range(1, 100)),
            *(
                kept | {"_id": f"again{n}", "attempts": 1, "due": NOW + timedelta(hours=n), "waits": "again"}
                for n in range(1, 100)
            ),
            *(
                kept | {"_id": f"retry{n}", "attempts": 1, "due": NOW + timedelta(hours=n), "waits": "retry"}
                for n in range(1, 4)
            ),
        ]
    )
    client = connect(mongo_url)
    try:
        async with watched(database) as seen:
            assert not await Repository(client[database.name]).bring_forward("s", NOW)
    finally:
        client.close()
    assert await database.deliveries.count_documents({"due": NOW}) == 3
    assert seen.queries
    assert not seen.violations()


async def test_recoveries_that_have_waited_longest_are_looked_at_first(repository: Repository, database: Any) -> None:
    await database.recoveries.create_indexes(list(INDEXES["recoveries"]))
    kept = {"state": "running", "agency": "many"}
    await database.recoveries.insert_many(
        [
            *(kept | {"_id": f"{n:02}", "not_before": NOW + timedelta(seconds=1)} for n in range(25)),
            kept | {"_id": "zz", "agency": "one", "not_before": NOW},
        ]
    )
    due = await repository.due_recoveries()
    assert (due[0]["_id"], len(due)) == ("zz", 20)


async def test_a_partner_that_takes_one_in_twelve_is_asked_once_more_for_each_and_nothing_is_given_up(
    setup: Setup,
) -> None:
    asked = 0

    async def answers(request: Request) -> bytes:
        nonlocal asked
        asked += 1
        return OK if asked % 12 == 0 else answer_of(429)

    names = [f"q{number}" for number in range(25)]
    async with Partner(answers) as partner, setup.running(retry_schedule=(0.0, *(3600.0,) * 9)) as app:
        deliveries = app.state.database.deliveries
        await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in names))
        async with Client(app, setup.tokens["gjf"]) as gjf:
            await gjf.subscribed("webhook", partner.url)
            await setup.publish(*(match(name, "x") for name in names))
            await eventually(lambda: _reached(deliveries, len(names), attempts=1))
            await eventually(lambda: _quiet(deliveries))
            assert not await _reached(deliveries, 1, state="failed")
    assert len(partner.requests) <= 2 * len(names), "once at its time, and once when it was brought forward"


async def _quiet(deliveries: Any) -> bool:
    """Nothing is sent, and nothing is due before its retry."""
    soon = datetime.now(UTC) + timedelta(minutes=30)
    return not await _reached(deliveries, 1, state="sending") and not await _reached(
        deliveries, 1, state="due", due={"$lt": soon}
    )
