"""Records that could not be processed: sealed for 30 days in the service's own database, named on ``<topic>.dead``.

A document: {"_id": topic/topic id/partition/offset, "topic", "topic_id", "partition", "offset", "reason", "field",
"type", "state": "apart" | "replayed", "attempts", "set_apart", "expires", "sealed": key, value, headers}. The dead
letter says origin, reason, field and type, and never anything of the payload. Both are written in the transaction that
moves the checkpoint past the record: exactly once. A record that no document can hold is named, not kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import bson
from pymongo import ASCENDING, IndexModel

from shared.events.envelope import isotime
from shared.events.registry import SCHEMA_BASE
from shared.kit.base.sealing import Sealer
from shared.kit.store.mongo import Database, Document
from shared.kit.store.unit_of_work import LARGEST_DOCUMENT, Outgoing, UnitOfWork
from shared.kit.stream.records import Bad, Origin, Record

COLLECTION = "quarantine"
KEPT = timedelta(days=30)
LARGEST_KEPT = LARGEST_DOCUMENT - 64 * 1024
RECORD_SET_APART = "record-set-apart"
INDEXES = {
    COLLECTION: [
        IndexModel([("expires", ASCENDING)], expireAfterSeconds=0, name="kept_30_days"),
        IndexModel([("state", ASCENDING), ("set_apart", ASCENDING)], name="what_is_apart"),
    ]
}


def dead_topic(topic: str) -> str:
    """Where consumers of a topic say what they could not process."""
    return f"{topic}.dead"


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record taken out of quarantine (records.Record)."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Quarantine:
    """One service's quarantine. ``service`` names who could not process, on the dead letter."""

    def __init__(self, database: Database, sealer: Sealer, service: str) -> None:
        self._kept = database[COLLECTION]
        self._sealer = sealer
        self._service = service

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
        work.emit_record(self._dead_letter(origin, bad, work.now))

    def taken_out(self, document: Document) -> KeptRecord:
        """The record of a quarantine document that has one (``sealed``). Raises SealBroken."""
        content = bson.decode(self._sealer.open(document["sealed"], COLLECTION, document["_id"]))
        return KeptRecord(
            topic=document["topic"],
            partition=document["partition"],
            offset=document["offset"],
            key=content["k"],
            value=content["v"],
            headers=[(name, value) for name, value in content["h"]],
        )

    async def ids(self, limit: int = 1_000) -> list[str]:
        """What is apart, oldest first."""
        found = self._kept.find({"state": "apart"}, {"_id": 1}).sort([("set_apart", 1), ("_id", 1)]).limit(limit)
        return [document["_id"] async for document in found]

    async def count(self) -> int:
        """How many records are apart."""
        return int(await self._kept.count_documents({"state": "apart"}, maxTimeMS=5_000))

    async def reasons(self, limit: int = 100) -> list[Document]:
        """The newest entries without their content, for an operator."""
        found = self._kept.find({"state": "apart"}, {"sealed": 0}).sort("set_apart", -1).limit(limit)
        return [document async for document in found]

    def _dead_letter(self, origin: Origin, bad: Bad, now: datetime) -> Outgoing:
        id = hashlib.sha256(f"{self._service}/{origin.id}".encode()).hexdigest()[:32]  # where, not who: no secret in it
        topic, partition = origin.partition
        attributes = {
            "specversion": "1.0",
            "type": RECORD_SET_APART,
            "source": f"/services/{self._service}",
            "id": id,
            "time": isotime(now),
            "dataschema": f"{SCHEMA_BASE}{RECORD_SET_APART}/1",
            "partitionkey": origin.id,
            "dataclassification": "public",
        }
        value: dict[str, Any] = {
            "service": self._service,
            "origin": {"topic": topic, "topic_id": origin.topic_id, "partition": partition, "offset": origin.offset},
            "reason": bad.reason,
            "field": bad.field,
            "type": bad.type,
        }
        headers = [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
        headers.append(("content-type", b"application/json"))
        return Outgoing(dead_topic(topic), origin.id.encode(), json.dumps(value).encode(), headers)


def _encoded(record: Record) -> bytes | None:
    try:
        content = bson.encode({"k": record.key, "v": record.value, "h": [[n, v] for n, v in record.headers]})
    except (ValueError, bson.errors.BSONError):  # nothing about a record may keep it from being set apart
        return None
    return content if len(content) <= LARGEST_KEPT else None
