"""Our events as records: CloudEvents in Kafka's binary mode, by the contract in `shared.events`. No IO."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from shared.events import Event, Refused, registry
from shared.events.envelope import from_kafka, isotime, to_kafka
from shared.events.registry import SCHEMA_BASE
from shared.kit.kafka.records import LARGEST_RECORD, Bad, DeadLetter, Outgoing, Record

RECORD_SET_APART = "record-set-apart"
_SAFE_FIELD = re.compile(r"^[A-Za-z0-9_/, -]{0,200}$")


class CloudEventCodec:
    """`shared.kit.kafka.records.EventCodec` of this repository's contract."""

    def encode(self, event: Event[Any]) -> Outgoing:
        """Raises for what the contract does not know."""
        return Outgoing(event.event_type.topic.name, *to_kafka(event))

    def decode(self, record: Record, topic: str) -> Event[Any] | Bad:
        """The event in a record, or what is wrong with it. Never raises, whatever anybody put into the topic."""
        try:
            if record.value is not None and len(record.value) > LARGEST_RECORD:  # nobody of ours may say more in one
                return Bad("too-large", "/data", type_of(record))
            event = from_kafka(record.value, record.headers)
        except Refused as refused:
            first = refused.refusals[0]
            field = first.field if _SAFE_FIELD.match(first.field) else ""
            return Bad(first.rule, field, type_of(record))
        except Exception as error:  # a way to be wrong that the contract's reader did not foresee
            return Bad("handler-failed", type(error).__name__, type_of(record))
        if record.key != event.key.encode():  # it may be in another partition than the events before it
            return Bad("wrong-key", "/partitionkey", event.type)
        if event.event_type.topic.name != topic:
            return Bad("wrong-topic", "/type", event.type)
        return event

    def dead_letter(self, letter: DeadLetter) -> Outgoing:
        """Says origin, reason, field and type, and never anything of the payload."""
        service, origin, bad = letter.service, letter.origin, letter.bad
        id = hashlib.sha256(f"{service}/{origin.id}".encode()).hexdigest()[:32]  # where, not who: no secret in it
        topic, partition = origin.partition
        attributes = {
            "specversion": "1.0",
            "type": RECORD_SET_APART,
            "source": f"/services/{service}",
            "id": id,
            "time": isotime(letter.time),
            "dataschema": f"{SCHEMA_BASE}{RECORD_SET_APART}/1",
            "partitionkey": origin.id,
            "dataclassification": "public",
        }
        value: dict[str, Any] = {
            "service": service,
            "origin": {"topic": topic, "topic_id": origin.topic_id, "partition": partition, "offset": origin.offset},
            "reason": bad.reason,
            "field": bad.field,
            "type": bad.type,
        }
        headers = [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
        headers.append(("content-type", b"application/json"))
        return Outgoing(letter.topic, origin.id.encode(), json.dumps(value).encode(), headers)


def type_of(record: Record) -> str:
    """The record's type if it is one of ours, else "unknown": a header is somebody's text."""
    for name, value in record.headers:
        if name == "ce_type" and value is not None and len(value) <= 100:
            text = value.decode(errors="replace")
            return text if registry.versions(text) else "unknown"
    return "unknown"
