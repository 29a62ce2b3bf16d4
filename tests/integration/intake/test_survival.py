"""What is killed or away loses nothing: the process between commit and publish, the broker for a while, a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.local.stack import LocalStack
from tests.integration.intake.running import ADMIN_TOKEN, Partner, Process, on_the_bus, register
from tests.unit.intake.memory import example

pytestmark = pytest.mark.integration


class Started:
    """Processes of one test, ended with it."""

    def __init__(self, folder: Path, kafka: str, mongo_url: str, prefix: str) -> None:
        self._where = (folder, kafka, mongo_url, prefix)
        self._processes: list[Process] = []

    def one(self, *arguments: str, crash_at: str | None = None) -> Process:
        process = Process(*self._where, *arguments, crash_at=crash_at)
        self._processes.append(process)
        return process

    def end(self) -> None:
        for process in self._processes:
            process.kill()


@pytest.fixture
def started(tmp_path: Path, kafka: str, mongo_url: str, topic_prefix: str) -> Iterator[Started]:
    started = Started(tmp_path, kafka, mongo_url, topic_prefix)
    yield started
    started.end()


class TestKilled:
    @pytest.mark.parametrize("point", ["before commit", "after commit"])
    async def test_an_event_is_on_the_bus_once_whenever_intake_was_killed(
        self, started: Started, kafka: str, topic_prefix: str, point: str
    ) -> None:
        process = started.one(crash_at=point)
        http = await process.ready()
        hanawon = await register(Partner(http, "ops", ADMIN_TOKEN), "hanawon")
        await register(Partner(http, "ops", ADMIN_TOKEN), "gjf", "service")
        event = hanawon.event("trainee-graduated", example("trainee-graduated"))
        process.trigger.touch()
        with pytest.raises(httpx.TransportError):
            await hanawon.post(event)
        assert await process.gone() == -9
        process.trigger.unlink()
        await http.aclose()

        hanawon.http = await started.one().ready()
        answer = await hanawon.post(event)
        assert answer.status_code == 202
        assert answer.json()["status"] == ("duplicate" if point == "after commit" else "accepted")
        await asyncio.sleep(1)
        events = await on_the_bus(kafka, topic_prefix + "people", at_least=2)
        assert [(event.type, event.sequence) for event in events] == [("trainee-graduated", 1), ("consent-given", 2)]
        assert {event.causationid for event in events} == {answer.json()["receipt"]}
        await hanawon.http.aclose()

    @pytest.mark.parametrize("point", ["before commit", "after commit"])
    async def test_an_advert_that_changes_into_another_vacancy_leaves_each_of_both_on_the_bus_once(
        self, started: Started, kafka: str, topic_prefix: str, point: str
    ) -> None:
        """One act that tells of two opportunities, moves a reference and lists both anew."""
        process = started.one(crash_at=point)
        http = await process.ready()
        admin = Partner(http, "ops", ADMIN_TOKEN)
        gjf, khf = await register(admin, "gjf", "service"), await register(admin, "khf")
        first = (await gjf.send("job-posted", example("job-posted"))).json()["opportunity"]
        second = await khf.send("job-posted", example("job-posted", reference="K-1"))
        assert second.json()["opportunity"] == first
        other = {"title": "매장 판매원", "region": "legal-dong-2026:41110"}
        event = gjf.event("job-updated", example("job-updated", **other))
        process.trigger.touch()
        with pytest.raises(httpx.TransportError):
            await gjf.post(event)
        assert await process.gone() == -9
        process.trigger.unlink()
        await http.aclose()

        gjf.http = khf.http = await started.one().ready()
        moved = (await gjf.post(event)).json()
        assert moved["status"] == ("duplicate" if point == "after commit" else "accepted")
        closed = await khf.send("job-closed", example("job-closed", reference="K-1"))
        assert closed.json()["opportunity"] == first
        for at_least in range(4, 10):  # what a killed one had published may be there twice, under the same id
            events = await on_the_bus(kafka, topic_prefix + "opportunities", at_least=at_least)
            if len(said := {event.id: event for event in events}) == 4:
                break
        told = [(event.key != first, event.sequence, event.data.owner, event.data.status) for event in said.values()]
        assert sorted(told) == [
            (False, 1, "gjf", "open"),
            (False, 2, "khf", "open"),
            (False, 3, "khf", "closed"),
            (True, 1, "gjf", "open"),
        ]
        assert {event.key for event in events} == {first, moved["opportunity"]}
        await gjf.http.aclose()


class TestKafkaAway:
    async def test_events_are_taken_and_reach_the_bus_when_it_is_back(
        self, own_stack: LocalStack, tmp_path: Path
    ) -> None:
        started = Started(tmp_path, own_stack.kafka, own_stack.mongo_url, "t.")
        try:
            http = await started.one().ready()
            gjf = await register(Partner(http, "ops", ADMIN_TOKEN), "gjf", "service")
            own_stack.broker.kill()
            answers = [await gjf.send("job-posted", example("job-posted", reference=f"A-{n}")) for n in range(20)]
            assert {answer.status_code for answer in answers} == {202}
            assert (await http.get("/ready")).status_code == 200
            own_stack.broker.restart()
            found: set[str] = set()
            for _ in range(60):
                events = await on_the_bus(own_stack.kafka, "t.opportunities", seconds=5)
                found = {event.key for event in events}
                if len(found) == 20:
                    break
            assert found == {answer.json()["opportunity"] for answer in answers}
            await http.aclose()
        finally:
            started.end()


class TestMongoDBAway:
    async def test_the_door_says_so_and_takes_the_same_event_once_when_it_is_back(
        self, own_stack: LocalStack, tmp_path: Path
    ) -> None:
        started = Started(tmp_path, own_stack.kafka, own_stack.mongo_url, "t.")
        try:
            http = await started.one().ready()
            gjf = await register(Partner(http, "ops", ADMIN_TOKEN), "gjf", "service")
            event = gjf.event("job-posted", example("job-posted"))
            own_stack.database.kill()
            away = await gjf.post(event)
            assert away.status_code == 503
            assert int(away.headers["retry-after"]) > 0
            assert away.headers["content-type"] == "application/problem+json"
            own_stack.database.start()
            for _ in range(60):
                if (answer := await gjf.post(event)).status_code == 202:
                    break
                assert answer.status_code == 503
                await asyncio.sleep(0.5)
            assert answer.json()["status"] in ("accepted", "duplicate"), "the first answer may have been lost"
            (said,) = await on_the_bus(own_stack.kafka, "t.opportunities", at_least=1)
            assert said.key == answer.json()["opportunity"]
            await http.aclose()
        finally:
            started.end()


class TestStart:
    async def test_the_first_administrator_is_made_once_and_everything_can_be_told_again(
        self, started: Started, kafka: str, mongo_url: str, topic_prefix: str
    ) -> None:

        process = started.one()
        http = await process.ready()
        gjf = await register(Partner(http, "ops", ADMIN_TOKEN), "gjf", "service")
        posted = await gjf.send("job-posted", example("job-posted"))
        assert posted.status_code == 202
        before = await on_the_bus(kafka, topic_prefix + "agencies", at_least=2)
        assert [(event.key, event.sequence) for event in before if event.key == "ops"] == [("ops", 1)]
        await http.aclose()
        process.kill()

        http = await started.one().ready()
        after = await on_the_bus(kafka, topic_prefix + "agencies", at_least=2)
        assert sorted(event.id for event in after) == sorted(event.id for event in before)

        assert await started.one("republish").gone() == 0
        again = await on_the_bus(kafka, topic_prefix + "opportunities", seconds=60, at_least=2)
        assert len({event.id for event in again}) == 1
        assert [event.data.opportunity for event in again] == [posted.json()["opportunity"]] * 2
        assert {event.sequence for event in again} == {1}
        await http.aclose()
