"""Records that nobody but the owner of a topic may write, as somebody who reached the broker would write them.

Pure. One for every type of event there is, so that a new topic is attacked too; those that would do most harm besides:
keys of the attacker's own, a number so high that every later truth is void, a source that is not the owner's,
dead letters, a tombstone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from shared.events.envelope import CONTENT_TYPE
from shared.events.registry import EventType, registry

HUGE = 2**62
"""Higher than any number that a thing will ever have."""
SECRET_SHA256 = "a77ac4e4" * 8
"""Of a key that only the attacker has."""
_TIME = "2026-11-28T09:00:00Z"


@dataclass(frozen=True, slots=True)
class Forged:
    """One record: what it is for, where it goes, and what goes there."""

    kind: str
    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def forged(sequence: int = HUGE) -> list[Forged]:
    """All of them, each kind once, in a fixed order."""
    found = [_record(event_type.name, event_type, sequence) for event_type in registry]
    changed = registry.find("agency-changed")
    key = [{"key_id": "gjf-9", "secret_sha256": SECRET_SHA256}]
    everything = {"emits": [], "reads": ["matches", "journeys", "rejections", "deliveries"], "receives": True}
    found += [
        _record("agency with the attacker's key", changed, sequence, keys=key),
        _record("agency that may read all", changed, sequence, rights=everything, recipient_class="case"),
        _record("person with one number more", registry.find("person-updated"), 2),
        _record("consent to the attacker", registry.find("consent-given"), sequence, source="/services/intake/"),
        _record("source of another service", registry.find("match-found"), sequence, source="/services/notifications"),
    ]
    for topic in registry.topics.values():
        found.append(Forged(f"tombstone on {topic.name}", topic.name, b"0f" * 16, None, []))
        found.append(Forged(f"dead letter of {topic.name}", topic.dead, b"0f" * 16, b"{}", []))
    return found


def _record(kind: str, event_type: EventType, sequence: int, source: str | None = None, **changes: Any) -> Forged:
    data = {**event_type.example, **changes}
    key = str(data[event_type.topic.key])
    attributes = {
        "specversion": "1.0",
        "type": event_type.name,
        "source": source or f"/services/{event_type.topic.written_by}",
        "id": "f0" * 16,
        "time": _TIME,
        "dataschema": event_type.dataschema,
        "partitionkey": key,
        "sequence": str(sequence),
    }
    headers = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
    headers.append(("content-type", CONTENT_TYPE.encode()))
    return Forged(kind, event_type.topic.name, key.encode(), json.dumps(data).encode(), headers)
