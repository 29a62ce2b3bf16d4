"""Every query and index of this service. What changes together with events goes through the kit's Work instead."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date

from pymongo import ASCENDING, IndexModel

from services.matching.documents import AUDIT, FORGOTTEN, MATCHES, OPPORTUNITIES, PEOPLE, Document, alias_key
from shared.kit import floors
from shared.kit.mongo import Database

KEEP_AUDIT_SECONDS = 2 * 365 * 86_400
PATIENCE_MS = 5_000

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    **floors.INDEXES,
    PEOPLE: [IndexModel([("aliases", ASCENDING)], name="by_alias")],
    MATCHES: [
        IndexModel([("person", ASCENDING), ("standing", ASCENDING)], name="of_person"),
        IndexModel([("opportunity", ASCENDING), ("standing", ASCENDING)], name="of_opportunity"),
        IndexModel([("match.as_of", ASCENDING)], name="withdrawn", partialFilterExpression={"standing": False}),
    ],
    AUDIT: [
        IndexModel([("at", ASCENDING)], expireAfterSeconds=KEEP_AUDIT_SECONDS, name="kept_two_years"),
        IndexModel([("person", ASCENDING)], name="by_person"),
    ],
}


class Repository:
    """Reads of committed state, and the audit. Raises PyMongoError when MongoDB does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def everything(self, collection: str) -> AsyncIterator[Document]:
        """All documents of a collection, in order of their ids."""
        async for document in self._database[collection].find({}).sort("_id", ASCENDING).batch_size(500):
            yield document

    async def person_by_alias(self, agency: str, alias: str) -> Document | None:
        """The person whom this agency knows by this alias."""
        query = {"aliases": alias_key(agency, alias)}
        return await self._database[PEOPLE].find_one(query, max_time_ms=PATIENCE_MS)

    async def people(self, ids: Iterable[str]) -> dict[str, Document]:
        """These people by id."""
        found = self._database[PEOPLE].find({"_id": {"$in": sorted(set(ids))}}).max_time_ms(PATIENCE_MS)
        return {document["_id"]: document async for document in found}

    async def floors(self, ids: Iterable[str]) -> dict[str, Document]:
        """What is forbidden of these people, by id; asked after their states were read, it misses nothing."""
        query = {"_id": {"$in": sorted(set(ids))}}
        found = self._database[floors.FLOORS].find(query).max_time_ms(PATIENCE_MS)
        return {document["_id"]: document async for document in found}

    async def opportunity(self, id: str) -> Document | None:
        """One opportunity."""
        return await self._database[OPPORTUNITIES].find_one({"_id": id}, max_time_ms=PATIENCE_MS)

    async def matches_of_person(self, person: str) -> list[Document]:
        """The standing matches of a person, best first."""
        found = await self._standing({"person": person})
        return sorted(found, key=lambda document: (-document["match"]["score"], document["opportunity"]))

    async def matches_of_opportunity(self, opportunity: str) -> list[Document]:
        """The standing matches of this opportunity, best first."""
        found = await self._standing({"opportunity": opportunity})
        return sorted(found, key=lambda document: (-document["match"]["score"], document["person"]))

    async def withdrawn_before(self, day: date, limit: int) -> list[str]:
        """Matches that were withdrawn before that day, by id."""
        query = {"standing": False, "match.as_of": {"$lt": day.isoformat()}}
        found = self._database[MATCHES].find(query, {"_id": 1}).limit(limit).max_time_ms(PATIENCE_MS)
        return [document["_id"] async for document in found]

    async def highest_forgotten(self) -> int:
        """The highest sequence of all matches that were forgotten; 0 when none was."""
        found = await self._database[FORGOTTEN].find_one({"_id": MATCHES}, max_time_ms=PATIENCE_MS)
        return 0 if found is None else int(found["sequence"])

    async def audit(self, entries: Sequence[Document]) -> None:
        """Write down who read what about whom; it is on a majority of disks when this returns."""
        if entries:
            await self._database[AUDIT].insert_many(list(entries), ordered=False)

    async def _standing(self, query: Document) -> list[Document]:
        found = self._database[MATCHES].find({**query, "standing": True}).max_time_ms(PATIENCE_MS)
        return await found.to_list(None)
