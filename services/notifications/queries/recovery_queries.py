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
MOST_LOOKED_THROUGH, STRETCH = 10_000, 500  # deliveries of an agency, for a page of one of its subscriptions


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
        query = _listed(recipient, states, after)
        found = DELIVERIES.of(self._database).find(query, hint=LISTED, max_time_ms=TIME_LIMIT_MS)
        return await found.sort("_id", ASCENDING).limit(limit).to_list(limit)

    async def page_of(
        self, recipient: str, subscription: str | None, states: Set[str], after: str, limit: int
    ) -> tuple[list[DeliveryDocument], str | None]:
        """The same, of one subscription only where one is named, and the id after which the next page begins; None at
        the end. No index has the subscription, which would cost each delivery a part of it: so many are looked through
        at most, a stretch at a time, and a page is short only where that did not do."""
        if subscription is None:
            found = await self.deliveries_of(recipient, states, after, limit)
            return found, found[-1]["_id"] if len(found) == limit else None
        deliveries, further, looked_through, own = DELIVERIES.of(self._database), True, 0, list[str]()
        while further and len(own) < limit and looked_through < MOST_LOOKED_THROUGH:
            query = _listed(recipient, states, after)
            stretch = deliveries.find(query, {"subscription": 1}, hint=LISTED, max_time_ms=TIME_LIMIT_MS)
            several = await stretch.sort("_id", ASCENDING).limit(STRETCH).to_list(STRETCH)
            further, looked_through = len(several) == STRETCH, looked_through + STRETCH
            for number, each in enumerate(several, 1):
                after = each["_id"]
                if each["subscription"] == subscription:
                    own.append(after)
                    if len(own) == limit:
                        further = further or number < len(several)
                        break
        # some may have been sent or dropped since: what is not listed any more is not to be seen
        query = {**_listed(recipient, states, ""), "_id": {"$in": own}}
        shown = deliveries.find(query, hint=BY_ID, max_time_ms=TIME_LIMIT_MS).sort("_id", ASCENDING)
        return await shown.to_list(limit) if own else [], after if further else None

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


def _listed(recipient: str, states: Set[str], after: str) -> Document:
    """Each state is a stretch of the index in order of id."""
    of_states = {"$in": sorted(states & STATES)}
    return {"recipient": recipient, "listed": True, "state": of_states, "_id": {"$gt": after}}
