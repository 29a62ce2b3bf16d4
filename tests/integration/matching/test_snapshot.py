"""A matcher that is killed between two chunks of its snapshot, and whose snapshot is damaged: the next one holds what
the store holds, and reads anew only what the snapshot does not have as it is."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from services.matching import metrics
from shared.events.topics.opportunities import Opportunity
from tests.integration.matching.parts import Setup, expected, standing, told
from tests.integration.matching.test_flood import a_matcher
from tests.support.matching import a_job, a_person
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration
OPENINGS, IN_CHUNK = 60, 4
SMALL_CHUNKS = (
    "import services.matching.opening_snapshot as it; "
    f"it.OPENINGS_IN_CHUNK = {IN_CHUNK}; it.LOOK_SECONDS = 0.0; "
    "from services.matching.__main__ import main; main([])"
)


@pytest.fixture
def setup(kafka: str, mongo_url: str, database: Any, topic_prefix: str) -> Setup:
    return Setup(kafka, mongo_url, database.name, topic_prefix)


def an_opening(number: int, more: int = 0) -> Opportunity:
    """On whatever day the process runs."""
    return a_job(number, closes="2099-01-01", wage={"minimum": 2_200_000 + number * 5_000 + more})


async def test_killed_between_chunks_and_damaged_the_next_load_is_right(setup: Setup, database: Any) -> None:
    people = [a_person(n, consents=[{"purpose": "matching", "until": "2099-01-01"}]) for n in range(4)]
    openings = {n: an_opening(n) for n in range(OPENINGS)}
    matcher: subprocess.Popen[bytes] = a_matcher(setup, code=SMALL_CHUNKS)
    try:
        await eventually(lambda: database.leases.find_one({"_id": "matching", "owner": "matching-1"}), 120)
        await setup.publish(*(told(x) for x in (*people, *openings.values())))
        await eventually(lambda: database.opening_chunks.find_one({"_id": "3"}), 120)
    finally:
        matcher.kill()
        matcher.wait()
    chunks = {one["_id"]: one async for one in database.opening_chunks.find({})}
    assert {len(one["revisions"]) // 8 for one in chunks.values()} == {IN_CHUNK}
    await database.opening_chunks.update_one({"_id": "1"}, {"$set": {"digest": "another"}})
    await database.opening_chunks.update_one({"_id": "2"}, {"$set": {"rules": "others"}})
    later = (2**62).to_bytes(8, "little") * IN_CHUNK  # as of a database that was restored from an older copy
    await database.opening_chunks.insert_one({**chunks["3"], "_id": "999", "revisions": later})

    changed = {n: an_opening(n, 100_000) for n in range(0, OPENINGS, 3)}
    openings |= changed
    right = expected(people, openings.values())  # once: the oracle keeps the loop of the service that runs here

    async def is_right() -> bool:
        return await standing(database) == right

    async def given_up() -> bool:
        return not await database.opening_chunks.find_one({"_id": {"$in": ["1", "2", "999"]}})

    async with setup.running():
        await eventually(given_up, 120)
        taken = metrics.openings_from_snapshot.of()._value.get()
        assert 0 < taken <= IN_CHUNK * (len(chunks) - 2)
        await setup.publish(*(told(one, 2) for one in changed.values()))
        await eventually(is_right, 120)
