"""Every query and every index of this service. Writes that belong together go through the kit's Work instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ASCENDING, IndexModel
from pymongo.errors import OperationFailure

from services.notifications.documents import (
    AGENCIES,
    ATTEMPTS,
    DELIVERIES,
    DROPPED,
    DUE,
    FEED,
    MATCHES,
    PEOPLE,
    SENDING,
    SERVED,
    STATES,
    SUBSCRIPTIONS,
    SWEEPS,
    THREADS,
    Document,
)
from shared.kit.backoff import Backoff
from shared.kit.store import Unavailable

_DAY = 86_400
KEEP_ENDED_SECONDS = 90 * _DAY
KEEP_ATTEMPTS_SECONDS = 30 * _DAY
# Longer than an older event of the match can come again: 7 days from matching's outbox, 7 more in the topic after that.
KEEP_WITHDRAWN_SECONDS = 30 * _DAY

MOMENTS = 6  # tries of a snapshot read, over about a second
_NO_SUCH_MOMENT = frozenset({239, 246})  # SnapshotTooOld, SnapshotUnavailable

_IN_TURN = [("due", ASCENDING), ("_id", ASCENDING)]


def _index(*fields: str, **options: Any) -> IndexModel:
    return IndexModel([(field, ASCENDING) for field in fields], **options)


# Named, because the planner must not choose: among indexes that begin with the recipient it takes any while there is
# little data, and keeps to it. A filter on the position's type would do for no query: only a range implies a range.
FEED_ORDER = "feed_order"
NOT_PROVED = "not_proved"

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    PEOPLE: [_index("recipients", "_id")],
    MATCHES: [_index("person"), _index("ended", expireAfterSeconds=KEEP_WITHDRAWN_SECONDS)],
    THREADS: [_index("person"), _index("recipient", "person")],
    SUBSCRIPTIONS: [_index("agency"), _index("channel", "state")],
    SWEEPS: [_index("not_before")],
    DELIVERIES: [
        _index("subscription", "state", "due", "_id"),
        _index("state", "subscription", "due"),
        _index("recipient", "position", name=FEED_ORDER, partialFilterExpression={"position": {"$gte": 0}}),
        _index("recipient", "position", name=NOT_PROVED, partialFilterExpression={"state": SERVED, "channel": FEED}),
        _index("recipient", "notice"),
        _index("recipient", "_id"),
        _index("ended", expireAfterSeconds=KEEP_ENDED_SECONDS),  # only what has ended has this field: never the open
    ],
    ATTEMPTS: [_index("at", expireAfterSeconds=KEEP_ATTEMPTS_SECONDS), _index("delivery")],
}


class Repository:
    """Reads, and the claims of dispatchers, which are outside of transactions on purpose (see `claim`)."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self._database = database

    async def people_concerning(self, agency: str, after: str, limit: int) -> list[str]:
        """People who name the agency in a consent or of whom it was told something, in order, after this one."""
        named = self._database[PEOPLE].find({"recipients": agency, "_id": {"$gt": after}}, {"_id": 1})
        told = self._database[THREADS].find({"recipient": agency, "person": {"$gt": after}}, {"person": 1})
        first = [d["_id"] for d in await named.sort("_id", ASCENDING).limit(limit).to_list(limit)]
        second = [d["person"] for d in await told.sort("person", ASCENDING).limit(limit).to_list(limit)]
        return sorted({*first, *second})[:limit]

    async def due_sweeps(self) -> list[Document]:
        """Walks with something to do, a few at a time."""
        return await self._database[SWEEPS].find({"$expr": {"$lte": ["$not_before", "$$NOW"]}}).to_list(20)

    async def subscriptions_of(self, agency: str) -> list[Document]:
        """All subscriptions of an agency, active or disabled."""
        found = self._database[SUBSCRIPTIONS].find({"agency": agency})
        return await found.sort("_id", ASCENDING).to_list(100)

    async def subscription(self, subscription: str) -> Document | None:
        """One subscription as it is now."""
        return await self._database[SUBSCRIPTIONS].find_one({"_id": subscription})

    async def agency(self, agency: str) -> Document | None:
        """One agency as it is now."""
        return await self._database[AGENCIES].find_one({"_id": agency})

    async def people(self, people: Sequence[str]) -> dict[str, Document]:
        """These people as they are now."""
        found = await self._database[PEOPLE].find({"_id": {"$in": list(people)}}).to_list(len(people))
        return {document["_id"]: document for document in found}

    async def waiting_endpoints(self, now: datetime) -> list[str]:
        """Subscriptions with something to send now."""
        due = await self._database[DELIVERIES].distinct("subscription", {"state": DUE, "due": {"$lte": now}})
        return sorted(due)

    async def claim(self, subscription: str, owner: str, now: datetime, lease_ms: int, limit: int) -> list[Document]:
        """Take up to ``limit`` due deliveries for ``owner`` (a name used once), those that are due longest first, and
        by id what became due at the same moment: that order is another one for every recipient.

        Two claims of one delivery cannot both succeed: each changes it only while it is due.
        """
        deliveries = self._database[DELIVERIES]
        due = deliveries.find({"subscription": subscription, "state": DUE, "due": {"$lte": now}}, {"_id": 1})
        ids = [d["_id"] for d in await due.sort(_IN_TURN).limit(limit).to_list(limit)]
        if not ids:
            return []
        await deliveries.update_many(
            {"_id": {"$in": ids}, "state": DUE},
            [
                {
                    "$set": {
                        "state": SENDING,
                        "owner": owner,
                        "lease": {"$add": ["$$NOW", lease_ms]},
                        "left_before": "$left",
                        "left": True,  # from here on it may have: a crash will not tell
                    }
                }
            ],
        )
        return await deliveries.find({"owner": owner, "state": SENDING}).sort(_IN_TURN).to_list(limit)

    async def release_lost(self) -> int:
        """Let go of what dispatchers held that are gone. The database's own clock says whether a lease is over."""
        found = await self._database[DELIVERIES].update_many(
            {"state": SENDING, "$expr": {"$lt": ["$lease", "$$NOW"]}},
            {"$set": {"state": DUE, "owner": None, "lease": None}},
        )
        return int(found.modified_count)

    async def give_back(self, owner: str, ids: Sequence[str]) -> None:
        """Let go of claimed deliveries that were not sent."""
        await self._database[DELIVERIES].update_many(
            {"_id": {"$in": list(ids)}, "owner": owner, "state": SENDING},
            [{"$set": {"state": DUE, "owner": None, "lease": None, "left": "$left_before"}}],
        )

    async def release_of(self, instance: str) -> int:
        """Let go of what earlier runs of this replica held: they are gone, no need to wait for their leases."""
        found = await self._database[DELIVERIES].update_many(
            {"owner": {"$gte": f"{instance}/", "$lt": f"{instance}0"}, "state": SENDING},  # "0" follows "/" in ASCII
            {"$set": {"state": DUE, "owner": None, "lease": None}},
        )
        return int(found.modified_count)

    async def feed_after(self, recipient: str, position: int, limit: int) -> list[Document]:
        """The feed of a recipient after a position, whatever became of its entries.

        All of it as of one moment: a plain query may let a commit pass while it reads, miss its first entries and find
        those of the next commit, and what lies behind a cursor is never read again (seen: 1,042 of 41,800 passed over).
        That moment may be one that MongoDB cannot show (yet, or any more): then it is another. Raises Unavailable.
        """
        backoff = Backoff(0.02, 0.5)
        for _ in range(MOMENTS):
            try:
                return await self._feed_of_a_moment(recipient, position, limit)
            except OperationFailure as error:
                if error.code not in _NO_SUCH_MOMENT:
                    raise
            await backoff.wait()
        raise Unavailable("SnapshotUnavailable")

    async def _feed_of_a_moment(self, recipient: str, position: int, limit: int) -> list[Document]:
        async with await self._database.client.start_session(snapshot=True) as session:
            query = {"recipient": recipient, "position": {"$gt": position}}
            found = self._database[DELIVERIES].find(query, session=session, hint=FEED_ORDER)
            return await found.sort("position", ASCENDING).limit(limit).to_list(limit)

    async def served_until(self, recipient: str, position: int, limit: int) -> list[Document]:
        """Entries that were given to the recipient, up to a position, and not yet proved to have arrived."""
        found = self._database[DELIVERIES].find(
            {"recipient": recipient, "channel": FEED, "state": SERVED, "position": {"$lte": position}},
            {"_id": 1, "thread": 1, "opportunity": 1},
            hint=NOT_PROVED,
        )
        return await found.limit(limit).to_list(limit)

    async def by_notices(self, recipient: str, notices: Sequence[str]) -> list[Document]:
        """Deliveries of these notices to this recipient."""
        found = self._database[DELIVERIES].find({"recipient": recipient, "notice": {"$in": list(notices)}})
        return await found.sort("_id", ASCENDING).to_list(10 * len(notices))

    async def delivery(self, recipient: str, delivery: str) -> Document | None:
        """One delivery, if it is this recipient's."""
        return await self._database[DELIVERIES].find_one({"_id": delivery, "recipient": recipient})

    async def deliveries_of(self, recipient: str, state: str | None, after: str, limit: int) -> list[Document]:
        """Deliveries of one recipient in order of id; none that was dropped before it could leave: that it was to be
        told, and then not, would tell of a consent that ended."""
        if state is not None and state not in STATES:  # somebody's text: the database would log it
            return []
        query: Document = {
            "recipient": recipient,
            "_id": {"$gt": after},
            "$nor": [{"state": DROPPED, "left": False, "about": "notice"}],
            **({"state": state} if state else {}),
        }
        return await self._database[DELIVERIES].find(query).sort("_id", ASCENDING).limit(limit).to_list(limit)

    async def attempts_of(self, delivery: str) -> list[Document]:
        """How the attempts of a delivery went."""
        return await self._database[ATTEMPTS].find({"delivery": delivery}).sort("number", ASCENDING).to_list(100)
