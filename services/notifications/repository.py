"""Every query and every index of this service. Writes that belong together go through the kit's Work instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import Any, TypeVar, cast

from pymongo import ASCENDING, IndexModel
from pymongo.errors import OperationFailure

from services.notifications.documents import (
    AGENCIES,
    CALENDAR,
    DELIVERIES,
    DUE,
    FLOORS,
    LATEST_DAY,
    MATCHES,
    PEOPLE,
    POSTED,
    RECIPIENTS,
    RECOVERIES,
    RESYNCS,
    RUNNING,
    SENDING,
    SERVED,
    STATES,
    SUBSCRIPTIONS,
    THREADS,
    About,
    ClaimedDelivery,
    DeliveryDocument,
    DeliveryReference,
    PersonDocument,
    RecoveryDocument,
    ResyncDocument,
    SubscriptionDocument,
    ThreadDocument,
)
from services.notifications.domain.retry_schedule import OUTAGE
from shared.access import prohibition_floors
from shared.kit.base.backoff import Backoff
from shared.kit.store.lease import COLLECTION as LEASES
from shared.kit.store.mongo import Database, Document
from shared.kit.store.store import Unavailable
from shared.kit.store.typed_collection import Collection

D = TypeVar("D", bound=Mapping[str, Any])
_DAY = 86_400
KEEP_ENDED_SECONDS = 90 * _DAY
# Longer than an older event of the match can come again: 7 days from matching's outbox, 7 more in the topic after that.
KEEP_WITHDRAWN_SECONDS = 30 * _DAY

TIME_LIMIT_MS = 5_000
LEASES_OF_DISPATCHERS = "dispatcher/"  # and the instance; see delivery/dispatcher_lease.py

BROUGHT_FORWARD = 1_000
RECOVERIES_AT_ONCE = 20
MOST_DOWN = 1_000  # endpoints in an outage that are looked at
SNAPSHOT_TRIES = 6  # tries of a snapshot read, over about a second
_NO_SUCH_MOMENT = frozenset({239, 246})  # SnapshotTooOld, SnapshotUnavailable

_IN_TURN = [("due", ASCENDING), ("_id", ASCENDING)]


def _index(*fields: str, **options: Any) -> IndexModel:
    return IndexModel([(field, ASCENDING) for field in fields], **options)


# Named, because the planner must not choose: among indexes that begin with the recipient it takes any while there is
# little data, and keeps to it. A filter on the position's type would do for no query: only a range implies a range.
FEED_ORDER = "feed_order"
NEXT = "next"  # what is due, by endpoint, recalls apart from notices
HELD = "held"  # what is being sent, by dispatcher
LATER = "later"  # what waits for its retry, by endpoint
DOWN = "down"  # endpoints in an outage
LISTED = "listed"  # what a recipient may look up
BY_ID = [("_id", ASCENDING)]
BY_ALIAS = "by_alias"
UNREAD = "unread"  # in feeds: not known to have arrived
UNACKNOWLEDGED = "unacknowledged"  # recalls

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    **prohibition_floors.INDEXES,
    PEOPLE.name: [_index("recipients", "_id")],
    MATCHES.name: [_index("person"), _index("ended", expireAfterSeconds=KEEP_WITHDRAWN_SECONDS)],
    THREADS.name: [_index("person"), _index("recipient", "person"), _index("recipient", "alias", name=BY_ALIAS)],
    SUBSCRIPTIONS.name: [
        _index("agency", "_id"),
        _index("state", "held_until", name=DOWN, partialFilterExpression={"failures": {"$gte": OUTAGE}}),
    ],
    RESYNCS.name: [_index("not_before")],
    DELIVERIES.name: [
        _index(
            *("state", "about", "subscription", "due", "_id", "since"),  # the last for the age alone (monitoring.py)
            name=NEXT,
            partialFilterExpression={"state": DUE},
        ),
        _index(
            *("subscription", "about", "waits", "due", "_id"),
            name=LATER,
            partialFilterExpression={"state": DUE, "waits": {"$exists": True}},
        ),
        _index("state", "owner", name=HELD, partialFilterExpression={"state": SENDING}),
        _index("recipient", "position", name=FEED_ORDER, partialFilterExpression={"position": {"$gte": 0}}),
        _index(
            *("recipient", "about", "state", "position", "since"),
            name=UNREAD,
            partialFilterExpression={"state": {"$in": [POSTED, SERVED]}},
        ),
        _index(
            *("state", "about", "acknowledged", "recipient", "ended"),
            name=UNACKNOWLEDGED,
            partialFilterExpression={"about": "recall", "acknowledged": False},
        ),
        _index("recipient", "notice"),
        _index("recipient", "state", "_id", name=LISTED, partialFilterExpression={"listed": True}),
        # only what has ended has this field: never the open, which are not in it either
        _index("ended", expireAfterSeconds=KEEP_ENDED_SECONDS, sparse=True),
    ],
    RECOVERIES.name: [
        _index("not_before", name=RUNNING, partialFilterExpression={"state": RUNNING}),
        _index("ended", expireAfterSeconds=KEEP_ENDED_SECONDS),
    ],
}


class Repository:
    """Reads, and the claims of dispatchers, which are outside of transactions on purpose (see `claim`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def people_concerning(self, agency: str, after: str, limit: int) -> list[str]:
        """People who name the agency in a consent or of whom it was told something, in order, after this one."""
        named = PEOPLE.of(self._database).find({"recipients": agency, "_id": {"$gt": after}}, {"_id": 1})
        told = THREADS.of(self._database).find({"recipient": agency, "person": {"$gt": after}}, {"person": 1})
        named.max_time_ms(TIME_LIMIT_MS)
        told.max_time_ms(TIME_LIMIT_MS)
        first = [d["_id"] for d in await named.sort("_id", ASCENDING).limit(limit).to_list(limit)]
        second = [d["person"] for d in await told.sort("person", ASCENDING).limit(limit).to_list(limit)]
        return sorted({*first, *second})[:limit]

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
        """Every subscription, without what it keeps sealed."""
        found = SUBSCRIPTIONS.of(self._database).find({}, {"target": 0, "secrets": 0}, max_time_ms=TIME_LIMIT_MS)
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

    async def waiting_endpoints(self, about: str, now: datetime) -> list[str]:
        """Subscriptions with a notice or a recall (``about``) to send now."""
        return sorted(subscription for subscription, due in (await self._first_due(about)).items() if due <= now)

    async def with_recalls(self) -> set[str]:
        """Subscriptions for which a recall waits, due or not."""
        return set(await self._first_due("recall"))

    async def _first_due(self, about: str) -> dict[str, datetime]:
        """When the first notice or recall (``about``) of each subscription is due: one look at the index for each."""
        pipeline: list[Document] = [
            {"$match": {"state": DUE, "about": about}},
            {"$sort": {"subscription": ASCENDING, "due": ASCENDING}},
            {"$group": {"_id": "$subscription", "due": {"$first": "$due"}}},
        ]
        found = DELIVERIES.of(self._database).aggregate(pipeline, hint=NEXT, maxTimeMS=TIME_LIMIT_MS)
        return {first["_id"]: first["due"] async for first in found}

    async def claim(
        self, subscription: str, about: str, owner: str, claim: str, now: datetime, limit: int
    ) -> list[ClaimedDelivery]:
        """Take up to ``limit`` due notices or recalls for ``owner`` under a name used once, those that are due longest
        first, and by id what became due at the same moment: that order is another one for every recipient.

        Two claims of one delivery cannot both succeed: each changes it only while it is due.
        """
        deliveries = DELIVERIES.of(self._database)
        query = {"state": DUE, "about": about, "subscription": subscription, "due": {"$lte": now}}
        due = deliveries.find(query, {"_id": 1}, hint=NEXT, max_time_ms=TIME_LIMIT_MS).sort(_IN_TURN)
        ids = [d["_id"] for d in await due.limit(limit).to_list(limit)]
        if not ids:
            return []
        taken = {"state": SENDING, "owner": owner, "claim": claim, "possibly_sent_before": "$possibly_sent"}
        # left: from here on it may have, a crash will not tell
        await deliveries.update_many(
            {"_id": {"$in": ids}, "state": DUE}, [{"$set": {**taken, "possibly_sent": True}}], hint=BY_ID
        )
        mine = deliveries.find({"_id": {"$in": ids}, "claim": claim, "state": SENDING}, hint=BY_ID)
        found = await mine.max_time_ms(TIME_LIMIT_MS).to_list(limit)
        claimed = cast(list[ClaimedDelivery], found)
        return sorted(claimed, key=lambda delivery: (delivery["due"], delivery["_id"]))

    async def bring_forward(self, subscription: str, now: datetime) -> bool:
        """Make due now what waits for a retry, recalls first, up to `BROUGHT_FORWARD`; each only once before the time
        that it was ``planned`` for. Whether there may be more."""
        deliveries, room = DELIVERIES.of(self._database), BROUGHT_FORWARD
        for about in ("recall", "notice"):
            query = {"state": DUE, "about": about, "subscription": subscription, "waits": "retry", "due": {"$gt": now}}
            later = deliveries.find(query, {"_id": 1}, hint=LATER, max_time_ms=TIME_LIMIT_MS).sort(_IN_TURN)
            ids = [d["_id"] for d in await later.limit(room).to_list(room)]
            if ids:
                ahead: list[Document] = [{"$set": {"planned": "$due", "due": now}}, {"$unset": "waits"}]
                waiting = {"_id": {"$in": ids}, "state": DUE, "waits": "retry"}
                await deliveries.update_many(waiting, ahead, hint=BY_ID)
            room -= len(ids)
            if room <= 0:
                return True
        return False

    async def down(self) -> list[SubscriptionDocument]:
        """Endpoints in an outage, those whose wait is over first."""
        query = {"state": "active", "failures": {"$gte": OUTAGE}}
        found = SUBSCRIPTIONS.of(self._database).find(query, hint=DOWN, max_time_ms=TIME_LIMIT_MS)
        return await found.sort("held_until", ASCENDING).limit(MOST_DOWN).to_list(MOST_DOWN)

    async def open_for_recall(self, endpoint: SubscriptionDocument, now: datetime) -> None:
        """End the wait of its breaker, if nothing was answered since."""
        await SUBSCRIPTIONS.of(self._database).update_one(
            {"_id": endpoint["_id"], "held_until": endpoint["held_until"]}, {"$set": {"held_until": now}}
        )

    async def bring_probe_forward(self, subscription: str, now: datetime) -> About | None:
        """Make due now what waits for the next retry, a recall if there is one; what it was, None if nothing waits.
        Unlike `bring_forward` also what was brought forward before."""
        deliveries = DELIVERIES.of(self._database)
        kinds: tuple[About, ...] = ("recall", "notice")
        for about in kinds:
            query = {"state": DUE, "about": about, "subscription": subscription}
            first = deliveries.find(query, hint=NEXT, max_time_ms=TIME_LIMIT_MS).sort(_IN_TURN).limit(1)
            for each in await first.to_list(1):
                if each["due"] > now and each["attempts"] > 0:
                    first_time = {"$eq": [{"$type": "$planned"}, "missing"]}
                    ahead = {"planned": {"$ifNull": ["$planned", "$due"]}, "due": now, "probe": first_time}
                    await deliveries.update_one({"_id": each["_id"], "state": DUE}, [{"$set": ahead}])
                return about
        return None

    async def make_due(self, subscription: str, now: datetime) -> None:
        """Make due now all that waits for a retry, because its recipient asks for it: as if its time had come."""
        deliveries = DELIVERIES.of(self._database)
        for about in ("recall", "notice"):
            query = {"state": DUE, "about": about, "subscription": subscription, "due": {"$gt": now}}
            anew: Document = {"$set": {"due": now}, "$unset": {"planned": "", "probe": "", "waits": ""}}
            await deliveries.update_many({**query, "waits": {"$in": ["retry", "again"]}}, anew, hint=LATER)

    async def release_orphaned(self, but: Set[str] = frozenset()) -> int:
        """Make due again what dispatchers held that hold no lease any more, ``but`` for these. The database's own clock
        says so."""
        deliveries = DELIVERIES.of(self._database)
        owners = await deliveries.distinct("owner", {"state": SENDING}, maxTimeMS=TIME_LIMIT_MS)
        if not owners:
            return 0
        named = {"$gte": LEASES_OF_DISPATCHERS, "$lt": LEASES_OF_DISPATCHERS[:-1] + "0"}  # "0" follows "/" in ASCII
        leases = self._database[LEASES].find({"_id": named, "$expr": {"$gt": ["$until", "$$NOW"]}})
        live = {f"{lease['owner']}/{lease['epoch']}" async for lease in leases.max_time_ms(TIME_LIMIT_MS)}
        released = 0
        for owner in set(owners) - live - but:
            found = await deliveries.update_many(
                {"state": SENDING, "owner": owner}, {"$set": {"state": DUE, "owner": None}}, hint=HELD
            )
            released += found.modified_count
        return released

    async def release_unsent(self, claim: str, ids: Sequence[str]) -> None:
        """Let go of claimed deliveries that were not sent."""
        await DELIVERIES.of(self._database).update_many(
            {"_id": {"$in": list(ids)}, "claim": claim, "state": SENDING},
            [{"$set": {"state": DUE, "owner": None, "possibly_sent": "$possibly_sent_before"}}],
            hint=BY_ID,
        )

    async def release_claim(self, owner: str, claim: str) -> None:
        """Let go of all of one claim, which may not have been made. Looks at all that this owner holds: not often."""
        mine = {"state": SENDING, "owner": owner, "claim": claim}
        back = {"state": DUE, "owner": None, "possibly_sent": "$possibly_sent_before"}
        await DELIVERIES.of(self._database).update_many(mine, [{"$set": back}], hint=HELD)

    async def feed_after(self, recipient: str, position: int, limit: int) -> list[DeliveryDocument]:
        """The feed of a recipient after a position, whatever became of its entries.

        All of it as of one moment: a plain query may let a commit pass while it reads, miss its first entries and find
        those of the next commit, and what lies behind a cursor is never read again (seen: 1,042 of 41,800 passed over).
        That moment may be one that MongoDB cannot show (yet, or any more): then it is another. Raises Unavailable.
        """
        backoff = Backoff(0.02, 0.5)
        for _ in range(SNAPSHOT_TRIES):
            try:
                return await self._feed_of_a_moment(recipient, position, limit)
            except OperationFailure as error:
                if error.code not in _NO_SUCH_MOMENT:
                    raise
            await backoff.wait()
        raise Unavailable("SnapshotUnavailable")

    async def _feed_of_a_moment(self, recipient: str, position: int, limit: int) -> list[DeliveryDocument]:
        async with await self._database.client.start_session(snapshot=True) as session:
            query = {"recipient": recipient, "position": {"$gt": position}}
            found = DELIVERIES.of(self._database).find(
                query, session=session, hint=FEED_ORDER, max_time_ms=TIME_LIMIT_MS
            )
            return await found.sort("position", ASCENDING).limit(limit).to_list(limit)

    async def served_until(self, recipient: str, position: int, limit: int) -> Sequence[DeliveryReference]:
        """Entries that were given to the recipient, up to a position, and not yet confirmed to have arrived."""
        found = DELIVERIES.of(self._database).find(
            {
                "recipient": recipient,
                "about": {"$in": ["notice", "recall"]},
                "state": SERVED,
                "position": {"$lte": position},
            },
            {"_id": 1, "thread": 1, "opportunity": 1},
            hint=UNREAD,
            max_time_ms=TIME_LIMIT_MS,
        )
        return await found.limit(limit).to_list(limit)

    async def feed_position(self, recipient: str) -> int:
        """The last position that was given in the feed of a recipient."""
        found = await RECIPIENTS.of(self._database).find_one({"_id": recipient}, max_time_ms=TIME_LIMIT_MS)
        return 0 if found is None else found["position"]

    async def first_unread(self, recipient: str) -> int | None:
        """The first position in the feed of a recipient that is not known to have arrived."""
        query = {"recipient": recipient, "about": {"$in": ["notice", "recall"]}, "state": {"$in": [POSTED, SERVED]}}
        found = DELIVERIES.of(self._database).find(query, {"position": 1}, hint=UNREAD).sort("position", ASCENDING)
        first = await found.limit(1).max_time_ms(TIME_LIMIT_MS).to_list(1)
        return first[0]["position"] if first else None

    async def unread_recalls(self, recipient: str, most: int) -> int:
        """How many recalls wait in the feed of a recipient, counted up to ``most``."""
        query = {"recipient": recipient, "about": "recall", "state": {"$in": [POSTED, SERVED]}}
        return await DELIVERIES.of(self._database).count_documents(
            query, hint=UNREAD, limit=most, maxTimeMS=TIME_LIMIT_MS
        )

    async def threads_by_alias(self, recipient: str, after: str, limit: int) -> list[ThreadDocument]:
        """Threads of a recipient in order of its own aliases, after this one."""
        found = THREADS.of(self._database).find({"recipient": recipient, "alias": {"$gt": after}}, hint=BY_ALIAS)
        return await found.sort("alias", ASCENDING).limit(limit).max_time_ms(TIME_LIMIT_MS).to_list(limit)

    async def by_notices(self, recipient: str, notices: Sequence[str]) -> list[DeliveryDocument]:
        """Deliveries of these notices to this recipient, one for each of its subscriptions that was told of it."""
        found = DELIVERIES.of(self._database).find({"recipient": recipient, "notice": {"$in": list(notices)}})
        return sorted(await found.max_time_ms(TIME_LIMIT_MS).to_list(None), key=lambda delivery: delivery["_id"])

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
