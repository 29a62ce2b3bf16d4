"""What every channel keeps, asked of each in the same words: the conformance suite behind `channel.Channel`.

A new channel gets a driver in `channel_drivers.py`, and nothing here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from tests.integration.notifications.channel_drivers import DRIVERS, ON_APACHE, Driver
from tests.integration.notifications.parts import Client, Setup, eventually, match, person, stored
from tests.unit.notifications.world import hexid, holding

pytestmark = pytest.mark.integration
Kind = Callable[[], Driver]
OFTEN = (0.0, *[0.2] * 49)


@asynccontextmanager
async def begun(setup: Setup, kind: Kind) -> AsyncIterator[tuple[Any, Driver, Client]]:
    """A service with one agency that is told by this channel."""
    driver = kind()
    await driver.prepare(setup)
    async with driver, setup.running(retry_schedule=OFTEN, **driver.settings) as app:
        await setup.publish(setup.agency("gjf"))
        async with Client(app, setup.tokens["gjf"]) as client:
            await driver.begin(client)
            try:
                yield app, driver, client
            finally:
                await driver.go()


def key(name: str, opportunity: str) -> tuple[str, str]:
    return hexid("alias", name, "gjf"), hexid("opportunity", opportunity)


async def until(check: Callable[[], Any]) -> None:
    async def asked() -> Any:
        return check()

    await eventually(asked)


@pytest.fixture(params=DRIVERS)
def kind(request: pytest.FixtureRequest) -> Kind:
    found = DRIVERS[request.param]
    return partial(found, request.getfixturevalue("kafka_with_users")) if request.param == ON_APACHE else found


@pytest.mark.alone
async def test_what_stands_is_told_and_its_end_and_what_is_taken_back(setup: Setup, kind: Kind) -> None:
    async with begun(setup, kind) as (_app, driver, client):
        await setup.publish(person("a", "gjf"), person("b", "gjf"), match("a", "x"), match("a", "y"), match("b", "x"))
        await until(lambda: holding(driver.heard) == {key("a", "x"), key("a", "y"), key("b", "x")})
        await setup.publish(match("a", "y", sequence=2, stands=False))
        await until(lambda: holding(driver.heard) == {key("a", "x"), key("b", "x")})
        await setup.publish(person("a", sequence=2))
        await until(lambda: holding(driver.heard) == {key("b", "x")})
        assert {event["type"] for event in driver.heard} == {"notice", "recall"}
        for event in driver.heard:  # the same words on every channel
            names = {"notice", "alias", "version", "month", "ask", "padding"}
            assert set(event["data"]) - {"opportunity", "kind", "state", "band"} == names
            assert event["time"] == f"{event['data']['month']}-01T00:00:00Z"
        (recall,) = {event["id"] for event in driver.heard if event["type"] == "recall"}
        answer = await client.post("/acknowledgements", json={"notices": [recall]})
        assert [each["status"] for each in answer.json()["results"]] == ["acknowledged"]
        await eventually(lambda: _outcomes(setup, "recall-acknowledged", 1))


async def test_who_was_away_hears_everything_in_order_and_nothing_that_was_taken_back(setup: Setup, kind: Kind) -> None:
    async with begun(setup, kind) as (app, driver, client):
        await setup.publish(*(person(name, "gjf") for name in "abc"), match("a", "x"))
        await until(lambda: holding(driver.heard) == {key("a", "x")})
        await driver.go()
        before = len(driver.heard)
        await setup.publish(match("b", "x"), match("c", "x"))
        await eventually(lambda: stored(app, 3))
        await setup.publish(person("a", sequence=2), person("c", sequence=2), match("b", "y"))
        await eventually(lambda: stored(app, 1, about="recall"))
        await driver.back(client)
        await until(lambda: holding(driver.heard) == {key("b", "x"), key("b", "y")})
        alias_of_a = hexid("alias", "a", "gjf")
        of_a = [event["data"]["version"] for event in driver.heard if event["data"]["alias"] == alias_of_a]
        assert of_a == sorted(of_a)
        told_of_c = [e for e in driver.heard[before:] if e["data"]["alias"] == hexid("alias", "c", "gjf")]
        assert holding(told_of_c) == set()


async def test_what_was_told_is_reported_once(setup: Setup, kind: Kind) -> None:
    """Also when every event comes twice, at once and again behind all others."""
    async with begun(setup, kind) as (app, driver, _client):
        events = [person("a", "gjf"), *(match("a", opportunity) for opportunity in "vwxyz")]
        await setup.publish(*(each for event in events for each in (event, event)))
        await until(lambda: len(holding(driver.heard)) == 5)
        await eventually(lambda: _outcomes(setup, "notice-delivered", 5))
        await setup.publish(*events, match("a", "behind"))
        await until(lambda: len(holding(driver.heard)) == 6)
        await eventually(lambda: _outcomes(setup, "notice-delivered", 6))
        kinds = Counter(outcome.type for outcome in await setup.outcomes())
        assert kinds["notice-delivered"] == 6
        assert kinds["notice-failed"] == 0
        assert await app.state.database.deliveries.count_documents({}) == 6
        assert len({event["id"] for event in driver.heard}) == 6


async def test_after_the_end_of_the_subscription_nothing_comes(setup: Setup, kind: Kind) -> None:
    async with begun(setup, kind) as (app, driver, client):
        await setup.publish(person("a", "gjf"), match("a", "x"))
        await until(lambda: holding(driver.heard) == {key("a", "x")})
        assert (await client.delete(f"/subscriptions/{driver.subscription}")).status_code == 204
        before = len(driver.heard)
        await setup.publish(match("a", "y"))
        await eventually(lambda: stored(app, 2, "matches"))
        await setup.publish(person("a", "gjf", sequence=2))  # behind it, on the same stream
        await eventually(lambda: _person_is_at(app, 2))
        assert len(driver.heard) == before


async def _outcomes(setup: Setup, type: str, count: int) -> bool:
    return sum(outcome.type == type for outcome in await setup.outcomes()) >= count


async def _person_is_at(app: Any, sequence: int) -> bool:
    return bool(await app.state.database.people.count_documents({"sequence": sequence}))
