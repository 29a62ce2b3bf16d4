"""The queries of this service: here those about people and subscriptions, the others in `queries/`. Writes that belong
together go through a unit of work instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pymongo import ASCENDING

from services.notifications.documents import (
    AGENCIES,
    CALENDAR,
    DELIVERIES,
    FLOORS,
    LATEST_DAY,
    PEOPLE,
    RESYNCS,
    SUBSCRIPTIONS,
    THREADS,
    DeliveryDocument,
    PersonDocument,
    ResyncDocument,
    SubscriptionDocument,
)
from services.notifications.indexes_and_retention import BEFORE_ALL, TIME_LIMIT_MS, UNACKNOWLEDGED
from services.notifications.queries.delivery_queries import DeliveryQueries
from services.notifications.queries.feed_queries import FeedQueries
from services.notifications.queries.recovery_queries import RecoveryQueries
from shared.kit.store.mongo import Database, Document
from shared.kit.store.typed_collection import Collection

D = TypeVar("D", bound=Mapping[str, Any])


class Repository(DeliveryQueries, FeedQueries, RecoveryQueries):
    """All of them, on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def people_concerning(self, agency: str, after: str, limit: int) -> list[str]:
        """People who name the agency in a consent or of whom it was told something, in order, after this one: at most
        so many, and none only when there are none any more."""
        named = PEOPLE.of(self._database).find({"recipients": agency, "_id": {"$gt": after}}, {"_id": 1})
        told = THREADS.of(self._database).find({"recipient": agency, "person": {"$gt": after}}, {"person": 1})
        named.max_time_ms(TIME_LIMIT_MS)
        told.max_time_ms(TIME_LIMIT_MS)
        first = [d["_id"] for d in await named.sort("_id", ASCENDING).limit(limit).to_list(limit)]
        second = [d["person"] for d in await told.sort("person", ASCENDING).limit(limit).to_list(limit)]
        return first_of(first, second, limit)

    async def due_resyncs(self) -> list[ResyncDocument]:
        """Walks with something to do, a few at a time."""
        query = {"$expr": {"$lte": ["$not_before", "$$NOW"]}}
        return await RESYNCS.of(self._database).find(query, max_time_ms=TIME_LIMIT_MS).to_list(20)

    async def latest_day(self) -> str | None:
        """The latest day that was believed (ISO)."""
        found = await CALENDAR.of(self._database).find_one({"_id": LATEST_DAY}, max_time_ms=TIME_LIMIT_MS)
        return None if found is None else found["day"]

    async def recipients(self) -> list[str]:
        """Every agency that has a subscription."""
        return sorted(await SUBSCRIPTIONS.of(self._database).distinct("agency", maxTimeMS=TIME_LIMIT_MS))

    async def subscriptions_of(self, agency: str) -> list[SubscriptionDocument]:
        """All subscriptions of an agency, active or disabled."""
        found = SUBSCRIPTIONS.of(self._database).find({"agency": agency}, max_time_ms=TIME_LIMIT_MS)
        return await found.sort("_id", ASCENDING).to_list(100)

    async def all_subscriptions(self) -> list[SubscriptionDocument]:
        """Every subscription, without what it keeps sealed of its endpoint."""
        without = {"target": 0, "secrets": 0, "headers": 0, "tls": 0}
        found = SUBSCRIPTIONS.of(self._database).find({}, without, max_time_ms=TIME_LIMIT_MS)
        return [each async for each in found]

    async def subscription(self, subscription: str) -> SubscriptionDocument | None:
        """One subscription as it is now."""
        return await SUBSCRIPTIONS.of(self._database).find_one({"_id": subscription}, max_time_ms=TIME_LIMIT_MS)

    async def subscriptions(self, subscriptions: Sequence[str]) -> dict[str, SubscriptionDocument]:
        """These subscriptions as they are now."""
        return await self._by_id(SUBSCRIPTIONS, subscriptions)

    async def agencies(self, agencies: Sequence[str]) -> dict[str, Document]:
        """These agencies as they are now."""
        return await self._by_id(AGENCIES, agencies)

    async def people(self, people: Sequence[str]) -> dict[str, PersonDocument]:
        """These people as they are now."""
        return await self._by_id(PEOPLE, people)

    async def floors(self, people: Sequence[str]) -> dict[str, Document]:
        """What is forbidden of these people now."""
        return await self._by_id(FLOORS, people)

    async def _by_id(self, collection: Collection[D], ids: Sequence[str]) -> dict[str, D]:
        found = collection.of(self._database).find({"_id": {"$in": list(ids)}}, max_time_ms=TIME_LIMIT_MS)
        documents: list[Any] = await found.to_list(len(ids))
        return {document["_id"]: document for document in documents}

    async def by_notices(self, recipient: str, notices: Sequence[str]) -> list[DeliveryDocument]:
        """Deliveries of these notices to this recipient, one for each of its subscriptions that was told of it."""
        found = DELIVERIES.of(self._database).find({"recipient": recipient, "notice": {"$in": list(notices)}})
        return sorted(await found.max_time_ms(TIME_LIMIT_MS).to_list(None), key=lambda delivery: delivery["_id"])

    async def unacknowledged(self, recipient: str, threads: Sequence[str], limit: int) -> list[tuple[str, str]]:
        """Recalls (thread, and id of the delivery) that arrived and were not acknowledged, of these threads of a
        recipient: by thread, and those of one thread that arrived first, first."""
        query: Document = {
            "recipient": recipient,
            "thread": {"$in": list(threads)},
            "unacknowledged_since": {"$gte": BEFORE_ALL},
        }
        found = DELIVERIES.of(self._database).find(query, {"_id": 1, "thread": 1}, hint=UNACKNOWLEDGED)
        found = found.sort([("thread", ASCENDING), ("unacknowledged_since", ASCENDING)]).limit(limit)
        return [(each["thread"], each["_id"]) async for each in found.max_time_ms(TIME_LIMIT_MS)]


def first_of(one: Sequence[str], other: Sequence[str], limit: int) -> list[str]:
    """What comes first in two lists together, each in order and cut off at so many. What lies behind the end of a list
    that was cut off waits for the next page: the other list may lack what comes before it. A list may hold something
    twice (decision 71), so fewer than so many may be left of a full one."""
    end = min((found[-1] for found in (one, other) if len(found) == limit), default=None)
    return [each for each in sorted({*one, *other}) if end is None or each <= end][:limit]
