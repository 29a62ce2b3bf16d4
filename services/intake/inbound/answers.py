"""What an agency is answered on its own topic: a receipt for every record, kept in the transaction that decided it.

Until Kafka has them the answers of a portion lie sealed in one document. Whoever finds one after a crash publishes it
again, under the same ids: an answer comes at least once, and twice it is the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypedDict

from services.intake.schemas import Receipt
from shared.kit.base.ids import Ids
from shared.kit.base.sealing import Sealer
from shared.kit.kafka.records import Origin
from shared.kit.store.typed_collection import Collection

TYPE = "event-answered"
SOURCE = "/services/intake"


class AnswersDocument(TypedDict):
    """Of one portion of an agency's records; `sealed` holds the sender's own ids."""

    _id: str
    agency: str
    at: datetime
    sealed: bytes


ANSWERS = Collection[AnswersDocument]("answers")
LONGEST_KEY = 1_024  # bytes that are said back


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of the record at this place."""

    origin: Origin
    key: bytes | None
    receipt: Receipt


class AnswerRecord(NamedTuple):
    """One record to publish on the agency's topic of answers."""

    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


def document_of(
    answers: Iterable[Answered], id: str, agency: str, now: datetime, ids: Ids, sealer: Sealer
) -> AnswersDocument:
    """As it is kept."""
    said = [_said(each, now, ids) for each in answers]
    sealed = sealer.seal(json.dumps(said, ensure_ascii=False).encode(), ANSWERS.name, id)
    return AnswersDocument(_id=id, agency=agency, at=now, sealed=sealed)


def records_of(document: AnswersDocument, sealer: Sealer) -> Sequence[AnswerRecord]:
    """As they are published: CloudEvents in binary mode. Raises SealBroken."""
    said = json.loads(sealer.open(document["sealed"], ANSWERS.name, document["_id"]))
    return [_record(each) for each in said]


def _said(answered: Answered, now: datetime, ids: Ids) -> dict[str, Any]:
    origin, receipt = answered.origin, answered.receipt.model_dump(mode="json", exclude_none=True)
    return {
        "id": ids.derived("answer", origin.topic_id, origin.partition.number, origin.offset),
        "time": now.isoformat(),
        # whoever sends a longer one finds the answer by partition and offset
        "key": None if answered.key is None or len(answered.key) > LONGEST_KEY else answered.key.hex(),
        "data": {"partition": origin.partition.number, "offset": origin.offset, **receipt},
    }


def _record(said: dict[str, Any]) -> AnswerRecord:
    attributes = {"specversion": "1.0", "type": TYPE, "source": SOURCE, "id": said["id"], "time": said["time"]}
    headers = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
    headers.append(("content-type", b"application/json"))
    key = None if said["key"] is None else bytes.fromhex(said["key"])
    return AnswerRecord(key, json.dumps(said["data"], ensure_ascii=False).encode(), headers)
