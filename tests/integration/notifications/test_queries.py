"""No query of notifications costs more when more is kept: the whole flow on a small and on a large store, with the
database's profiler on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

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
from tests.support.profiler import Seen, watched

pytestmark = pytest.mark.integration
SMALL, LARGE = 20, 200  # people, each told to a feed, to a webhook that takes everything and to one that fails


@asynccontextmanager
async def partners(setup: Setup) -> AsyncIterator[dict[str, Partner]]:
    async def fails(request: Request) -> bytes:
        return OK if failing.back else answer_of(500)

    async def hangs(request: Request) -> bytes:
        if len(hanging.requests) <= 8:
            await asyncio.sleep(60)
        return OK

    async with Partner() as taking, Partner(fails) as failing, Partner(hangs) as hanging:
        failing.back = False
        yield {"gjf": taking, "hana": failing, "khf": hanging}


async def _flow(setup: Setup, database: Any, people: int) -> Seen:
    """Everything that partners and events bring about, and the loops behind it."""
    names = [f"p{number}" for number in range(people)]
    everybody = ("feedy", "gjf", "hana", "khf")

    async def count(collection: str, wanted: int, **query: Any) -> bool:
        return bool(await database[collection].count_documents(query) >= wanted)

    async with (
        partners(setup) as hooks,
        watched(database) as seen,
        setup.running(
            retry_schedule=(0.0, 3600.0),
            recovery_per_second=1_000.0,
            breaker_seconds=1e-6,  # each of them is to fail once
            breaker_longest_seconds=1e-6,
        ) as app,
    ):
        await setup.publish(*(setup.agency(name, "case") for name in everybody))
        clients = {name: Client(app, setup.tokens[name]) for name in everybody}
        feed = clients["feedy"]
        await feed.subscribed("feed")
        for name, hook in hooks.items():
            await clients[name].subscribed("webhook", hook.url)
        aliases = ("feedy", "gjf", "hana", "khf")
        await setup.publish(*(person(name, *everybody, aliases=aliases) for name in names))
        await setup.publish(*(match(name, "x") for name in names))
        await eventually(lambda: count("deliveries", 4 * people))
        await eventually(lambda: count("deliveries", people, recipient="gjf", state="delivered"))
        await eventually(lambda: count("deliveries", people, recipient="hana", state="due", attempts=1), 180)
        pages, cursor = 0, None
        while events := (page := await _pulled(feed, cursor))["events"]:
            cursor, pages = page["cursor"], pages + 1
            notices = [event["id"] for event in events]
            assert (await feed.post("/acknowledgements", json={"notices": notices})).status_code == 200
        assert pages >= people // 100
        for name in everybody:
            for state in ("delivered", "due", "failed", "dropped", None):
                query = {"limit": 5} | ({"state": state} if state else {})
                assert (await clients[name].get("/deliveries", params=query)).status_code == 200
        (waiting,) = (await clients["hana"].get("/deliveries", params={"state": "due", "limit": 1})).json()[
            "deliveries"
        ]
        assert (await clients["hana"].post(f"/deliveries/{waiting['delivery']}/retry")).status_code == 202
        assert (await clients["gjf"].get("/subscriptions")).status_code == 200
        await _asked_again(clients["gjf"], clients["hana"], waiting["delivery"])
        await eventually(lambda: count("recoveries", 1, agency="gjf", state="done"), 240)
        await setup.publish(*(person(name, sequence=2) for name in names[::5]))  # they withdraw: recalls
        await eventually(lambda: count("deliveries", people // 5, recipient="gjf", about="recall"))
        await eventually(
            lambda: count("deliveries", people // 5, about="recall", unacknowledged_since={"$exists": True})
        )
        recalls = {event["id"] for event in hooks["gjf"].told if event["type"] == "recall"}
        said = await clients["gjf"].post("/acknowledgements", json={"notices": sorted(recalls)[:3]})
        assert {each["status"] for each in said.json()["results"]} == {"acknowledged"}
        (subscription,) = (await clients["gjf"].get("/subscriptions")).json()["subscriptions"]
        assert (await clients["gjf"].delete(f"/subscriptions/{subscription['subscription']}")).status_code == 204
        await eventually(lambda: count("resyncs", 1, second_pass=True, _id="gjf"))
        await database.resyncs.update_many({}, {"$set": {"not_before": datetime.now(UTC) - timedelta(seconds=1)}})
        await eventually(lambda: _no(count("resyncs", 1)))
        hooks["hana"].back = True
        (waiting,) = (await clients["hana"].get("/deliveries", params={"state": "due", "limit": 1})).json()[
            "deliveries"
        ]
        assert (await clients["hana"].post(f"/deliveries/{waiting['delivery']}/retry")).status_code == 202
        await eventually(lambda: _no(count("deliveries", 1, recipient="hana", state="due")))
        await asyncio.sleep(6)  # every loop looks at least once: for what was lost, left behind, not published
        for client in clients.values():
            await client.aclose()
    return seen


async def _asked_again(well: Client, failing: Client, waiting: str) -> None:
    """What was delivered is looked up, tried on a filter, recovered; of one that works and of one that fails."""
    for client in (well, failing):
        (subscription,) = (await client.get("/subscriptions")).json()["subscriptions"]
        address = f"/subscriptions/{subscription['subscription']}"
        query = {"state": "undelivered", "subscription": subscription["subscription"], "limit": 5}
        assert (await client.get("/deliveries", params=query)).status_code == 200
        for path, wanted in (
            ("/filters/trial", {"filter": {"exact": {"kind": "job"}}}),
            (f"{address}/recovery", {"what": "all"}),
        ):
            assert (await client.post(path, json=wanted)).status_code < 300
        assert (await client.patch(address, json={"filter": {"exact": {"kind": "job"}}})).status_code == 200
        assert (await client.post(f"{address}/pause")).status_code == 200
        assert (await client.post(f"{address}/resume")).status_code == 200
        assert (await client.get(f"{address}/recovery")).status_code == 200
    assert (await failing.get(f"/deliveries/{waiting}")).status_code == 200
    await failing.delete(f"{address}/recovery")
    await failing.post(f"{address}/recovery", json={"what": "failed"})


async def _pulled(feed: Client, cursor: str | None) -> dict[str, Any]:
    page: dict[str, Any] = (
        await feed.get("/feed", params={"limit": 50} | ({"after": cursor} if cursor else {}))
    ).json()
    return page


async def _no(found: Any) -> bool:
    return not await found


@pytest.mark.parametrize("people", [SMALL, LARGE])
async def test_no_query_examines_more_than_it_gives(setup: Setup, database: Any, people: int) -> None:
    seen = await _flow(setup, database, people)
    # monitoring.py counts what is open, by covered indexes, and looks the more seldom the more that is
    counted = "command deliveries [{'$match': {"
    # what is left of a change by id that lost a race, among those that it named (`change` of delivery_queries.py)
    by_id = "query deliveries {'_id': {'$in': []}, 'state': '?'"
    left = [by_id + more + "} [IXSCAN { _id: 1 }]" for more in ("", ", 'waits': '?'")]
    violations = [line for line in seen.violations(*left) if not (line.startswith(counted) and "'count': " in line)]
    assert not violations, "\n".join(violations)
    assert {"deliveries", "threads", "people", "matches", "agencies", "subscriptions", "outbox"} <= seen.collections
