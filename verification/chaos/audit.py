"""What was sent against what the stores and the partners hold. Plain, and from outside: it asks no service.

Beside the oracle, which says what partners must hold at the end, every step on the way is counted:
an answer that intake does not know, an effect that is missing or there twice, a number that is left out or taken
twice, a follower that stands behind, an outcome that the journey lacks, a notice that is called delivered and did not
arrive.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from samples.partners.held import Received

Json = dict[str, Any]
FOLLOWERS = (  # collection of its writer, and who keeps a copy of it
    ("intake", "people", "matching"),
    ("intake", "people", "notifications"),
    ("intake", "opportunities", "matching"),
    ("intake", "agencies", "matching"),
    ("intake", "agencies", "notifications"),
    ("matching", "matches", "notifications"),
)
FORBIDS = "prohibitions"
ONCE = ("notice-delivered", "notice-acknowledged", "recall-acknowledged")


class Databases(Protocol):
    """The part of `verification.harness.databases` that is needed."""

    def documents(self, database: str, collection: str) -> list[Json]: ...


@dataclass
class Audit:
    """``lost`` and ``doubled``: how many of what, by a sentence."""

    lost: Counter[str] = field(default_factory=Counter)
    doubled: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Told:
    """One event in an outbox."""

    id: str
    topic: str
    type: str
    thing: str
    sequence: int
    correlationid: str
    published: bool


def audit(databases: Databases, receipts: Iterable[str], received: Mapping[str, list[Received]]) -> Audit:
    """``receipts``: of every event that was answered with 202. ``received``: what came to each partner, by agency."""
    found = Audit()
    said = {service: list(_told(databases, service)) for service in ("intake", "matching", "notifications")}
    _door(databases, set(receipts), said["intake"], found)
    for events in said.values():
        _numbers(events, found)
    _followers(databases, found)
    _journeys(databases, [*said["matching"], *said["notifications"]], found)
    _deliveries(databases, said["notifications"], received, found)
    return found


def _told(databases: Databases, service: str) -> Iterator[Told]:
    for row in databases.documents(service, "outbox"):
        for event in row["events"]:
            headers = {name: bytes(value).decode() for name, value in event["h"] if value is not None}
            topic = row["topic"]
            if topic.endswith(".dead"):
                continue
            thing = bytes(event["k"]).decode()
            if topic == "matches":
                thing = json.loads(bytes(event["v"]))["match"]
            yield Told(
                id=headers["ce_id"],
                topic=topic,
                type=headers["ce_type"],
                thing=thing,
                sequence=int(headers["ce_sequence"]),
                correlationid=headers.get("ce_correlationid", ""),
                published=row["topic_id"] is not None,
            )


def _door(databases: Databases, receipts: set[str], said: list[Told], found: Audit) -> None:
    """Every answer is known, and has exactly the effect that was noted with it."""
    rows = databases.documents("intake", "inbox")
    found.lost["accepted and unknown to intake"] += len(receipts - {row["receipt"] for row in rows})
    effects = Counter((event.correlationid, event.type, event.sequence) for event in said if event.topic != FORBIDS)
    noted = Counter((row["correlationid"], each["type"], each["sequence"]) for row in rows for each in row["emitted"])
    found.lost["accepted and not told to the others"] += sum((noted - effects).values())
    extra = effects - noted
    roots = {row["correlationid"] for row in rows}
    found.doubled["accepted once and told more than once"] += sum(n for key, n in extra.items() if key[0] in roots)


def _numbers(said: list[Told], found: Audit) -> None:
    """Of each thing 1, 2, 3, ... without a gap, each under one id; all of it published."""
    by_thing: dict[tuple[str, str], list[Told]] = {}
    for event in said:
        by_thing.setdefault((event.topic, event.thing), []).append(event)
        found.lost[f"{event.topic}: never published"] += not event.published
    for (topic, _), events in by_thing.items():
        sequences = Counter(event.sequence for event in events)
        found.doubled[f"{topic}: a number taken twice"] += sum(n - 1 for n in sequences.values())
        if topic != FORBIDS:  # not every state of a person forbids something
            found.lost[f"{topic}: a number left out"] += max(sequences) - len(sequences)


def _followers(databases: Databases, found: Audit) -> None:
    for writer, collection, follower in FOLLOWERS:
        written = {one["_id"]: one["sequence"] for one in databases.documents(writer, collection)}
        kept = {one["_id"]: one["sequence"] for one in databases.documents(follower, collection)}
        behind = sum(kept.get(id, 0) != sequence for id, sequence in written.items())
        found.lost[f"{collection}: not as last told at {follower}"] += behind
        found.doubled[f"{collection}: at {follower} and at nobody else"] += len(kept.keys() - written.keys())
    forbidden = {
        one["_id"]: one["floors"]["state"] for one in databases.documents("intake", "people") if "floors" in one
    }
    for follower in ("matching", "notifications"):
        heard = {one["_id"]: one["state"] for one in databases.documents(follower, "floors")}
        found.lost[f"{FORBIDS}: not heeded at {follower}"] += sum(heard.get(id) != it for id, it in forbidden.items())


def _journeys(databases: Databases, said: list[Told], found: Audit) -> None:
    """Every later step is in the journey that intake keeps."""
    steps = {step["_id"] for step in databases.documents("intake", "steps")}
    for event in said:
        found.lost[f"{event.topic}: missing in the journeys"] += event.id not in steps


def _deliveries(databases: Databases, said: list[Told], received: Mapping[str, list[Received]], found: Audit) -> None:
    """What is called delivered has arrived; what was acknowledged is known to be; each outcome is told once."""
    arrived = {agency: {one.notice for one in those} for agency, those in received.items()}
    for delivery in databases.documents("notifications", "deliveries"):
        there = delivery["notice"] in arrived.get(delivery["recipient"], set())
        if delivery["state"] == "delivered":
            found.lost["called delivered and never arrived"] += not there
            found.lost["arrived, acknowledged, and unknown to be"] += there and not delivery["acknowledged"]
        elif delivery["state"] != "dropped":
            found.lost[f"deliveries that ended as {delivery['state']}"] += 1
    outcomes = Counter((event.thing, event.type) for event in said if event.type in ONCE)
    found.doubled["an outcome told twice"] += sum(n - 1 for n in outcomes.values())
