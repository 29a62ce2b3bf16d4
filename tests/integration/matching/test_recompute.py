"""A match that was told, worked out again on the real database, and not any more once its person may not be matched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.matching.recomputation import recompute
from shared.kit.runtime.admin_commands import store_beside
from tests.integration.matching.parts import PACK, Setup, eventually, told
from tests.support.matching import a_job, a_person

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
