"""Recalls that arrived before it was kept since when they wait to be acknowledged: that is made up for, once.

A version before dated a recall when it arrived (`ended`), as everything that has ended. Such a one is in no gauge, and
MongoDB deletes it 90 days later, obeyed or not. The index by which that version counted is the mark: who finds it goes
through what it names, piece by piece, and drops it in the end. What is done is not in its range any more, so it goes on
where it was after a crash; several replicas may do it at once.

Replicas of that version may run beside the first of this one: what they deliver meanwhile is found by a second look an
hour later, and only then the index is dropped. One that runs for longer than that finds it gone: its look at what is
open fails then, and so its gauges; and recalls that it delivers from then on are dated by it and awaited by nobody,
unless it starts once more. Then it makes the index anew, and whoever of this version starts next does all of it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from pymongo.errors import OperationFailure

from services.notifications.documents import (
    DELIVERED,
    DELIVERIES,
    THREADS,
    DeliveryDocument,
    DeliveryReference,
    ThreadDocument,
)
from services.notifications.indexes_and_retention import BEFORE_ALL
from shared.kit.base.backoff import wait_or_stop
from shared.kit.base.ids import Ids
from shared.kit.base.logs import logger
from shared.kit.store.mongo import Database, Document
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork

INDEX = "unacknowledged"  # (state, about, acknowledged, recipient, ended) of recalls that were not acknowledged
PIECE = 100
OLDER_REPLICAS_SECONDS = 3_600.0
_log = logger("earlier-recalls")


class EarlierRecalls:
    """``ids``: those that name deliveries."""

    def __init__(self, database: Database, store: Store, ids: Ids) -> None:
        self._deliveries = DELIVERIES.of(database)
        self._store = store
        self._ids = ids

    async def run(self, stopping: asyncio.Event) -> None:
        """Until it is done, or stopped."""
        try:
            if not await self._is_there():
                return
            found = await self.look(stopping)
            if await wait_or_stop(stopping, OLDER_REPLICAS_SECONDS):
                return
            found += await self.look(stopping)
            if stopping.is_set():  # perhaps not through
                return
            await self._deliveries.drop_index(INDEX)
        except OperationFailure:
            if await self._is_there():
                raise
            return  # another replica has done it meanwhile
        _log.info("earlier_recalls_awaited", count=found)

    async def _is_there(self) -> bool:
        return INDEX in await self._deliveries.index_information()

    async def look(self, stopping: asyncio.Event) -> int:
        """Once through all of them, or until stopped. How many are awaited from now on."""
        query: Document = {
            "state": DELIVERED,
            "about": "recall",
            "acknowledged": False,
            "recipient": {"$gte": ""},
            "ended": {"$gte": BEFORE_ALL},
        }
        found, piece = 0, list[DeliveryReference]()
        async for each in self._deliveries.find(query, {"_id": 1, "thread": 1}, hint=INDEX, batch_size=PIECE):
            piece.append({"_id": each["_id"], "thread": each["thread"], "opportunity": None})
            if len(piece) == PIECE:
                found += await self._store.submit(self.waiting(piece))
                piece = []
                if stopping.is_set():
                    break
        return found + (await self._store.submit(self.waiting(piece)) if piece else 0)

    def waiting(self, piece: Sequence[DeliveryReference]) -> Operation[int]:
        """Let these be awaited since they arrived, but for those that somebody has answered for."""

        def needs(work: UnitOfWork) -> Iterator[Need]:
            for each in piece:
                yield DELIVERIES.by_id(each["_id"])
                yield THREADS.by_id(each["thread"])
                if (thread := THREADS.get(work, each["thread"])) is not None:
                    yield from (DELIVERIES.by_id(id) for id in self._of_last_recall(thread))

        def do(work: UnitOfWork) -> int:
            found = 0
            for each in piece:
                delivery, thread = DELIVERIES.get(work, each["_id"]), THREADS.get(work, each["thread"])
                if delivery is None or "ended" not in delivery or delivery["state"] != DELIVERED:
                    continue
                if delivery["acknowledged"] or (thread and self._is_answered_for(work, thread, delivery)):
                    continue
                delivery["unacknowledged_since"] = delivery.pop("ended")
                DELIVERIES.save(work, delivery)
                if thread is not None:  # who acknowledges a later one at this moment writes it, too: one starts over
                    THREADS.save(work, thread)
                found += 1
            return found

        return Operation(needs, do)

    def _is_answered_for(self, work: UnitOfWork, thread: ThreadDocument, delivery: DeliveryDocument) -> bool:
        """Only the last recall of a thread is looked at: of one that was answered for by one in between, whoever obeyed
        it is asked once more."""
        recall = thread["recall"]
        if recall is None or not recall["taken"] or recall["alias"] != delivery["alias"]:
            return False
        if recall["version"] <= delivery["version"]:
            return recall["version"] == delivery["version"]
        later = (DELIVERIES.get(work, id) for id in self._of_last_recall(thread))  # taken also if nothing had left
        return any(each is not None and each["acknowledged"] for each in later)

    def _of_last_recall(self, thread: ThreadDocument) -> Iterator[str]:
        if (recall := thread["recall"]) is not None:
            notice = self._ids.derived("notice", thread["recipient"], recall["alias"], recall["version"])
            yield from (self._ids.derived("delivery", notice, subscription) for subscription in recall["sent_via"])
