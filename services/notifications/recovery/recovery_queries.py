"""What a recipient may look up of its deliveries, and recoveries."""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import datetime

from pymongo import ASCENDING

from services.notifications.documents import (
    DELIVERIES,
    DUE,
    RECOVERIES,
    RUNNING,
    SENDING,
    STATES,
    THREADS,
    DeliveryDocument,
    RecoveryDocument,
    ThreadDocument,
)
from services.notifications.indexes_and_retention import (
    BY_ID,
    LISTED,
    TIME_LIMIT_MS,
)
from shared.kit.store.mongo import Database, Document

RECOVERIES_AT_ONCE = 20


class RecoveryQueries:
    """Of what has arrived or not; a part of the `Repository`."""

    _database: Database

    async def delivery(self, recipient: str, delivery: str) -> DeliveryDocument | None:
        """One delivery, if it is this recipient's."""
        query = {"_id": delivery, "recipient": recipient}
        return await DELIVERIES.of(self._database).find_one(query, max_time_ms=TIME_LIMIT_MS)

    async def deliveries_of(self, recipient: str, states: Set[str], after: str, limit: int) -> list[DeliveryDocument]:
        """Deliveries of one recipient in order of id; none that was dropped before it could leave: that it was to be
        told, and then not, would tell of a consent that ended. Ids follow from keyed hashes: their order tells nothing,
        and the first few are a fair sample."""
        query: Document = {
            "recipient": recipient,
            "listed": True,
            "state": {"$in": sorted(states & STATES)},  # each a stretch of the index in order of id
            "_id": {"$gt": after},
        }
        found = DELIVERIES.of(self._database).find(query, hint=LISTED, max_time_ms=TIME_LIMIT_MS)
        return await found.sort("_id", ASCENDING).limit(limit).to_list(limit)

    async def any_open(self, deliveries: Sequence[str], now: datetime) -> bool:
        """Whether one of these is being sent, or could be now."""
        found = DELIVERIES.of(self._database).find(
            {"_id": {"$in": list(deliveries)}}, {"state": 1, "due": 1}, hint=BY_ID
        )
        kept = await found.max_time_ms(TIME_LIMIT_MS).to_list(len(deliveries))
        return any(d["state"] == SENDING or (d["state"] == DUE and d.get("due", now) <= now) for d in kept)

    async def threads_of(self, recipient: str, after: str, limit: int) -> list[ThreadDocument]:
        """Threads of one recipient in order of person, after this one."""
        found = THREADS.of(self._database).find({"recipient": recipient, "person": {"$gt": after}})
        return await found.sort("person", ASCENDING).limit(limit).max_time_ms(TIME_LIMIT_MS).to_list(limit)

    async def due_recoveries(self) -> list[RecoveryDocument]:
        """Recoveries with something to do, a few at a time: those that have waited longest for their turn, so that many
        of one agency keep nobody out."""
        query = {"state": RUNNING, "$expr": {"$lte": ["$not_before", "$$NOW"]}}
        found = RECOVERIES.of(self._database).find(query, hint=RUNNING, max_time_ms=TIME_LIMIT_MS)
        return await found.sort("not_before", ASCENDING).limit(RECOVERIES_AT_ONCE).to_list(RECOVERIES_AT_ONCE)

    async def recovery(self, subscription: str) -> RecoveryDocument | None:
        """The last recovery of a subscription."""
        return await RECOVERIES.of(self._database).find_one({"_id": subscription}, max_time_ms=TIME_LIMIT_MS)
