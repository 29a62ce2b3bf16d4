"""Who owns a partition, and how far its work is committed: consumer checkpoints with a fencing token.

A checkpoint: {"_id": group/topic/topic id/partition, "epoch": the fencing token, which grows with every claim,
"offset": all up to it is done (-1: none), "ahead": what is done behind it, as bits (backlog.py), "session": the owner's
MongoDB session, "owner": its instance}. It is moved in the same transaction as the work, by compare-and-set on epoch
and position: two owners can never both commit. Kafka's own committed offset is only a hint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import bson
from bson.binary import Binary
from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from shared.kit.base.clock import machine_time
from shared.kit.kafka.records import Partition
from shared.kit.store.mongo import Database, end_session
from shared.kit.store.transaction_io import Condition, Write
from shared.kit.stream.backlog import Position

COLLECTION = "checkpoints"
KEPT_AFTER_ITS_TOPIC = timedelta(days=30)
_ATTEMPTS = 5

INDEXES = {
    COLLECTION: [
        IndexModel([("expires", ASCENDING)], expireAfterSeconds=0, name="of_topics_gone"),
        IndexModel([("group", ASCENDING), ("topic", ASCENDING)], name="by_topic"),
    ]
}


class Fenced(Exception):
    """Somebody else has claimed the partition since: nothing of this transaction may stay."""


@dataclass(slots=True)
class Checkpoint:
    """A checkpoint that is ours: of a partition of one topic id. ``asked_again``: the offset at which a hole was asked
    for again."""

    id: str
    epoch: int
    position: Position
    asked_again: int = -1


class PartitionCheckpoints:
    """Those of the partitions that this process owns. A partition is claimed when its first record comes."""

    def __init__(self, database: Database, group: str, owner: str) -> None:
        self._database = database
        self._checkpoints = database[COLLECTION]
        self._group, self._owner = group, owner
        self._held: dict[Partition, Checkpoint] = {}

    def get(self, partition: Partition) -> Checkpoint | None:
        return self._held.get(partition)

    def drop(self, partitions: Iterable[Partition] | None = None) -> None:
        """Forget them (all, without an argument): the next record makes us claim the partition and read anew."""
        for partition in list(self._held) if partitions is None else partitions:
            self._held.pop(partition, None)

    async def claim(self, partition: Partition, topic_id: str, session_id: Mapping[str, Any]) -> Checkpoint:
        """Become the owner: end the predecessor's open transaction, take the next epoch, learn the offset.

        The session is killed first: its uncommitted write to this very checkpoint would make ours wait for up to 90 s.
        """
        id = self._id(partition, topic_id)
        mine = {"session": dict(session_id), "owner": self._owner, "claimed": machine_time()}
        for _ in range(_ATTEMPTS):
            old = await self._checkpoints.find_one({"_id": id}, max_time_ms=5_000)
            if old is None:
                where = {"group": self._group, "topic": partition.topic, "topic_id": topic_id}
                try:
                    await self._checkpoints.insert_one(
                        {"_id": id, **where, "epoch": 1, "offset": -1, "ahead": b"", **mine}
                    )
                except DuplicateKeyError:
                    continue
                await self._let_go_of_topics_gone(partition.topic, topic_id)
                return self._hold(partition, Checkpoint(id, 1, Position(-1)))
            await end_session(self._database, old, session_id)
            # read again what the predecessor may have committed before it was killed; only the epoch must be the same
            change = {"$inc": {"epoch": 1}, "$set": mine, "$unset": {"expires": ""}}  # in use (again): kept
            now = await self._checkpoints.find_one_and_update(
                {"_id": id, "epoch": old["epoch"]}, change, maxTimeMS=10_000
            )
            if now is not None:
                if now.get("expires") is not None:  # the topic is the one of before again (a fail-over, and back)
                    await self._let_go_of_topics_gone(partition.topic, topic_id)
                position = Position.of_bits(now["offset"], now["ahead"])
                return self._hold(partition, Checkpoint(id, now["epoch"] + 1, position))
        raise Fenced(partition.topic)

    async def done(self, partitions: Mapping[Partition, str]) -> dict[Partition, int]:
        """Up to where all is done of each partition of a topic id (-1: nothing), whoever owns it. Claims nothing."""
        of = {self._id(partition, topic_id): partition for partition, topic_id in partitions.items()}
        query = self._checkpoints.find({"_id": {"$in": list(of)}}, {"offset": 1}, max_time_ms=5_000)
        return dict.fromkeys(partitions, -1) | {of[each["_id"]]: each["offset"] async for each in query}

    async def begin_again(self, partition: Partition, held: Checkpoint) -> None:
        """Nothing of this log is done any more: it is not the one that was read. Raises Fenced when not ours."""
        anew = {"$inc": {"epoch": 1}, "$set": {"offset": -1, "ahead": b""}}
        done = await self._checkpoints.update_one(_ours(held), anew)
        if done.matched_count != 1:
            raise Fenced(partition.topic)
        held.epoch, held.position, held.asked_again = held.epoch + 1, Position(-1), -1

    def advance(self, positions: Mapping[Partition, Position]) -> Condition | None:
        """For a transaction: so far the partitions are done, or Fenced when any is no longer ours, which is raised at
        once when we know it."""
        moves = []
        for partition, position in positions.items():
            held = self._held.get(partition)
            if held is None:  # revoked while we worked
                raise Fenced(partition.topic)
            moved = {"$set": {"offset": position.offset, "ahead": Binary(position.as_bits())}}
            moves.append(bson.encode({"q": _ours(held), "u": moved}))
        return Condition(Write("update", COLLECTION, moves), Fenced()) if moves else None

    def advanced(self, positions: Mapping[Partition, Position]) -> None:
        for partition, position in positions.items():
            if (held := self._held.get(partition)) is not None:
                held.position = position

    def _id(self, partition: Partition, topic_id: str) -> str:
        return f"{self._group}/{partition.topic}/{topic_id}/{partition.number}"

    def _hold(self, partition: Partition, held: Checkpoint) -> Checkpoint:
        self._held[partition] = held
        return held

    async def _let_go_of_topics_gone(self, topic: str, topic_id: str) -> None:
        gone = {"group": self._group, "topic": topic, "topic_id": {"$ne": topic_id}, "expires": None}
        kept = int(KEPT_AFTER_ITS_TOPIC.total_seconds() * 1000)
        await self._checkpoints.update_many(gone, [{"$set": {"expires": {"$add": ["$$NOW", kept]}}}])


def _ours(held: Checkpoint) -> dict[str, Any]:
    ahead = Binary(held.position.as_bits())
    return {"_id": held.id, "epoch": held.epoch, "offset": held.position.offset, "ahead": ahead}
