"""Records that could not be processed: sealed for 30 days in the service's own database, named on ``<topic>.dead``.

A document: {"_id": topic/topic id/partition/offset, "topic", "topic_id", "partition", "offset", "reason", "field",
"type", "state": "apart" | "replayed", "attempts", "set_apart", "expires", "sealed": key, value, headers}. The dead
letter says origin, reason, field and type, and never anything of the payload. Both are written in the transaction that
moves the checkpoint past the record: exactly once. A record that no document can hold is named, not kept.
"""

from __future__ import annotations

from datetime import timedelta

import bson
from pymongo import ASCENDING, IndexModel

from shared.kit.base.sealing import Sealer
from shared.kit.kafka.records import Bad, DeadLetter, EventCodec, Origin, Record
from shared.kit.store.mongo import Database, Document
from shared.kit.store.unit_of_work import LARGEST_DOCUMENT, UnitOfWork

COLLECTION = "quarantine"
KEPT = timedelta(days=30)
LARGEST_KEPT = LARGEST_DOCUMENT - 64 * 1024
INDEXES = {
    COLLECTION: [
        IndexModel([("expires", ASCENDING)], expireAfterSeconds=0, name="kept_30_days"),
        IndexModel([("state", ASCENDING), ("set_apart", ASCENDING)], name="what_is_apart"),
    ]
}


def dead_topic(topic: str) -> str:
    """Where consumers of a topic say what they could not process."""
    return f"{topic}.dead"


class Quarantine:
    """One service's quarantine. ``service`` names who could not process, on the dead letter, which ``codec`` writes."""

    def __init__(self, database: Database, sealer: Sealer, service: str, codec: EventCodec) -> None:
        self._kept = database[COLLECTION]
        self._sealer = sealer
        self._service = service
        self._codec = codec

    def set_apart(self, work: UnitOfWork, record: Record, origin: Origin, bad: Bad) -> None:
        """In the batch's transaction: keep the record sealed and say so on the dead topic."""
        content = _encoded(record)
        work.save(
            COLLECTION,
            {
                "_id": origin.id,
                "topic": origin.partition.topic,
                "topic_id": origin.topic_id,
                "partition": origin.partition.number,
                "offset": origin.offset,
                "reason": bad.reason,
                "field": bad.field,
                "type": bad.type,
                "state": "apart",
                "attempts": 1,
                "set_apart": work.now,
                "expires": work.trusted + KEPT,
                "sealed": None if content is None else self._sealer.seal(content, COLLECTION, origin.id),
            },
        )
        topic = dead_topic(origin.partition.topic)
        work.emit_record(self._codec.dead_letter(DeadLetter(topic, self._service, origin, bad, work.now)))

    def taken_out(self, document: Document) -> Record:
        """The record of a quarantine document that has one (``sealed``). Raises SealBroken."""
        content = bson.decode(self._sealer.open(document["sealed"], COLLECTION, document["_id"]))
        return Record(
            topic=document["topic"],
            partition=document["partition"],
            offset=document["offset"],
            key=content["k"],
            value=content["v"],
            headers=[(name, value) for name, value in content["h"]],
        )

    async def ids(self, limit: int) -> list[str]:
        """The oldest."""
        found = self._kept.find({"state": "apart"}, {"_id": 1}).sort([("set_apart", 1), ("_id", 1)]).limit(limit)
        return [document["_id"] async for document in found]

    async def reasons(self, limit: int) -> list[Document]:
        """The newest entries without their content, for an operator."""
        found = self._kept.find({"state": "apart"}, {"sealed": 0}).sort("set_apart", -1).limit(limit)
        return [document async for document in found]


def _encoded(record: Record) -> bytes | None:
    try:
        content = bson.encode({"k": record.key, "v": record.value, "h": [[n, v] for n, v in record.headers]})
    except (ValueError, bson.errors.BSONError):  # nothing about a record may keep it from being set apart
        return None
    return content if len(content) <= LARGEST_KEPT else None
