"""Every query of intake. What events change goes through the kit's Store; here is what is read, and audit."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import datetime
from typing import cast

from pymongo import ASCENDING, DESCENDING

from services.intake.documents import (
    AGENCIES,
    AUDIT,
    IDENTITIES,
    INBOX,
    OPPORTUNITIES,
    PEOPLE,
    REFERENCES,
    REJECTIONS,
    STEPS,
    InboxDocument,
    Reference,
    RejectionDocument,
    StepsSummary,
    StoredPerson,
)
from services.intake.opportunity_documents import (
    EMPLOYERS,
    QUESTIONS,
    EmployerDocument,
    QuestionDocument,
    StoredOpportunity,
    employer_id,
)
from services.intake.schemas import Vetted
from shared.access.agencies import held_agency
from shared.access.api_keys import Caller
from shared.events.topics.agencies import Agency
from shared.kit.base.ids import random_id
from shared.kit.store.mongo import Database, Document

PAGE_ROWS = 25  # of a list, taken from the database at once
BEFORE_ALL = ("", "")  # whose last day is over: day and id of the last one seen

# Identity is binary or it is not stored, whoever writes: the database checks it too.
_SEALED = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "key", "sealed"],
        "additionalProperties": False,
        "properties": {
            "_id": {"bsonType": "string"},
            "key": {"bsonType": "binData"},
            "sealed": {"bsonType": "object", "additionalProperties": {"bsonType": "binData"}},
        },
    }
}


class Repository:
    """Reads of intake's own database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self) -> None:
        """Make the database refuse identity in clear. Safe to repeat."""
        if IDENTITIES.name not in await self._database.list_collection_names(filter={"name": IDENTITIES.name}):
            await self._database.create_collection(IDENTITIES.name, check_exists=False)
        await self._database.command("collMod", IDENTITIES.name, validator=_SEALED, validationLevel="strict")

    async def has_administrator(self) -> bool:
        """Whether any agency with a key may register agencies."""
        query = {"state.rights.administers": True, "state.keys.0": {"$exists": True}}
        return await self._database[AGENCIES].find_one(query, {"_id": 1}) is not None

    async def agencies(self) -> list[Agency]:
        """All that are registered."""
        return [held_agency(document) async for document in self._database[AGENCIES].find({}, {"state": 1})]

    async def audit(self, at: datetime, caller: Caller, action: str, *, person: str | None, outcome: str) -> None:
        """Write down a read about a person, before it is answered; when this fails, nothing may be answered."""
        who = {"agency": caller.agency.agency, "key_id": caller.key_id}
        entry = {"_id": random_id(), "at": at, **who, "action": action, "outcome": outcome}
        await self._database[AUDIT].insert_one(entry if person is None else {**entry, "person": person})

    async def person_by_reference(self, index: str) -> StoredPerson | None:
        """The person that a blind index leads to."""
        known = Reference.kept_in(index, await self._database[REFERENCES].find_one({"_id": index}))
        document = None if known.thing is None else await self._database[PEOPLE].find_one({"_id": known.thing})
        return None if document is None else StoredPerson.kept_in(document)

    async def led_to(self, indexes: Sequence[str]) -> dict[str, str]:
        """The things that blind indexes lead to."""
        query = {"_id": {"$in": list(indexes)}, "thing": {"$exists": True}}
        return {row["_id"]: row["thing"] async for row in self._database[REFERENCES].find(query, {"thing": 1})}

    async def thing(self, collection: str, id: str) -> Document | None:
        """A person or an opportunity."""
        return await self._database[collection].find_one({"_id": id})

    async def identity_fields(self, person: str) -> list[str]:
        """Which fields of the identity are held; no value, not even sealed, leaves the database."""
        names = {"$map": {"input": {"$objectToArray": "$sealed"}, "as": "one", "in": "$$one.k"}}
        pipeline: list[Document] = [{"$match": {"_id": person}}, {"$project": {"names": names}}]
        async for row in IDENTITIES.of(self._database).aggregate(pipeline, maxTimeMS=5_000):
            return sorted(row["names"])
        return []

    async def correlations(self, person: str, most: int, agency: str | None) -> list[str]:
        """What the newest accepted events about a person are followed by; of them those of one agency, or all."""
        shown = {"correlationid": 1, "agency": 1}
        newest = INBOX.of(self._database).find({"person": person}, shown).sort("at", DESCENDING).limit(most)
        return [row["correlationid"] async for row in newest if agency in (None, row["agency"])]

    async def receipt(self, *, index: str | None = None, receipt: str | None = None) -> InboxDocument | None:
        """The inbox row of an accepted event, by the hash of (source, id) or by its receipt."""
        query = {"_id": index} if index is not None else {"receipt": receipt}
        return await INBOX.of(self._database).find_one(query)

    async def rejection(self, id: str) -> RejectionDocument | None:
        """One rejection."""
        return await REJECTIONS.of(self._database).find_one({"_id": id})

    async def questions(self, limit: int, before: tuple[datetime, str] | None) -> list[QuestionDocument]:
        """The newest pairs of opportunities that may be one and that nobody has answered; `before`: time and id of the
        last one seen."""
        query: Document = {"answer": None}
        if before is not None:
            query["$or"] = [{"at": {"$lt": before[0]}}, {"at": before[0], "_id": {"$gt": before[1]}}]
        newest = QUESTIONS.of(self._database).find(query, max_time_ms=5_000)
        return await newest.sort([("at", DESCENDING), ("_id", ASCENDING)]).limit(limit).to_list(None)

    async def opportunities(self, ids: Sequence[str]) -> dict[str, StoredOpportunity]:
        """Those of these that exist, by id."""
        found = self._database[OPPORTUNITIES].find({"_id": {"$in": list(ids)}})
        return {document["_id"]: StoredOpportunity.kept_in(document) async for document in found}

    async def held(self, limit: int, after: str) -> list[StoredOpportunity]:
        """Opportunities that are held, by id."""
        query = {"state.status": "held", "_id": {"$gt": after}}
        found = self._database[OPPORTUNITIES].find(query, max_time_ms=5_000).sort("_id", ASCENDING).limit(limit)
        return [StoredOpportunity.kept_in(document) async for document in found]

    async def employers(self, limit: int, after: str) -> list[EmployerDocument]:
        """Entries of the list of employers, by number."""
        query = {"_id": {"$gt": after, "$lt": employer_id("~")}}
        return await EMPLOYERS.of(self._database).find(query).sort("_id", ASCENDING).limit(limit).to_list(None)

    async def employers_to_apply(self, after: str) -> list[EmployerDocument]:
        """Entries of the list whose adverts have not all been looked at since, by number."""
        query = {"_id": {"$gt": max(after, employer_id("")), "$lt": employer_id("~")}, "applied": False}
        return await EMPLOYERS.of(self._database).find(query).sort("_id", ASCENDING).limit(100).to_list(None)

    async def adverts_of(self, employer: str, after: str, limit: int) -> list[str]:
        """Opportunities with this employer's number, however it is written, by id. It goes through all of them: every
        advert would pay for an index that serves an operator's act."""
        number = {"$regex": "^-*" + "-*".join(employer) + "-*$", "$options": "i"}
        query = {"_id": {"$gt": after}, "state.employer.number": number}
        found = self._database[OPPORTUNITIES].find(query, {"_id": 1}, max_time_ms=120_000).sort("_id", ASCENDING)
        return [document["_id"] async for document in found.limit(limit)]

    async def adverts_ended(self, today: str, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """Opportunities with a source whose last day lies before today: that day and the id, in order."""
        return await self._over(OPPORTUNITIES, today, after, limit)

    async def vetting(self, opportunity: str) -> Vetted | None:
        """What holds of an opportunity."""
        held = await self._database[OPPORTUNITIES].find_one({"_id": opportunity}, {"state.vetting": 1})
        return None if held is None or "vetting" not in held["state"] else Vetted(**held["state"]["vetting"])

    async def full(self, tallies: Sequence[str], most: int) -> list[str]:
        """Those of these tallies that have reached the most."""
        query = {"_id": {"$in": list(tallies)}, "count": {"$gte": most}}
        return [document["_id"] async for document in self._database[REFERENCES].find(query, {"_id": 1})]

    async def rejections(
        self,
        agency: str | None,
        limit: int,
        before: tuple[datetime, str] | None,
        findings: int,
        only: Document | None = None,
    ) -> AsyncGenerator[RejectionDocument, None]:
        """The newest rejections, of one agency or of all, with their first `findings`, and `findings`: how many there
        are. `before`: time and id of the last one seen; `only`: what is looked for. Read in small portions: who has
        enough may stop."""
        query: Document = {**({} if agency is None else {"agency": agency}), **(only or {})}
        if before is not None:
            query["$or"] = [{"at": {"$lt": before[0]}}, {"at": before[0], "_id": {"$gt": before[1]}}]
        shown: Document = dict.fromkeys(("agency", "event", "type", "at"), 1)
        shown |= {"refusals": {"$slice": ["$refusals", findings]}, "findings": {"$size": "$refusals"}}
        newest = REJECTIONS.of(self._database).find(query, shown).sort([("at", DESCENDING), ("_id", ASCENDING)])
        async for document in newest.limit(limit).batch_size(PAGE_ROWS):
            yield document

    async def steps(self, *correlationids: str) -> list[StepsSummary]:
        """What followed from accepted events: for each kind of step how often, first and last time."""
        what = {name: f"${name}" for name in ("type", "recipient", "channel", "about", "reason")}
        pipeline: list[Document] = [
            {"$match": {"correlationid": {"$in": list(correlationids)}}},
            {"$group": {"_id": what, "count": {"$sum": 1}, "first": {"$min": "$at"}, "last": {"$max": "$at"}}},
            {"$sort": {"_id": 1}},
        ]
        found = STEPS.of(self._database).aggregate(pipeline, maxTimeMS=5_000)
        return [cast(StepsSummary, step) async for step in found]

    async def ended(self, today: str, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """People with a consent whose last day lies before today: that day and the id, in order."""
        return await self._over(PEOPLE, today, after, limit)

    async def _over(self, collection: str, today: str, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        day, id = after
        further: list[Document] = [{"ends": day, "_id": {"$gt": id}}, {"ends": {"$gt": day, "$lt": today}}]
        query = {"ends": {"$gte": day, "$lt": today, "$type": "string"}, "$or": further}
        found = self._database[collection].find(query, {"ends": 1}).sort([("ends", ASCENDING), ("_id", ASCENDING)])
        return [(document["ends"], document["_id"]) async for document in found.limit(limit)]

    async def ending(self, first: str, last: str) -> tuple[int, int]:
        """How many people's first consent ends between two days, both included; and how many end then or later."""
        people = self._database[PEOPLE]
        soon = await people.count_documents({"ends": {"$gte": first, "$lte": last}}, maxTimeMS=5_000)
        return soon, await people.count_documents({"ends": {"$gte": first}}, maxTimeMS=5_000)

    async def everything(self, collection: str) -> AsyncIterator[str]:
        """The ids of all things of a kind, in order."""
        async for document in self._database[collection].find({}, {"_id": 1}).sort("_id", ASCENDING):
            yield document["_id"]
