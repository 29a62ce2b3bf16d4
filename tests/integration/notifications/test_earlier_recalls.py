"""Recalls that a version before has delivered are awaited from now on, and its index goes (earlier_recalls.py)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymongo import IndexModel

from services.notifications import earlier_recalls
from services.notifications.earlier_recalls import INDEX, EarlierRecalls
from shared.kit.base.ids import Ids
from tests.integration.notifications.parts import Client, Partner, Setup, eventually, match, person, stored
from tests.support.profiler import watched

pytestmark = pytest.mark.integration
PEOPLE = 7


async def _as_a_version_before_has_left_it(database: Any) -> None:
    await database.deliveries.create_indexes(
        [
            IndexModel(
                [(field, 1) for field in ("state", "about", "acknowledged", "recipient", "ended")],
                name=INDEX,
                partialFilterExpression={"about": "recall", "acknowledged": False},
            )
        ]
    )
    await database.deliveries.update_many(
        {"unacknowledged_since": {"$exists": True}},
        [{"$set": {"ended": "$unacknowledged_since"}}, {"$unset": "unacknowledged_since"}],
    )


async def test_what_had_arrived_is_awaited_since_then_piece_by_piece_and_the_index_of_that_time_goes(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(earlier_recalls, "PIECE", 2)
    monkeypatch.setattr(earlier_recalls, "OLDER_REPLICAS_SECONDS", 0.01)
    names = [f"p{number}" for number in range(PEOPLE)]
    async with setup.running() as app, Partner() as partner, Client(app, await _token(setup)) as gjf:
        database, store = app.state.database, app.state.runtime.store
        await gjf.subscribed("webhook", partner.url)
        await setup.publish(*(person(name, "gjf") for name in names), *(match(name, "x") for name in names))
        await eventually(lambda: stored(app, PEOPLE, about="notice", state="delivered"))
        await setup.publish(*(person(name, sequence=2) for name in names))
        await eventually(lambda: stored(app, PEOPLE, about="recall", state="delivered"))
        recalls = [event["id"] for event in partner.told if event["type"] == "recall"]
        await gjf.post("/acknowledgements", json={"notices": recalls[:1]})
        arrived = {
            each["_id"]: each["unacknowledged_since"]
            async for each in database.deliveries.find({"unacknowledged_since": {"$exists": True}})
        }
        assert len(arrived) == PEOPLE - 1
        await _as_a_version_before_has_left_it(database)

        job = EarlierRecalls(database, store, app.state.runtime.ids)
        submit, pieces = store.submit, 0

        async def dies_at_the_second(operation: Any) -> Any:
            nonlocal pieces
            pieces += 1
            if pieces == 2:
                raise RuntimeError("killed")
            return await submit(operation)

        with monkeypatch.context() as patched:
            patched.setattr(store, "submit", dies_at_the_second)
            with pytest.raises(RuntimeError, match="killed"):
                await job.look(asyncio.Event())
        assert await stored(app, 2, unacknowledged_since={"$exists": True})
        async with watched(database) as seen:
            await asyncio.gather(*(job.run(asyncio.Event()) for _ in range(2)))
        assert not seen.violations()
        waiting = database.deliveries.find({"unacknowledged_since": {"$exists": True}})
        assert {each["_id"]: each["unacknowledged_since"] async for each in waiting} == arrived
        assert not await database.deliveries.count_documents({"_id": {"$in": [*arrived]}, "ended": {"$exists": True}})
        assert INDEX not in await database.deliveries.index_information()
        await job.run(asyncio.Event())  # and nothing more is to be done
        said = (await gjf.post("/acknowledgements", json={"notices": recalls})).json()["results"]
        assert {each["status"] for each in said} == {"acknowledged"}
        assert not await stored(app, 1, unacknowledged_since={"$exists": True})


async def test_without_the_index_nothing_is_asked(database: Any) -> None:
    nothing: Any = None
    async with watched(database) as seen:
        await EarlierRecalls(database, nothing, Ids(b"k" * 32)).run(asyncio.Event())
    assert "deliveries" not in seen.collections


async def _token(setup: Setup) -> str:
    await setup.publish(setup.agency("gjf"))
    return setup.tokens["gjf"]
