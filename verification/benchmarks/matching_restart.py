"""How long a matcher takes until it is active again after kill -9, with people, openings, lists and matches that stand
in its store: with the snapshot of the openings that it wrote, and, before, without one."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
from pymongo import MongoClient

from deploy.local.stack import LocalStack
from deploy.local.timeouts import scaled
from services.matching.documents import (
    LISTS,
    MATCHES,
    OPPORTUNITIES,
    PEOPLE,
    PROGRESS,
    SNAPSHOT,
    StoredOpening,
    StoredPerson,
)
from services.matching.domain.match_index import MatchIndex
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from services.matching.matcher_documents import StoredList, StoredProgress
from services.matching.opening_snapshot import OPENINGS_IN_CHUNK
from services.matching.rules_digest import rules_digest
from shared.events import Event
from shared.events.topics.opportunities import JOB_POSTED, Opportunity
from shared.events.topics.people import PERSON_UPDATED, Consent, Person
from shared.kit.store.mongo import Document
from shared.reference import Pack
from verification.benchmarks.command import InvalidTrial
from verification.benchmarks.process import ServiceProcess
from verification.evaluation.families import FAMILIES
from verification.evaluation.world import Market

LOOKS, ADVERTS = 1_500, 3_000  # of people and adverts that are drawn one by one
FAR = date(2099, 1, 1)
DATABASE, AT_ONCE, MOST_SECONDS = "matching", 1_000, 600.0
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)


def restart(pack: Pack, people: int, openings: int, seed: int) -> dict[str, Any]:
    """Measure it on a stack of its own."""
    with tempfile.TemporaryDirectory() as folder:
        stack = LocalStack(Path(folder) / "stack", kind="embedded", cache_gb=2.0)
        stack.start()
        try:
            fill(stack, pack, people, openings, seed)
            return asyncio.run(_measure(stack, Path(folder), openings))
        finally:
            stack.kill()


async def _measure(stack: LocalStack, folder: Path, openings: int) -> dict[str, Any]:
    service = ServiceProcess(stack, folder, "matching")
    database = MongoClient[Document](stack.mongo_url)[DATABASE]
    found: dict[str, Any] = {}
    try:
        await _starts(service, database, openings, found)
    finally:
        await service.end(kill=True)
    return found


async def _starts(service: ServiceProcess, database: Any, openings: int, found: dict[str, Any]) -> None:
    """From the store, and, killed, from the snapshot that was written then."""
    for name in ("from_store", "restart"):
        began = time.monotonic()
        await service.start({"IEUM_DATABASE": DATABASE}, wait=False)
        active, loaded = await _loaded(service, openings, began)
        found |= {f"{name}_active_s": round(active, 1), f"{name}_s": round(loaded, 1)}
        found[f"{name}_memory_gb"] = round(_resident(service.pid) / 1e6, 2)
        chunks, end = openings // OPENINGS_IN_CHUNK, time.monotonic() + scaled(MOST_SECONDS)
        while database[SNAPSHOT].estimated_document_count() < chunks:
            if time.monotonic() > end:
                raise InvalidTrial("the snapshot was not written")
            await asyncio.sleep(0.5)
        await service.end(kill=True)


async def _loaded(service: ServiceProcess, openings: int, began: float) -> tuple[float, float]:
    """Seconds until it is active, and until it has loaded everything and nothing waits."""
    active, end = 0.0, time.monotonic() + scaled(MOST_SECONDS)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(scaled(30.0))) as http:
        while time.monotonic() < end:
            try:
                async with http.get(f"http://127.0.0.1:{service.port}/ready") as answer:
                    state = await answer.json()
            except (aiohttp.ClientError, TimeoutError, ValueError):
                state = {}
            if state.get("role") == "active":
                active = active or time.monotonic() - began
                progress = state.get("progress") or {}
                if progress.get("loaded") == openings == progress.get("of") and progress.get("waiting") == 0:
                    return active, time.monotonic() - began
            await asyncio.sleep(0.1)
    raise InvalidTrial(f"it did not load: {service.end_of_log()}")


def _resident(pid: int | None) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def fill(
    stack: LocalStack, pack: Pack, people: int, openings: int, seed: int, database_name: str = DATABASE
) -> Filling:
    """What the service would have stored of them. People look like one of `LOOKS`, whose lists are worked out here."""
    filling = Filling(pack, seed)
    database = MongoClient[Document](stack.mongo_url)[database_name]
    for at in range(0, openings, AT_ONCE):
        some = range(at, min(at + AT_ONCE, openings))
        database[OPPORTUNITIES].insert_many([filling.opening(revision) for revision in some], ordered=False)
    for at in range(0, people, AT_ONCE):
        everybody = [filling.person(number, openings) for number in range(at, min(at + AT_ONCE, people))]
        for collection, documents in zip((PEOPLE, LISTS, MATCHES), zip(*everybody, strict=True), strict=True):
            database[collection].insert_many([one for some in documents for one in some], ordered=False)
    database[PROGRESS].insert_one(StoredProgress(openings, 0, filling.index.today).to_document())
    return filling


class Filling:
    """Documents as the service stores them, one after the other."""

    def __init__(self, pack: Pack, seed: int) -> None:
        self._pack, self._dice = pack, random.Random(seed)
        self._market = Market(pack, FAMILIES[0], seed, LOOKS, ADVERTS)
        self.index = MatchIndex(pack, datetime.now(ZoneInfo(pack.timezone)).date())
        self._rules = f"{rules_digest(pack)}/{self.index.context_key}"

    def opening(self, revision: int) -> Document:
        """The next one."""
        one = self.another()
        facts = opening_facts(one, self._pack)
        self.index.put_opening(facts, revision)
        return StoredOpening.of(event_of(JOB_POSTED.name, one.opportunity, one), revision, facts.last_day).to_document()

    def another(self) -> Opportunity:
        """An advert like one of the market's, in another place, with another pay, of another employer."""
        one, place = self._dice.choice(self._market.adverts).shown, self._dice.choice(self._market.adverts).shown
        update: dict[str, Any] = {"opportunity": _id(self._dice), "region": place.region, "closes": FAR}
        if one.wage is not None:
            pay = {"minimum": round(one.wage.minimum * self._dice.choice((0.98, 1.0, 1.02)))}
            update["wage"] = one.wage.model_copy(update=pay)
        if one.employer is not None:
            update["employer"] = one.employer.model_copy(update={"number": f"{self._dice.randrange(10**5):010d}"})
        return one.model_copy(update=update)

    def person(self, number: int, openings: int) -> tuple[list[Document], list[Document], list[Document]]:
        """The next one, with list and matches, once all openings are there."""
        look = self._market.workers[number % LOOKS].shown
        consents = (Consent(purpose="matching", until=FAR),)
        shown = look.model_copy(update={"person": _id(self._dice), "consents": consents, "aliases": ()})
        revision, of_look, index = openings + number, person_facts(shown, self._pack), self.index
        if number < LOOKS:
            index.put_person(replace(of_look, id=look.person), revision)
            index.scan_person(look.person)
        own, context = index.list_of(look.person), index.context_key
        assert own is not None, "all looks come first"
        shortlist = StoredList.of(shown.person, revision, own[1], openings, self._rules).to_document()
        index.put_person(replace(of_look, id=shown.person), revision)
        index.restore_list(shown.person, *own[1])
        revisions = {one: index.revisions(shown.person, one) for one in index.best(shown.person)}  # by their own lots
        index.remove_person(shown.person)
        matches = [
            _match(_id(self._dice), shown.person, id, [revision, one.opening, context])
            for id, one in revisions.items()
            if one is not None
        ]
        event = event_of(PERSON_UPDATED.name, shown.person, shown)
        return [StoredPerson.of(event, revision).to_document()], [shortlist], matches


def _match(id: str, person: str, opening: str, revisions: list[object]) -> Document:
    """As much of a match as a load reads, and about as large as one is."""
    return {
        "_id": id, "person": person, "opportunity": opening, "standing": True, "sequence": 1, "content": "0" * 32,
        "revisions": revisions, "congestion": None, "score": 0.5, "match": {"as_of": "2099-01-01", "said": "." * 900},
    }  # fmt: skip


def event_of(type: str, key: str, data: Person | Opportunity) -> Event[Any]:
    """As intake says it."""
    return Event(id=key, source="/bench", type=type, version=1, time=NOW, key=key, data=data, sequence=1)


def _id(dice: random.Random) -> str:
    return f"{dice.getrandbits(128):032x}"
