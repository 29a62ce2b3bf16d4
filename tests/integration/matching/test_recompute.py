"""A match that was told, worked out again on the real database, and not any more once its person may not be matched."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from services.matching import match_provenance
from services.matching.recomputation import recompute
from services.matching.repository import Repository
from shared.kit.runtime.admin_commands import store_beside
from tests.integration.matching.parts import PACK, Setup, told
from tests.support.matching import a_job, a_person
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration
CONSENTS: list[dict[str, Any]] = [{"purpose": "matching", "until": "2099-12-31"}]


async def test_a_match_is_recomputed_after_both_sides_changed_twice_and_not_after_they_left(
    kafka: str, mongo_url: str, database: Any, topic_prefix: str
) -> None:
    setup = Setup(kafka, mongo_url, database.name, topic_prefix)
    settings = setup.settings()

    def person(**changes: Any) -> Any:
        return a_person(1, consents=CONSENTS, **changes)

    def job(pay: int) -> Any:
        return a_job(1, closes="2099-12-31", wage={"minimum": pay})

    async def told_as(sequence: int) -> Any:
        return await eventually(lambda: database.matches.find_one({"sequence": {"$gte": sequence}}))

    async def again(match: str) -> dict[str, Any]:
        async with store_beside(settings) as store:
            found: dict[str, Any] = json.loads(await recompute(match)(store, settings))
            return found

    async with setup.running():
        await setup.publish(told(job(2_500_000)), told(person()))
        first = await told_as(1)
        assert await database.told_people.count_documents({}) == 1
        await setup.publish(told(person(wants={"growth": False}), 2))
        await told_as(2)
        await setup.publish(told(job(2_700_000), 2))
        await told_as(3)
        await setup.publish(told(person(certificates=[]), 3))
        await told_as(4)
        await setup.publish(told(job(2_900_000), 3))
        await told_as(5)
    found = await again(first["_id"])
    assert [(one["sequence"], one["result"]) for one in found["versions"]] == [(n, "equal") for n in (5, 4, 3, 2, 1)]
    oldest = found["versions"][-1]
    assert oldest["now"]["score"] == first["match"]["score"] != found["versions"][0]["now"]["score"]
    assert oldest["now"]["contributions"] == {one["factor"]: one["contribution"] for one in first["match"]["reasons"]}
    assert oldest["model"] == PACK.weights_version
    assert await database.told_people.count_documents({}) == 3
    assert await database.told_openings.count_documents({}) == 3
    async with setup.running():
        await setup.publish(told(person(status="left"), 4))

        async def nothing_kept() -> bool:
            return bool(await database.told_people.count_documents({}) == 0)

        await eventually(nothing_kept)
    assert (await again(first["_id"]))["result"] == "person-not-matched"


async def test_no_more_is_kept_of_a_person_than_the_newest_and_not_beyond_a_shorter_consent(
    kafka: str, mongo_url: str, database: Any, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match_provenance, "MOST_STATES", 2)
    setup = Setup(kafka, mongo_url, database.name, topic_prefix)
    settings = setup.settings()

    def state(number: int, until: str, **changes: Any) -> Any:
        consents = [{"purpose": "matching", "until": until}]
        return told(a_person(1, consents=consents, wants={"growth": bool(number % 2)}, **changes), number)

    async def told_as(sequence: int) -> Any:
        return await eventually(lambda: database.matches.find_one({"sequence": {"$gte": sequence}}))

    async def versions() -> list[tuple[int, str]]:
        match = await database.matches.find_one({})
        async with store_beside(settings) as store:
            found = json.loads(await recompute(match["_id"])(store, settings))
            return [(one["sequence"], one["result"]) for one in found["versions"]]

    async def expiries() -> set[Any]:
        return {one["expires"] async for one in database.told_people.find({})}

    async with setup.running():
        await setup.publish(told(a_job(1, closes="2099-12-31")))
        for number in range(1, 5):
            await setup.publish(state(number, "2099-12-31"))
            match = await told_as(number)
        assert len(match["told"]) == 4
        kept = [one["_id"] async for one in database.told_people.find({}).sort("_id", 1)]
        [listed] = [one async for one in database.told_revisions.find({})]
        assert kept == [f"{listed['_id']}/{one['revision']}" for one in listed["kept"]]
        assert len(kept) == 2
        assert await versions() == [(4, "equal"), (3, "equal"), (2, "inputs-gone"), (1, "inputs-gone")]
        async with store_beside(settings) as store:
            [read] = await Repository(store.database).matches_of_person(match["person"])
        assert read.told == ()

        before = await expiries()
        last_day = (min(before) - timedelta(days=90)).date()
        await setup.publish(state(6, last_day.isoformat()))  # as the fourth but for the consent: nothing is told

        async def shorter() -> bool:
            return max(await expiries()) < min(before)

        await eventually(shorter)
        end = datetime.combine(last_day, time(15), UTC)  # midnight where the pack lives
        assert {round((one - end).total_seconds()) // 3_600 for one in await expiries()} <= {-1, 0}
        assert [one["sequence"] async for one in database.matches.find({})] == [4]

        await setup.publish(told(a_person(1, consents=[]), 7), state(8, "2099-12-31"))

        async def only_since() -> bool:
            return await versions() in ([(4, "equal")], [(6, "equal")])  # told again if it was looked at in between

        await eventually(only_since)
        assert await database.told_people.count_documents({}) == 1
    indexes = await database.told_revisions.index_information()
    assert indexes["kept_until"]["expireAfterSeconds"] == 0
