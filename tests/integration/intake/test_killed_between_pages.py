"""Intake is killed when a job has done one page: who comes next does the rest, and nothing twice."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.timeouts import scaled
from services.intake.documents import OPPORTUNITIES, PEOPLE
from tests.integration.intake.running import ADMIN_TOKEN, Partner, Process, on_the_bus, register
from tests.unit.intake.memory import example, today

pytestmark = pytest.mark.integration
COUNT = 7  # of which a page holds two
TWO_DAYS_ON = {"IEUM_CALENDAR_OFFSET_SECONDS": str(2 * 24 * 3_600)}
NUMBER = "123-45-67890"


class Intakes:
    """One after the other, on one database."""

    def __init__(self, folder: Path, kafka: str, mongo_url: str, prefix: str, mongo: Any) -> None:
        self._where = (folder, kafka, mongo_url, prefix)
        self._mongo = mongo
        self._started: list[Process] = []
        self.kafka, self.prefix = kafka, prefix

    async def started(self, crash_at: str | None = None, **more: str) -> tuple[Process, httpx.AsyncClient]:
        process = Process(*self._where, crash_at=crash_at, more=more)
        self._started.append(process)
        return process, await process.ready()

    async def killed_between_pages(self, query: str, **more: str) -> None:
        """One that is gone after a page of the job that asks this query."""
        process = Process(*self._where, crash_at=query, more=more)
        self._started.append(process)
        process.trigger.touch()
        assert await process.gone() == -9
        process.trigger.unlink()

    async def stored(self, collection: str, **wanted: Any) -> list[Any]:
        return await self._mongo[self._started[-1].database][collection].find(wanted).to_list(None)

    async def until(self, collection: str, count: int, **wanted: Any) -> None:
        """So many things are stored so."""
        for _ in range(int(scaled(60) / 0.2)):
            if len(await self.stored(collection, **wanted)) == count:
                return
            await asyncio.sleep(0.2)
        raise AssertionError((collection, wanted, len(await self.stored(collection, **wanted))))

    async def told(self, topic: str, type: str, count: int) -> dict[str, list[int]]:
        """The numbers of the events of this type, by thing; what was published twice, under one id, counts once."""
        for at_least in range(count, count + 200):
            events = await on_the_bus(self.kafka, self.prefix + topic, at_least=at_least)
            found = {event.id: event for event in events if event.type == type}
            if len({event.key for event in found.values()}) >= count:
                break
        numbers: defaultdict[str, list[Any]] = defaultdict(list)
        for event in found.values():
            numbers[event.key].append(event.sequence)
        return numbers

    async def end(self) -> None:
        for process in self._started:
            process.kill()
        await self._mongo.drop_database(self._started[0].database)


@pytest.fixture
async def intakes(tmp_path: Path, kafka: str, mongo_url: str, topic_prefix: str, mongo: Any) -> Any:
    intakes = Intakes(tmp_path, kafka, mongo_url, topic_prefix, mongo)
    yield intakes
    await intakes.end()


async def agencies(http: httpx.AsyncClient) -> tuple[Partner, Partner, Partner]:
    admin = Partner(http, "ops", ADMIN_TOKEN)
    return admin, await register(admin, "hanawon"), await register(admin, "gjf", "service")


async def accepted(partner: Partner, type: str, data: list[dict[str, Any]]) -> None:
    answer = await partner.batch([partner.event(type, each) for each in data])
    assert {one["status"] for one in answer.json()["results"]} == {"accepted"}, answer.text


async def test_consents_lapse_each_once(intakes: Intakes) -> None:
    process, http = await intakes.started()
    _, hanawon, _ = await agencies(http)
    consents = [{"purpose": "matching", "until": today(1)}]
    people = [example("trainee-graduated", reference=f"P-{n}", consents=consents) for n in range(COUNT)]
    await accepted(hanawon, "trainee-graduated", people)
    await http.aclose()
    process.kill()

    for _ in range(2):  # and the next one on its way, too
        await intakes.killed_between_pages("ended", **TWO_DAYS_ON)
    left = await intakes.stored(PEOPLE, ends={"$ne": None})
    assert len(left) == COUNT - 4, "a page each was done"
    _, http = await intakes.started(**TWO_DAYS_ON)
    await intakes.until(PEOPLE, COUNT, ends=None)
    told = await intakes.told("people", "consent-lapsed", COUNT)
    assert sorted(told.values()) == [[3]] * COUNT
    await http.aclose()


async def test_adverts_end_each_once(intakes: Intakes) -> None:
    process, http = await intakes.started()
    _, _, gjf = await agencies(http)
    ends = {"closes": today(1), "until_filled": False, "starts": None}
    await accepted(gjf, "job-posted", [example("job-posted", reference=f"A-{n}", **ends) for n in range(COUNT)])
    await http.aclose()
    process.kill()

    for _ in range(2):
        await intakes.killed_between_pages("adverts_ended", **TWO_DAYS_ON)
    assert len(await intakes.stored(OPPORTUNITIES, ends={"$ne": None})) == COUNT - 4
    _, http = await intakes.started(**TWO_DAYS_ON)
    await intakes.until(OPPORTUNITIES, COUNT, **{"state.status": "closed"})
    told = await intakes.told("opportunities", "job-closed", COUNT)
    assert sorted(told.values()) == [[2]] * COUNT
    await http.aclose()


@pytest.mark.parametrize("taken_off", [False, True])
async def test_an_employers_entry_is_applied_to_each_advert_once(intakes: Intakes, taken_off: bool) -> None:
    """What comes between two beginnings is judged when it comes; the entry counts as applied at the end alone."""
    process, http = await intakes.started()
    admin, _, gjf = await agencies(http)
    employer = {"name": "예시제과", "number": NUMBER}
    adverts = [example("job-posted", reference=f"A-{n}", employer=employer) for n in range(COUNT)]
    await accepted(gjf, "job-posted", adverts)
    if taken_off:
        await _listed(admin)
        await intakes.until(OPPORTUNITIES, COUNT, **{"state.status": "held"})
        await intakes.until("references", 0, applied=False)  # else the next process begins with this entry
    await http.aclose()
    process.kill()

    crashing, http = await intakes.started(crash_at="adverts_of")
    crashing.trigger.touch()
    admin.http = gjf.http = http
    try:
        with suppress(httpx.TransportError):  # it may be gone before it has answered
            await (_taken_off(admin) if taken_off else _listed(admin))
        assert await crashing.gone() == -9
    finally:
        crashing.trigger.unlink()
        await http.aclose()
    now = "open" if taken_off else "held"
    assert len(await intakes.stored(OPPORTUNITIES, **{"state.status": now})) == 2, "one page was done"
    (entry,) = await intakes.stored("references", applied=False)
    assert entry["_id"].startswith("employer/")

    await intakes.killed_between_pages("adverts_of")
    _, http = await intakes.started()
    gjf.http = http
    await accepted(gjf, "job-posted", [example("job-posted", reference="A-late", employer=employer)])
    await intakes.until(OPPORTUNITIES, COUNT + 1, **{"state.status": now})
    await intakes.until("references", 0, applied=False)
    told = await intakes.told("opportunities", "opportunity-vetted", COUNT)
    numbers = sorted(told.values())
    assert numbers == ([[2, 3]] * COUNT if taken_off else [[1], *[[2]] * COUNT])
    await http.aclose()


async def _listed(admin: Partner) -> None:
    verdict = {"verdict": "held", "reason": "employer-blocked"}
    answer = await admin.http.put(f"/employers/{NUMBER}", json=verdict, headers=admin.headers)
    assert answer.status_code == 200, answer.text


async def _taken_off(admin: Partner) -> None:
    answer = await admin.http.delete(f"/employers/{NUMBER}", headers=admin.headers)
    assert answer.status_code == 204, answer.text
