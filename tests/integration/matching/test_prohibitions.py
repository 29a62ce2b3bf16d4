"""What forbids has its effect in every replica, whoever holds the lease, and before the person's new state has come."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI

from shared.events import Event
from shared.events.topics.prohibitions import FLOOR_RAISED, Floor, Floors
from tests.integration.matching.parts import (
    ALIASES,
    GJF_ALIAS,
    HANAWON_ALIAS,
    NOON,
    RECORDED,
    Setup,
    agency,
    client,
    standing,
    told,
)
from tests.support.matching import a_job, a_person, numbered
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration
CONSENTS = [
    {"purpose": "matching", "until": "2027-05-15"},
    {"purpose": "notice", "recipient": "gjf", "until": "2027-05-15"},
]
SOMEBODY = a_person(1, consents=CONSENTS, aliases=ALIASES)


@pytest.fixture
def setup(kafka: str, mongo_url: str, database: Any, topic_prefix: str) -> Setup:
    return Setup(kafka, mongo_url, database.name, topic_prefix)


def floor(below: int, *consents: tuple[str, str | None], whole: int = 0) -> Event[Floors]:
    floors = tuple(Floor(purpose=purpose, recipient=recipient, below=below) for purpose, recipient in consents)
    data = Floors(person=SOMEBODY.person, whole=whole, consents=floors)
    return Event(
        id=numbered(0xF100 + below), source="/intake", type=FLOOR_RAISED.name, version=1, time=NOON,
        key=SOMEBODY.person, data=data, sequence=below, correlationid=numbered(0xC0), recordedtime=RECORDED,
    )  # fmt: skip


async def seen(app: FastAPI, token: str, alias: str) -> tuple[int, int]:
    """Status, and how many matches are shown."""
    async with client(app, token) as caller:
        answer = await caller.get(f"/people/{alias}/matches")
        return answer.status_code, len(answer.json().get("matches", ()))


async def sees(app: FastAPI, token: str, alias: str, *wanted: tuple[int, int]) -> bool:
    return await seen(app, token, alias) in wanted


class TestAReplicaThatStandsBy:
    async def test_refuses_a_revoked_key_and_hears_of_a_new_one(self, setup: Setup) -> None:
        token, registered = agency("hanawon", recipient_class="case")
        other, changed = agency("hanawon", recipient_class="case")
        async with setup.running("matching-1") as active, setup.running("matching-2") as standby:
            await setup.publish(told(registered), told(SOMEBODY), told(a_job()))
            for app in (active, standby):
                await eventually(lambda app=app: sees(app, token, HANAWON_ALIAS, (200, 1)))
            assert "standby" in (active.state.runtime.health.role, standby.state.runtime.health.role)
            await setup.publish(told(changed, 2))
            for app in (active, standby):
                await eventually(lambda app=app: sees(app, token, HANAWON_ALIAS, (401, 0)))
                assert await seen(app, other, HANAWON_ALIAS) == (200, 1)

    async def test_shows_nothing_that_was_taken_back_although_nobody_is_active(
        self, setup: Setup, database: Any
    ) -> None:
        """The lease is held by somebody who does nothing: the worst that an active matcher can be."""
        gjf, registered = agency("gjf")
        async with setup.running("matching-1"):
            await setup.publish(told(registered), told(SOMEBODY), told(a_job()))
            await eventually(lambda: standing(database))
        await database.leases.update_one(
            {"_id": "matching"}, [{"$set": {"owner": "nobody", "until": {"$add": ["$$NOW", 600_000]}}}]
        )
        async with setup.running("matching-2") as standby:
            await eventually(lambda: sees(standby, gjf, GJF_ALIAS, (200, 1)))
            await setup.publish(floor(2, ("notice", "gjf")))
            await eventually(lambda: sees(standby, gjf, GJF_ALIAS, (404, 0)))
            assert standby.state.runtime.health.role == "standby"


class TestTheActiveMatcher:
    async def test_withdraws_without_the_new_state_matches_no_more_and_trusts_a_later_state(
        self, setup: Setup, database: Any
    ) -> None:
        hanawon, registered = agency("hanawon", recipient_class="case")
        async with setup.running() as app:
            await setup.publish(told(registered), told(SOMEBODY), told(a_job(1)))
            await eventually(lambda: sees(app, hanawon, HANAWON_ALIAS, (200, 1)))
            await setup.publish(floor(2, ("matching", None)))
            await eventually(lambda: sees(app, hanawon, HANAWON_ALIAS, (200, 0)))
            await eventually(lambda: database.matches.find_one({"standing": False}))
            # the old state comes once more, and a new opening: that both were heard shows in another person's match
            await setup.publish(told(SOMEBODY, 1), told(a_job(2)), told(a_person(2)))
            await eventually(lambda: database.matches.find_one({"standing": True, "person": numbered(2)}))
            assert {person for person, _ in await standing(database)} == {numbered(2)}
            await setup.publish(told(SOMEBODY, 3))
            await eventually(lambda: sees(app, hanawon, HANAWON_ALIAS, (200, 2)))
        of_somebody = [each for each in await setup.emitted() if each.data.person == SOMEBODY.person]
        assert [each.type for each in of_somebody][:2] == ["match-found", "match-withdrawn"]
        assert of_somebody[1].causationid == numbered(0xF102)
        assert sorted(each.type for each in of_somebody[2:]) == ["match-found", "match-found"]

    async def test_that_begins_anew_takes_up_what_its_predecessor_left(self, setup: Setup, database: Any) -> None:
        async with setup.running():
            await setup.publish(told(SOMEBODY), told(a_job()))
            await eventually(lambda: standing(database))
        said = floor(2, whole=2)
        state = said.data.model_dump(mode="json", exclude_none=True)
        cause = {"causationid": said.id, "correlationid": None, "recordedtime": None, "traceparent": None}
        await database.floors.insert_one({"_id": said.key, "state": state, "due": NOON, **cause})
        async with setup.running():
            await eventually(lambda: database.floors.find_one({"due": {"$exists": False}}))
            await eventually(lambda: database.matches.find_one({"standing": False}))
            assert await standing(database) == {}
