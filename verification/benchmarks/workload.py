"""The one piece of work that every contender does: a match is told (1 kB), kept as one document, and one event is said.

Pure: what it costs is the same for all of them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.events.envelope import Event, to_kafka
from shared.events.topics.deliveries import NOTICE_DELIVERED, Delivery
from shared.events.topics.matches import MATCH_FOUND, Match

READS = MATCH_FOUND.topic.name
WRITES = NOTICE_DELIVERED.topic.name
STATE = "told"
PARTITIONS = 4
BATCH = 500
BEFORE = 0  # the sequence of what is held already; what is told has the next one
SESSION_TIMEOUT_MS = 3_000  # the embedded broker lets a new group begin after half of it
FETCH_WAIT_MS = 100
POLL_MS = 10
LINGER_MS = 2
MAX_BATCH_BYTES = 64 * 1024
SOURCE = "/services/benchmark"
_TIME = datetime(2026, 11, 20, 9, tzinfo=UTC)
_FACTORS = ("occupation", "training", "certificates", "commute")

Record = tuple[bytes, bytes, list[tuple[str, bytes]]]


@dataclass(frozen=True, slots=True)
class Names:
    """Where one trial happens: nothing of it is shared with another one. ``held``: every match is held already, as it
    was before what is told now, so that its document is replaced and not new."""

    kafka: str
    mongo_url: str
    idempotent: bool
    trial: str
    held: bool = False

    @property
    def prefix(self) -> str:
        """Before every topic and group."""
        return f"{self.trial}."

    @property
    def database(self) -> str:
        """The trial's database."""
        return f"bench_{self.trial}"


def hex_id(*parts: object) -> str:
    """A stable 128-bit id."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:32]


def match_found(n: int) -> Event[Match]:
    """The n-th event to be told: each about another match, as it would come from matching."""
    reasons = [
        {
            "factor": factor,
            "contribution": 0.2,
            "text": {"ko": f"{factor}: 해 본 일과 배운 것이 맞습니다.", "en": f"{factor}: the work done before fits."},
        }
        for factor in _FACTORS
    ]
    content = {
        **MATCH_FOUND.example, "match": hex_id("match", n), "person": hex_id("person", n // 3), "score": 0.8,
        "band": "high", "reasons": reasons,
    }  # fmt: skip
    data = Match.model_validate_json(json.dumps(content))
    return Event(
        id=hex_id("event", n), source="/services/matching", type=MATCH_FOUND.name, version=1, time=_TIME,
        key=data.person, data=data, sequence=BEFORE + 1, correlationid=hex_id("root", n),
        causationid=hex_id("cause", n), recordedtime=_TIME,
    )  # fmt: skip


def records(count: int) -> list[Record]:
    """The first events as they are on the wire."""
    return [to_kafka(match_found(n)) for n in range(count)]


def document(match: Match, sequence: int) -> dict[str, Any]:
    """What is kept of a match."""
    return {
        "_id": match.match,
        "sequence": sequence,
        "person": match.person,
        "opportunity": match.opportunity,
        "kind": match.kind,
        "state": match.state,
        "score": match.score,
        "band": match.band,
        "as_of": match.as_of.isoformat(),
        "reasons": [{"factor": each.factor, "contribution": each.contribution} for each in match.reasons],
    }


def told(match: Match) -> Delivery:
    """What is said about it."""
    return Delivery(
        delivery=match.match,
        recipient="gjf",
        channel="feed",
        about="notice",
        person=match.person,
        opportunity=match.opportunity,
    )
