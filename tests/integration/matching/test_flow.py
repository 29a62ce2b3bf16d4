"""Events in, matches out, on a real broker and database; whatever happens to the matcher, the same matches come out."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.matching.admin_commands import republish
from shared.events import Event
from shared.kit.runtime.admin_commands import store_beside
from tests.integration.matching.parts import NOON, PACK, RECORDED, Setup, client, expected, standing, told
from tests.support.matching import a_job, a_person, numbered, random_opening, random_person
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def setup(kafka: str, mongo_url: str, database: Any, topic_prefix: str) -> Setup:
    return Setup(kafka, mongo_url, database.name, topic_prefix)


def last_told(events: list[Event[Any]]) -> dict[tuple[str, str], tuple[str, int]]:
    """Type and sequence of the last event per pair; sequences must be without hole or repeat."""
    last: dict[tuple[str, str], tuple[str, int]] = {}
    for event in events:
        pair = (event.data.person, event.data.opportunity)
        assert event.sequence == last.get(pair, ("", 0))[1] + 1
        last[pair] = (event.type, event.sequence)
    return last


class TestFlow:
    async def test_a_person_and_a_job_become_a_match_that_hands_on_its_cause(self, setup: Setup, database: Any) -> None:
        async with setup.running():
            await setup.publish(told(a_job()), told(a_person()))
            await eventually(lambda: standing(database))
            await eventually(setup.emitted)
        [event] = await setup.emitted()
        assert event.type == "match-found"
        assert event.correlationid in (f"c-{numbered(1)}-1", f"c-{a_job().opportunity}-1")
        assert event.causationid == event.correlationid.removeprefix("c-")
        assert event.recordedtime == RECORDED
        assert event.data.model == PACK.weights_version
        assert event.data.person_rank == 1
        assert event.data.score == pytest.approx(sum(reason.contribution for reason in event.data.reasons), abs=1e-6)
        assert event.data.as_of == NOON.date()

    async def test_old_and_repeated_states_are_dropped_and_changes_told_once(self, setup: Setup, database: Any) -> None:
        better = a_job(wage={"minimum": 3_200_000})
        async with setup.running():
            await setup.publish(told(a_person()), told(better, 2), told(a_job(), 1), told(better, 2))
            await eventually(lambda: standing(database))
            await setup.publish(told(a_person(status="left"), 2), told(a_person(), 1))
            await eventually(lambda: database.matches.find_one({"standing": False}))
        events = await setup.emitted()
        assert [event.type for event in events] == ["match-found", "match-withdrawn"]
        assert events[0].data.score == pytest.approx(expected([a_person()], [better]).popitem()[1][1])
        assert events[1].data.reasons == ()

    async def test_any_interleaving_ends_as_the_plain_engine_says_and_a_restart_tells_nothing_new(
        self, setup: Setup, database: Any
    ) -> None:
        dice = random.Random(9)
        people = {n: random_person(n, dice) for n in range(30)}
        openings = {n: random_opening(n, dice) for n in range(40)}
        first = [told(x) for x in (*people.values(), *openings.values())]
        dice.shuffle(first)
        people |= {n: random_person(n, dice) for n in range(0, 30, 3)}
        openings |= {n: random_opening(n, dice) for n in range(0, 40, 4)}
        second = [told(people[n], 2) for n in range(0, 30, 3)] + [told(openings[n], 2) for n in range(0, 40, 4)]
        dice.shuffle(second)
        right = expected(people.values(), openings.values())

        async def is_right() -> bool:
            return await standing(database) == right

        assert len(right) > 8
        async with setup.running():
            await setup.publish(*first, *second)
            await eventually(is_right)
        told_so_far = last_told(await setup.emitted())
        assert {pair for pair, (type, _) in told_so_far.items() if type != "match-withdrawn"} == set(right)
        async with setup.running():
            new = random_person(99, dice)
            people[99] = new
            right = expected(people.values(), openings.values())
            await setup.publish(told(new))
            await eventually(is_right)
        after = last_told(await setup.emitted())
        unchanged = {pair for pair in told_so_far if pair[0] != new.person}
        assert all(after[pair][1] - told_so_far[pair][1] <= 1 for pair in unchanged)
        assert {pair for pair, (type, _) in after.items() if type != "match-withdrawn"} == set(right)

    async def test_a_new_day_ends_what_is_over(self, setup: Setup, database: Any) -> None:
        clock = [NOON]
        people = [a_person(n, consents=[{"purpose": "matching", "until": f"2026-11-2{1 + n}"}]) for n in (1, 2, 3)]
        jobs = [a_job(1, closes="2026-11-23"), a_job(2)]

        async def is_right() -> bool:
            return await standing(database) == expected(people, jobs, clock[0])

        async with setup.running(now=lambda: clock[0]):
            await setup.publish(*(told(x) for x in (*people, *jobs)))
            await eventually(is_right)
            assert len(await standing(database)) == 6
            clock[0] = NOON + timedelta(days=1)
            await eventually(is_right)
            assert len(await standing(database)) == 4
        clock[0] = NOON + timedelta(days=2)  # the day changed while nobody ran
        async with setup.running(now=lambda: clock[0]):
            await eventually(is_right)
            assert len(await standing(database)) == 1
        last_told(await setup.emitted())


class TestRepublish:
    async def test_every_match_is_told_again_as_the_same_event_and_nothing_changes(
        self, setup: Setup, database: Any
    ) -> None:
        # by the real clock: the other process stamps its rows by it, and they are sent when they are old enough
        lasting = [{"purpose": "matching", "until": "2099-01-01"}]
        jobs, people = [a_job(n, closes="2099-01-01") for n in (1, 2)], [a_person(n, consents=lasting) for n in (1, 2)]
        async with setup.running(now=lambda: datetime.now(UTC)):
            await setup.publish(*(told(x) for x in (*jobs, *people)))

            async def all_four() -> bool:
                return bool(await database.matches.count_documents({"standing": True, "sequence": 1}) == 4)

            await eventually(all_four)
            await setup.publish(told(a_person(2, status="left"), 2))
            await eventually(lambda: database.matches.find_one({"standing": False}))

            async def six() -> bool:
                return len(await setup.emitted()) == 6

            await eventually(six)
            before = await standing(database)
            async with store_beside(setup.settings()) as store:
                assert (await republish(store, setup.settings())).startswith("4 things")

            async def ten() -> bool:
                return len(await setup.records()) >= 10

            await eventually(ten)
            events = await setup.records()
            again = [event for event in events if sum(other.id == event.id for other in events) == 2]
            assert {(event.type, event.sequence) for event in again} == {("match-found", 1), ("match-withdrawn", 2)}
            assert len({event.id for event in events}) == 6
            assert len(again) == 8
            same = {
                (e.id, e.time.replace(microsecond=e.time.microsecond // 1_000 * 1_000), e.correlationid, e.causationid)
                for e in again
            }
            assert len(same) == 4
            assert {event.recordedtime for event in again} == {RECORDED}
            assert await standing(database) == before


class TestTakeover:
    async def test_the_standby_reads_nothing_until_it_takes_over_and_then_carries_on(
        self, setup: Setup, database: Any
    ) -> None:
        people, jobs = [a_person(n) for n in range(4)], [a_job(n) for n in range(3)]

        async def is_right() -> bool:
            return await standing(database) == expected(people, jobs)

        first = setup.running("matching-1")
        await first.__aenter__()
        await eventually(lambda: database.leases.find_one({"_id": "matching", "owner": "matching-1"}))
        try:
            async with setup.running("matching-2") as second:
                async with client(second) as http:
                    answer = await http.get("/ready")
                    assert (answer.status_code, answer.json()["role"]) == (200, "standby")
                await setup.publish(*(told(x) for x in (*people, *jobs)))
                await eventually(is_right)
                owners = {d["owner"] async for d in database.checkpoints.find()}
                assert owners == {"matching-1"}
                await first.__aexit__(None, None, None)
                first = None  # type: ignore[assignment] # it has ended
                people.append(a_person(9, residence="legal-dong-2026:41210"))
                await setup.publish(told(people[-1]))
                await eventually(is_right)
                lease = await database.leases.find_one({"_id": "matching"})
                assert lease["owner"] == "matching-2"
                async with client(second) as http:

                    async def is_active() -> bool:  # it reads already before its group has found together
                        return bool((await http.get("/ready")).json()["role"] == "active")

                    await eventually(is_active)
        finally:
            if first is not None:
                await first.__aexit__(None, None, None)
        last_told(await setup.emitted())
