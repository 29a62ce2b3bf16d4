"""What lies in the feed of a recipient, and how far it has come."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import ASCENDING
from pymongo.errors import OperationFailure

from services.notifications.documents import (
    DELIVERIES,
    POSTED,
    RECIPIENTS,
    SERVED,
    THREADS,
    DeliveryDocument,
    DeliveryReference,
    RecipientDocument,
    ThreadDocument,
)
from services.notifications.indexes_and_retention import (
    BY_ALIAS,
    FEED_ORDER,
    TIME_LIMIT_MS,
    UNREAD,
)
from shared.kit.base.backoff import Backoff
from shared.kit.store.mongo import Database
from shared.kit.store.store import Unavailable

SNAPSHOT_TRIES = 6  # tries of a snapshot read, over about a second
_NO_SUCH_MOMENT = frozenset({239, 246})  # SnapshotTooOld, SnapshotUnavailable


class FeedQueries:
    """Of feeds; a part of the `Repository`."""

    _database: Database

    async def feed_after(
        self, recipient: str, position: int, limit: int, until: int | None = None
    ) -> list[DeliveryDocument]:
        """The feed of a recipient after a position (and up to ``until``), whatever became of its entries.

        All of it as of one moment: a plain query may let a commit pass while it reads, miss its first entries and find
        those of the next commit, and what lies behind a cursor is never read again (seen: 1,042 of 41,800 passed over).
        That moment may be one that MongoDB cannot show (yet, or any more): then it is another. Raises Unavailable.
        """
        backoff = Backoff(0.02, 0.5)
        for _ in range(SNAPSHOT_TRIES):
            try:
                return await self._feed_of_a_moment(recipient, position, limit, until)
            except OperationFailure as error:
                if error.code not in _NO_SUCH_MOMENT:
                    raise
            await backoff.wait()
        raise Unavailable("SnapshotUnavailable")

    async def _feed_of_a_moment(
        self, recipient: str, position: int, limit: int, until: int | None
    ) -> list[DeliveryDocument]:
        async with await self._database.client.start_session(snapshot=True) as session:
            behind = {"$gt": position} if until is None else {"$gt": position, "$lte": until}
            query = {"recipient": recipient, "position": behind}
            found = DELIVERIES.of(self._database).find(
                query, session=session, hint=FEED_ORDER, max_time_ms=TIME_LIMIT_MS
            )
            return await found.sort("position", ASCENDING).limit(limit).to_list(limit)

    async def served_until(
        self, recipient: str, position: int, limit: int, first: int = 0
    ) -> Sequence[DeliveryReference]:
        """Entries that were given to the recipient, up to a position (from ``first`` on), and not yet confirmed to have
        arrived."""
        found = DELIVERIES.of(self._database).find(
            {
                "recipient": recipient,
                "about": {"$in": ["notice", "recall"]},
                "state": SERVED,
                "position": {"$gte": first, "$lte": position},
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

    async def feed_positions(self, recipients: Sequence[str]) -> dict[str, int]:
        """The last position that was given in the feed of each of these, but for those of which nobody heard yet."""
        found = RECIPIENTS.of(self._database).find(
            {"_id": {"$in": list(recipients)}}, {"position": 1}, max_time_ms=TIME_LIMIT_MS
        )
        return {each["_id"]: each["position"] async for each in found}

    async def recipient(self, recipient: str) -> RecipientDocument | None:
        """Where its feed stands."""
        return await RECIPIENTS.of(self._database).find_one({"_id": recipient}, max_time_ms=TIME_LIMIT_MS)

    async def first_unread(self, recipient: str) -> int | None:
        """The first position in the feed of a recipient that is not known to have arrived."""
        query = {"recipient": recipient, "about": {"$in": ["notice", "recall"]}, "state": {"$in": [POSTED, SERVED]}}
        found = DELIVERIES.of(self._database).find(query, {"position": 1}, hint=UNREAD).sort("position", ASCENDING)
        first = await found.limit(1).max_time_ms(TIME_LIMIT_MS).to_list(1)
        return first[0]["position"] if first else None

    async def first_recall_not_given(self, recipient: str, until: int) -> int | None:
        """The first position, up to this one, of a recall that nobody was given."""
        query = {"recipient": recipient, "about": "recall", "state": POSTED, "position": {"$lte": until}}
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
