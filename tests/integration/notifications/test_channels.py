"""What every channel keeps, asked of each in the same words: the conformance suite behind `channel.Channel`.

A new channel gets a driver in `channel_drivers.py`, and nothing here. A service is started for each channel; every test
has an agency of its own there, which is told of people and openings that no other test has.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from fastapi import FastAPI

from shared.events import Event
from tests.integration.notifications import parts
from tests.integration.notifications.channel_drivers import CHANNELS, ON_APACHE, Driver
from tests.integration.notifications.parts import Client, Setup, eventually, stored
from tests.unit.notifications.world import hexid, holding

pytestmark = pytest.mark.integration
OFTEN = (0.0, *[0.2] * 24, *[2.0] * 25)  # soon, and not used up while it is away, however long that takes to arrange
NUMBERS = itertools.count(1)  # of agencies


class Service(NamedTuple):
    """One that tells by one channel."""

    setup: Setup
    app: FastAPI
    driver: Callable[[str], Driver]
    """Of this agency."""


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=CHANNELS)
async def service(
    request: pytest.FixtureRequest, setup_for_several: Callable[[], AbstractAsyncContextManager[Setup]]
) -> AsyncIterator[Service]:
    around, driver = CHANNELS[request.param]
    needed = [request.getfixturevalue("kafka_with_users")] if request.param == ON_APACHE else []
    async with setup_for_several() as setup, around(*needed) as surroundings:
        await surroundings.prepare(setup)
        async with setup.running(retry_schedule=OFTEN, **surroundings.settings) as app:
            yield Service(setup, app, lambda agency: driver(surroundings, agency))


class Told:
    """The agency of one test: what is said of its people, and what it heard."""

    def __init__(self, service: Service, driver: Driver, client: Client) -> None:
        self._service, self._setup = service, service.setup
        self.driver, self.client, self.app = driver, client, service.app
        self.agency = driver.agency

    def _own(self, name: str) -> str:
        return f"{name} of {self.agency}"

    def person(self, name: str, *, agrees: bool = True, sequence: int = 1) -> Event[Any]:
        notice = (self.agency,) if agrees else ()
        return parts.person(self._own(name), *notice, sequence=sequence, aliases=(self.agency,))

    def match(self, name: str, opportunity: str, sequence: int = 1, **state: Any) -> Event[Any]:
        return parts.match(self._own(name), self._own(opportunity), sequence, **state)

    def alias(self, name: str) -> str:
        return hexid("alias", self._own(name), self.agency)

    def key(self, name: str, opportunity: str) -> tuple[str, str]:
        return self.alias(name), hexid("opportunity", self._own(opportunity))

    async def publish(self, *events: Event[Any]) -> None:
        await self._setup.publish(*events)

    async def holds(self, *keys: tuple[str, str]) -> None:
        """Wait until it holds these and nothing else."""

        async def held() -> bool:
            return holding(self.driver.heard) == set(keys)

        await eventually(held)

    async def stored(self, count: int, **query: Any) -> None:
        """Wait until so many notices or recalls for it are stored."""
        await eventually(lambda: stored(self.app, count, recipient=self.agency, **query))

    async def outcomes(self) -> Counter[str]:
        """What became of its notices and recalls, counted."""
        return Counter(each.type for each in await self._setup.outcomes() if each.data.recipient == self.agency)

    async def became(self, type: str, count: int) -> None:
        """Wait until this became of so many."""

        async def told() -> bool:
            return (await self.outcomes())[type] >= count

        await eventually(told)


@pytest_asyncio.fixture(loop_scope="session")
async def told(service: Service) -> AsyncIterator[Told]:
    agency = f"gjf{next(NUMBERS)}"
    await service.setup.publish(service.setup.agency(agency))
    async with Client(service.app, service.setup.tokens[agency]) as client, service.driver(agency) as driver:
        await driver.begin(client)
        yield Told(service, driver, client)
        await client.delete(f"/subscriptions/{driver.subscription}")


async def test_what_stands_is_told_and_its_end_and_what_is_taken_back(told: Told) -> None:
    person, match, key = told.person, told.match, told.key
    await told.publish(person("a"), person("b"), match("a", "x"), match("a", "y"), match("b", "x"))
    await told.holds(key("a", "x"), key("a", "y"), key("b", "x"))
    await told.publish(match("a", "y", sequence=2, stands=False))
    await told.holds(key("a", "x"), key("b", "x"))
    await told.publish(person("a", agrees=False, sequence=2))
    await told.holds(key("b", "x"))
    heard = told.driver.heard
    assert {event["type"] for event in heard} == {"notice", "recall"}
    for event in heard:  # the same words on every channel
        names = {"notice", "alias", "version", "month", "ask", "padding"}
        assert set(event["data"]) - {"opportunity", "kind", "state", "band"} == names
        assert event["time"] == f"{event['data']['month']}-01T00:00:00Z"
    (recall,) = {event["id"] for event in heard if event["type"] == "recall"}
    answer = await told.client.post("/acknowledgements", json={"notices": [recall]})
    assert [each["status"] for each in answer.json()["results"]] == ["acknowledged"]
    await told.became("recall-acknowledged", 1)


async def test_who_was_away_hears_everything_in_order_and_nothing_that_was_taken_back(told: Told) -> None:
    person, match, key, driver = told.person, told.match, told.key, told.driver
    await told.publish(*(person(name) for name in "abc"), match("a", "x"))
    await told.holds(key("a", "x"))
    await driver.go()
    before = len(driver.heard)
    await told.publish(match("b", "x"), match("c", "x"))
    await told.stored(3)
    await told.publish(person("a", agrees=False, sequence=2), person("c", agrees=False, sequence=2), match("b", "y"))
    await told.stored(1, about="recall")
    await driver.back(told.client)
    await told.holds(key("b", "x"), key("b", "y"))
    of_a = [event["data"]["version"] for event in driver.heard if event["data"]["alias"] == told.alias("a")]
    assert of_a == sorted(of_a)
    told_of_c = [event for event in driver.heard[before:] if event["data"]["alias"] == told.alias("c")]
    assert holding(told_of_c) == set()


async def test_what_was_told_is_reported_once(told: Told) -> None:
    """Also when every event comes twice, at once and again behind all others."""
    events = [told.person("a"), *(told.match("a", opportunity) for opportunity in "vwxyz")]
    first = [told.key("a", opportunity) for opportunity in "vwxyz"]
    await told.publish(*(each for event in events for each in (event, event)))
    await told.holds(*first)
    await told.became("notice-delivered", 5)
    await told.publish(*events, told.match("a", "behind"))
    await told.holds(*first, told.key("a", "behind"))
    await told.became("notice-delivered", 6)
    outcomes = await told.outcomes()
    assert outcomes["notice-delivered"] == 6
    assert outcomes["notice-failed"] == 0
    assert await told.app.state.database.deliveries.count_documents({"recipient": told.agency}) == 6
    assert len({event["id"] for event in told.driver.heard}) == 6


async def test_after_the_end_of_the_subscription_nothing_comes(told: Told) -> None:
    driver, database = told.driver, told.app.state.database
    await told.publish(told.person("a"), told.match("a", "x"))
    await told.holds(told.key("a", "x"))
    assert (await told.client.delete(f"/subscriptions/{driver.subscription}")).status_code == 204
    before = len(driver.heard)
    late, again = told.match("a", "y"), told.person("a", sequence=2)  # again: behind it, on the same stream
    await told.publish(late)
    await eventually(lambda: database.matches.count_documents({"_id": late.data.match}))
    await told.publish(again)
    await eventually(lambda: database.people.count_documents({"_id": again.data.person, "sequence": 2}))
    assert len(driver.heard) == before
