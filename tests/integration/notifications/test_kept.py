"""What is to be sent again stays in MongoDB, however long ago it had ended (situation 38)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.local.stack import LocalStack
from services.notifications.indexes_and_retention import KEEP_ENDED_SECONDS
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
    stored,
)
from tests.unit.notifications.world import FORGOTTEN_BY

pytestmark = pytest.mark.integration
LONG_AGO = timedelta(seconds=KEEP_ENDED_SECONDS, days=9)


@pytest.mark.parametrize("own_stack", [{"ttlMonitorSleepSecs": "1"}], indirect=True, ids=["forgets-every-second"])
async def test_what_waits_to_be_sent_again_is_there_after_mongodb_forgot_what_ended_with_it(
    own_stack: LocalStack, topic_prefix: str
) -> None:
    answering = OK

    async def answers(request: Request) -> bytes:
        return answering

    setup = Setup(own_stack.kafka, own_stack.mongo_url, "kept", topic_prefix)
    async with setup.running(retry_schedule=(0.0, 3600.0, 3600.0)) as app, Partner(answers) as partner:
        database = app.state.database
        await database.client.admin.command({"setParameter": 1, "ttlMonitorEnabled": False})
        people = ("by-hand", "by-recovery", "left")
        await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in people))
        async with Client(app, setup.tokens["gjf"]) as gjf:
            made = await gjf.subscribed("webhook", partner.url)
            await setup.publish(match("left", "x"))
            await eventually(lambda: stored(app, 1, state="delivered"))
            answering = answer_of(200, "webhook-delivery: abort-message")
            await setup.publish(match("by-hand", "x"), match("by-recovery", "x"))
            await eventually(lambda: stored(app, 2, state="failed"))
            answering = answer_of(400)  # of the message: the endpoint is well
            by_hand, by_recovery = [d["_id"] async for d in database.deliveries.find({"state": "failed"})]
            assert (await gjf.post(f"/deliveries/{by_hand}/retry")).status_code == 202
            await eventually(lambda: stored(app, 1, state="due", attempts=1))
            recovery = f"/subscriptions/{made['subscription']}/recovery"
            assert (await gjf.post(recovery, json={"what": "failed"})).status_code == 202
            await eventually(lambda: stored(app, 2, state="due", attempts={"$gte": 1}))

            for field in FORGOTTEN_BY["deliveries"]:  # whatever has a date, as after so many days
                await database.deliveries.update_many(
                    {field: {"$exists": True}}, {"$set": {field: datetime.now(UTC) - LONG_AGO}}
                )
            await database.client.admin.command({"setParameter": 1, "ttlMonitorEnabled": True})
            await eventually(lambda: _gone(database, state="delivered"))
            still = {d["_id"] async for d in database.deliveries.find({"state": "due"})}
            assert still == {by_hand, by_recovery}
            answering = OK
            await gjf.post(f"/deliveries/{by_hand}/retry")
            await gjf.post(f"/deliveries/{by_recovery}/retry")
            await eventually(lambda: stored(app, 2, state="delivered"))


@pytest.mark.parametrize("own_stack", [{"ttlMonitorSleepSecs": "1"}], indirect=True, ids=["forgets-every-second"])
async def test_a_recall_that_arrived_is_there_until_it_is_acknowledged_and_then_as_long_as_others(
    own_stack: LocalStack, topic_prefix: str
) -> None:
    setup = Setup(own_stack.kafka, own_stack.mongo_url, "recalled", topic_prefix)
    async with setup.running() as app, Partner() as partner:
        database = app.state.database

        async def as_after_so_many_days() -> None:
            for field in ("ended", "unacknowledged_since"):
                await database.deliveries.update_many(
                    {field: {"$exists": True}}, {"$set": {field: datetime.now(UTC) - LONG_AGO}}
                )

        await setup.publish(setup.agency("gjf"), person("a", "gjf"))
        async with Client(app, setup.tokens["gjf"]) as gjf:
            await gjf.subscribed("webhook", partner.url)
            await setup.publish(match("a", "x"))
            await eventually(lambda: stored(app, 1, about="notice", state="delivered"))
            await setup.publish(person("a", sequence=2))
            await eventually(lambda: stored(app, 1, about="recall", state="delivered"))
            await as_after_so_many_days()
            await eventually(lambda: _gone(database, about="notice"))
            (recall,) = [each async for each in database.deliveries.find({})]
            said = (await gjf.post("/acknowledgements", json={"notices": [recall["notice"]]})).json()
            assert said["results"] == [{"notice": recall["notice"], "status": "acknowledged"}]
            assert not await _gone(database, about="recall")
            await as_after_so_many_days()
            await eventually(lambda: _gone(database, about="recall"))


async def _gone(database: Any, **query: Any) -> bool:
    return not await database.deliveries.count_documents(query)
