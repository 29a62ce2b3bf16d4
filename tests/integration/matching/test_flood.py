"""One key posts adverts in ascending score, and the matcher is killed amid them: nobody is drowned, nothing is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from deploy.local.ports import free_port
from services.matching.domain.match_index import RESERVE
from tests.integration.matching.parts import PACK, Setup, expected, standing, told
from tests.support.matching import a_job, a_person, numbered
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
ADVERTS, PEOPLE = 200, 6
BEST = PACK.matching.best_of_person


@pytest.fixture
def setup(kafka: str, mongo_url: str, database: Any, topic_prefix: str) -> Setup:
    return Setup(kafka, mongo_url, database.name, topic_prefix)


def a_matcher(setup: Setup, code: str = "", **more: str) -> subprocess.Popen[bytes]:
    """The service as a process of its own, to be killed. Windows are long: at the kill some are open. ``code``: begins
    it, with something changed."""
    settings = setup.settings()
    variables = {
        "IEUM_PROFILE": "development",
        "IEUM_KAFKA": settings.kafka,
        "IEUM_KAFKA_IDEMPOTENT": str(settings.kafka_idempotent).lower(),
        "IEUM_MONGO_URL": settings.mongo_url,
        "IEUM_DATABASE": settings.database,
        "IEUM_TOPIC_PREFIX": settings.topic_prefix,
        "IEUM_SESSION_TIMEOUT_MS": str(settings.session_timeout_ms),
        "IEUM_LEASE_SECONDS": "2",
        "IEUM_NETTING_SECONDS": "5",
        "IEUM_PORT": str(free_port()),
        **more,
    }
    inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, *(("-c", code) if code else ("-m", "services.matching"))],
        env=inherited | variables,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )


class TestAFlood:
    async def test_with_a_kill_amid_it_ends_as_the_plain_engine_says_and_tells_each_person_little(
        self, setup: Setup, database: Any
    ) -> None:
        people = [a_person(n, consents=[{"purpose": "matching", "until": "2099-01-01"}]) for n in range(PEOPLE)]
        jobs = [a_job(n, closes="2099-01-01", wage={"minimum": 2_500_000 + n * 5_000}) for n in range(ADVERTS)]
        right = expected(people, jobs)
        matcher = a_matcher(setup)
        try:
            await eventually(lambda: database.leases.find_one({"_id": "matching", "owner": "matching-1"}), 120)
            await setup.publish(*(told(x) for x in people), told(jobs[0]))
            await eventually(lambda: standing(database), 120)
            await setup.publish(*(told(x) for x in jobs[1:]))

            async def half() -> bool:
                return bool(await database.opportunities.count_documents({}) >= ADVERTS // 2)

            await eventually(half, 120)
        finally:
            matcher.kill()
            matcher.wait()
        told_before = await database.matches.count_documents({})

        async def is_right() -> bool:
            most = Counter(person for person, _ in await standing(database)).most_common(1)
            assert not most or most[0][1] <= BEST
            return await standing(database) == right

        async with setup.running():
            await eventually(is_right, 120)
        assert told_before < PEOPLE * ADVERTS // 2, "windows kept most of it from being told"
        last: dict[tuple[str, str], int] = {}
        per_person = Counter[str]()
        for event in await setup.emitted():
            pair = (event.data.person, event.data.opportunity)
            assert event.sequence == last.get(pair, 0) + 1
            last[pair] = event.sequence
            per_person[event.key] += 1
        assert set(per_person) == {numbered(n) for n in range(PEOPLE)}
        assert max(per_person.values()) < ADVERTS

    async def test_who_was_killed_when_all_was_told_and_kept_has_nothing_to_do_but_to_load(
        self, setup: Setup, database: Any
    ) -> None:
        people, jobs = [a_person(n) for n in range(3)], [a_job(n) for n in range(120)]
        one_more = [*people, a_person(7)]
        # once and beforehand: the oracle takes seconds, and whatever asks it again and again keeps the loop of the
        # service, which runs in this process
        right, right_with_one_more = expected(people, jobs), expected(one_more, jobs)

        async def kept() -> bool:
            progress = await database.progress.find_one({"_id": "assessed"})
            newest = await database.opportunities.find_one({}, sort=[("revision", -1)])
            return bool(
                progress and newest and progress["waiting"] == 0 and progress["assessed_through"] >= newest["revision"]
                and await database.opportunities.count_documents({}) == len(jobs)
                and await database.people.count_documents({}) == len(people)
            )  # fmt: skip

        async with setup.running():
            await setup.publish(*(told(x) for x in (*people, *jobs)))
            await eventually(kept, 120)
            assert await standing(database) == right
            lists = {one["_id"]: one async for one in database.lists.find({})}
            assert {len(one["openings"]) for one in lists.values()} == {PACK.matching.chosen_from + RESERVE}
        before = len(await setup.emitted())
        async with setup.running():
            await setup.publish(told(one_more[-1]))

            async def is_right() -> bool:
                return await standing(database) == right_with_one_more

            await eventually(is_right, 120)
        assert len(await setup.emitted()) == before + BEST
