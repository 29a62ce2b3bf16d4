"""Every query of this service. What changes together with events goes through a unit of work instead."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date

from pymongo import ASCENDING, DESCENDING

from services.matching.documents import (
    ASSESSED,
    AUDIT,
    CANDIDATES,
    LISTS,
    MATCHES,
    OPPORTUNITIES,
    PARTS,
    PEOPLE,
    PRICES,
    PROGRESS,
    PURGED,
    SNAPSHOT,
    WHO,
    StoredMatch,
    StoredOpening,
    StoredPerson,
    alias_key,
)
from services.matching.domain.congestion import Congestion
from services.matching.domain.match_index import Revisions
from services.matching.indexes_and_retention import ACTIVE, NEWEST_OPEN, OPEN_UNTIL
from services.matching.match_provenance import (
    OPENINGS_TOLD,
    PEOPLE_TOLD,
    StoredOpeningInput,
    StoredPersonInput,
    input_id,
)
from services.matching.matcher_documents import (
    StoredCandidates,
    StoredList,
    StoredPrices,
    StoredProgress,
    StoredPurge,
    StoredTable,
)
from shared.access import prohibition_floors
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.events.topics.prohibitions import Floors
from shared.kit.store.mongo import Database, Document

PATIENCE_MS = 5_000


def taking_people(today: date) -> Document:
    """The query for openings that take people on this day or later."""
    return {"open": True, "last_day": {"$not": {"$lt": today.isoformat()}}}


class Repository:
    """Reads of committed state, and the audit. Raises PyMongoError when MongoDB does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def match_ids(self) -> AsyncIterator[str]:
        """The ids of all matches, in order."""
        async for document in self._database[MATCHES].find({}, {"_id": 1}).sort("_id", ASCENDING).batch_size(5_000):
            yield document["_id"]

    async def active_people(self) -> AsyncIterator[tuple[Person, int]]:
        """Everybody who has not left, with the revision."""
        query, wanted = {"state.status": "active"}, {"revision": 1, "state": 1}
        async for document in self._database[PEOPLE].find(query, wanted).hint(ACTIVE).batch_size(500):
            yield Person.model_validate(document["state"], strict=False), document["revision"]

    async def open_revisions(self, today: date) -> AsyncIterator[tuple[str, int]]:
        """Of all openings that take people on this day or later the ids, with the revision."""
        found = self._database[OPPORTUNITIES].find(taking_people(today), {"revision": 1}).hint(OPEN_UNTIL)
        async for document in found.batch_size(5_000):
            yield document["_id"], document["revision"]

    async def stored_openings(self, ids: Sequence[str]) -> list[StoredOpening]:
        """Those of these that are held, open or not."""
        found = self._database[OPPORTUNITIES].find({"_id": {"$in": list(ids)}}).max_time_ms(PATIENCE_MS)
        return [StoredOpening.from_document(each) async for each in found.batch_size(len(ids))]

    async def chunks(self) -> AsyncIterator[Document]:
        """The snapshot of the openings."""
        async for document in self._database[SNAPSHOT].find({}).batch_size(16):
            yield document

    async def chunk_revisions(self) -> AsyncIterator[tuple[str, object]]:
        """Of each chunk of it the id, and the revisions as they are kept."""
        async for document in self._database[SNAPSHOT].find({}, {"revisions": 1}).batch_size(100):
            yield document["_id"], document.get("revisions")

    async def open_openings_about(self) -> int:
        """About how many those are, for a picture of how far a load is."""
        return await self._database[OPPORTUNITIES].estimated_document_count(maxTimeMS=PATIENCE_MS)

    async def standing(self) -> AsyncIterator[tuple[str, str, Revisions]]:
        """Of all matches that stand: person, opportunity, and from which revisions."""
        query, wanted = {"standing": True}, {"_id": 0, "person": 1, "opportunity": 1, "revisions": 1}
        async for document in self._database[MATCHES].find(query, wanted).batch_size(5_000):
            yield document["person"], document["opportunity"], Revisions(*document["revisions"])

    async def lists(self) -> AsyncIterator[StoredList]:
        """Everybody's list, as it was last stored."""
        async for document in self._database[LISTS].find({}).hint([("_id", ASCENDING)]).batch_size(500):
            yield StoredList.from_document(document)

    async def best_of_list(self, person: str, most: int) -> list[str] | None:
        """Of a person's list, as it was last stored, the best openings, best first; None: none was stored yet."""
        wanted = {"openings": {"$slice": most}}
        found = await self._database[LISTS].find_one({"_id": person}, wanted, max_time_ms=PATIENCE_MS)
        return None if found is None else list(found["openings"])

    async def highest_revision(self) -> int:
        """The highest revision that was given to a person or an opening."""
        highest = 0
        for collection in (PEOPLE, OPPORTUNITIES):
            newest = self._database[collection].find({}, {"revision": 1}).sort("revision", DESCENDING).limit(1)
            async for document in newest.max_time_ms(PATIENCE_MS):
                highest = max(highest, int(document["revision"]))
        return highest

    async def progress(self) -> StoredProgress | None:
        """How far the stored lists are; None when nothing was stored."""
        found = await self._database[PROGRESS].find_one({"_id": ASSESSED}, max_time_ms=PATIENCE_MS)
        return None if found is None else StoredProgress.from_document(found)

    async def congestion(self) -> Congestion | None:
        """The table of congestion in force; None when none was made."""
        if (day := await self._table_in_force()) is None:
            return None
        prices: dict[str, float] = {}
        async for document in self._database[PRICES].find({"_id": {"$in": [f"{day}/{part}" for part in PARTS]}}):
            prices |= StoredPrices.from_document(document).prices
        return Congestion(day, prices)

    async def gives_way(self, opening: str) -> float:
        """How much score an opening gives way by in the table in force; 0 when it does not."""
        day, wanted = await self._table_in_force(), {f"prices.{opening}": 1}
        query = {"_id": f"{day}/{opening[0]}"}
        found = await self._database[PRICES].find_one(query, wanted, max_time_ms=PATIENCE_MS)
        return 0.0 if found is None else float(found["prices"].get(opening, 0.0))

    async def _table_in_force(self) -> date | None:
        found = await self._database[PROGRESS].find_one({"_id": PRICES}, max_time_ms=PATIENCE_MS)
        return None if found is None else StoredTable.from_document(found).day

    async def person_by_alias(self, agency: str, alias: str) -> StoredPerson | None:
        """The person whom this agency knows by this alias."""
        query = {"aliases": alias_key(agency, alias)}
        found = await self._database[PEOPLE].find_one(query, max_time_ms=PATIENCE_MS)
        return None if found is None else StoredPerson.from_document(found)

    async def people_by_aliases(self, agency: str, aliases: Iterable[str]) -> list[StoredPerson]:
        """The people whom this agency knows by these aliases."""
        query = {"aliases": {"$in": [alias_key(agency, alias) for alias in sorted(set(aliases))]}}
        found = self._database[PEOPLE].find(query).max_time_ms(PATIENCE_MS)
        return [StoredPerson.from_document(document) async for document in found]

    async def people(self, ids: Iterable[str]) -> list[StoredPerson]:
        """These people."""
        found = self._database[PEOPLE].find({"_id": {"$in": sorted(set(ids))}}).max_time_ms(PATIENCE_MS)
        return [StoredPerson.from_document(document) async for document in found]

    async def some_people(self, most: int) -> list[StoredPerson]:
        """At most so many of those who have not left, by id."""
        found = self._database[PEOPLE].find({"state.status": "active"}).sort("_id", ASCENDING).limit(most)
        return [StoredPerson.from_document(document) async for document in found]

    async def active_count(self) -> int:
        """How many people have not left. It counts them all: for reports of administrators alone."""
        return await self._database[PEOPLE].count_documents({"state.status": "active"}, hint=ACTIVE)

    async def open_count(self, today: date) -> int:
        """How many openings take people on this day or later, likewise."""
        return await self._database[OPPORTUNITIES].count_documents(taking_people(today), hint=OPEN_UNTIL)

    async def floors(self, ids: Iterable[str]) -> dict[str, Floors]:
        """What is forbidden of these people, by id; asked after their states were read, it misses nothing."""
        wanted = sorted(set(ids))
        query = {"_id": {"$in": wanted}}
        cursor = self._database[prohibition_floors.FLOORS].find(query).max_time_ms(PATIENCE_MS)
        found = {document["_id"]: document async for document in cursor}
        return {id: prohibition_floors.floors_of(found.get(id)) for id in wanted}

    async def opportunity(self, id: str) -> Opportunity | None:
        """One opportunity."""
        found = await self._database[OPPORTUNITIES].find_one({"_id": id}, max_time_ms=PATIENCE_MS)
        return None if found is None else StoredOpening.from_document(found).opportunity

    async def opportunities(self, ids: Sequence[str]) -> dict[str, Opportunity]:
        """Those of these that are held."""
        found = self._database[OPPORTUNITIES].find({"_id": {"$in": list(ids)}}, max_time_ms=PATIENCE_MS)
        return {each["_id"]: StoredOpening.from_document(each).opportunity async for each in found}

    async def newest_open(self, today: date, most: int) -> list[tuple[str, int]]:
        """Of the openings that take people on this day or later the ids and revisions of those that changed last."""
        newest = self._database[OPPORTUNITIES].find(taking_people(today), {"revision": 1}).hint(NEWEST_OPEN)
        found = newest.sort("revision", DESCENDING).limit(most).max_time_ms(PATIENCE_MS)
        return [(one["_id"], one["revision"]) async for one in found]

    async def matched_of(self, openings: Sequence[str]) -> set[str]:
        """Those of these openings that stand as a match of anybody."""
        query = {"opportunity": {"$in": list(openings)}, "standing": True}
        return set(await self._database[MATCHES].distinct("opportunity", query))

    async def match_and_person(self, id: str) -> tuple[Document, Document | None] | None:
        """One match, standing or not, and of its person what says whether they are matched: both as they are stored,
        for another version may have written them."""
        match = await self._database[MATCHES].find_one({"_id": id}, max_time_ms=PATIENCE_MS)
        if match is None:
            return None
        wanted = {"sequence": 1, "told_from": 1, **{f"state.{one}": 1 for one in WHO}}
        query = {"_id": match["person"]}
        return match, await self._database[PEOPLE].find_one(query, wanted, max_time_ms=PATIENCE_MS)

    async def match_provenance(
        self, person: str, opening: str, revisions: Revisions
    ) -> tuple[StoredPersonInput, StoredOpeningInput] | None:
        """What a match was told by at these revisions; None when one of the two is kept no more."""
        ids = input_id(person, revisions.person), input_id(opening, revisions.opening)
        of_person = await self._database[PEOPLE_TOLD].find_one({"_id": ids[0]}, max_time_ms=PATIENCE_MS)
        of_opening = await self._database[OPENINGS_TOLD].find_one({"_id": ids[1]}, max_time_ms=PATIENCE_MS)
        if of_person is None or of_opening is None:
            return None
        return StoredPersonInput.from_document(of_person), StoredOpeningInput.from_document(of_opening)

    async def matches_of_person(self, person: str) -> list[StoredMatch]:
        """The standing matches of a person, in no order."""
        return (await self.matches_of_people([person]))[person]

    async def fitting(self, opportunity: str, limit: int) -> set[str]:
        """People who may fit an opening best: those it was last scanned with, and the best of those for whom it stands
        as a match. How well they fit now is for the caller to find out."""
        found = await self._database[CANDIDATES].find_one({"_id": opportunity}, max_time_ms=PATIENCE_MS)
        people = set[str]() if found is None else set(StoredCandidates.from_document(found).people)
        query = {"opportunity": opportunity, "standing": True}
        best = self._database[MATCHES].find(query, {"person": 1}).sort("score", DESCENDING).limit(limit)
        async for document in best.max_time_ms(PATIENCE_MS):
            people.add(document["person"])
        return people

    async def matches_of_people(self, people: Iterable[str]) -> dict[str, list[StoredMatch]]:
        """The standing matches of these people, in no order, without when they were told: no reader asks for it."""
        found: dict[str, list[StoredMatch]] = {id: [] for id in people}
        query = {"person": {"$in": sorted(found)}, "standing": True}
        async for document in self._database[MATCHES].find(query, {"told": 0}).max_time_ms(PATIENCE_MS):
            found[document["person"]].append(StoredMatch.from_document(document))
        return found

    async def withdrawn_before(self, day: date, limit: int) -> list[str]:
        """Matches that were withdrawn before that day, by id."""
        query = {"standing": False, "match.as_of": {"$lt": day.isoformat()}}
        found = self._database[MATCHES].find(query, {"_id": 1}).limit(limit).max_time_ms(PATIENCE_MS)
        return [document["_id"] async for document in found]

    async def highest_purged(self) -> int:
        """The highest sequence of all matches that were purged; 0 when none was."""
        found = await self._database[PURGED].find_one({"_id": MATCHES}, max_time_ms=PATIENCE_MS)
        return 0 if found is None else StoredPurge.from_document(found).sequence

    async def audit(self, entries: Sequence[Document]) -> None:
        """Write down who read what about whom; it is on a majority of disks when this returns."""
        if entries:
            await self._database[AUDIT].insert_many(list(entries), ordered=False)
