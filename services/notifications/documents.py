"""How things are kept: the collections, and the way between documents and the values of the domain.

people        _id person; what telling needs of the person's state, nothing more
matches       _id match; the newest version of each match, withdrawn ones for 30 days as a marker that drops older ones
agencies      _id agency; as in every service (shared.access.agencies)
subscriptions _id; agency, channel, state; URL and secrets sealed
recipients    _id agency; the last feed position, and what two requests of one agency must agree on
threads       _id recipient:person; what the recipient holds of the person, and its queues of open deliveries
deliveries    _id; one notice or recall for one subscription, until its outcome and 90 days longer
attempts      _id delivery-number-claim; how each attempt went, 30 days
floors        _id person; what older states may not be used for any more; as in every service (shared.access.floors)
resyncs        _id agency; how far the resync of this agency has come

Threads and people stay until a person is erased: a thread is the only thing that knows who ever received somebody, whom
a withdrawal and an erasure must reach, and it counts the versions, which must never go back for a partner. There is one
for each recipient that a person consented to, and no more in it than what that recipient holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.notifications.domain.permission import Allowance, Subject
from services.notifications.domain.threads import Held, MatchSummary, OpenRecall, Thread
from shared.access.floors import floors_of
from shared.events import Event
from shared.events.topics.matches import Match
from shared.events.topics.people import Person

PEOPLE = "people"
MATCHES = "matches"
AGENCIES = "agencies"
SUBSCRIPTIONS = "subscriptions"
RECIPIENTS = "recipients"
THREADS = "threads"
DELIVERIES = "deliveries"
ATTEMPTS = "attempts"
RESYNCS = "resyncs"
CALENDAR = "calendar"  # one document, LATEST_DAY: the one that was believed
LATEST_DAY = "day"

FEED = "feed"
WEBHOOK = "webhook"

# A delivery's states. Waiting: for an earlier one of the same thread. Due: may be sent from `due` on. Sending: held
# by the dispatcher `owner`, taken in the `claim` of that name. Posted: in the feed. Served: the partner has been given
# it. The rest are final.
WAITING, DUE, SENDING, POSTED, SERVED = "waiting", "due", "sending", "posted", "served"
DELIVERED, FAILED, DROPPED = "delivered", "failed", "dropped"
STATES = frozenset({WAITING, DUE, SENDING, POSTED, SERVED, DELIVERED, FAILED, DROPPED})

Document = dict[str, Any]
_RELEVANT = frozenset({"matching", "notice"})


@dataclass(frozen=True, slots=True)
class Causation:
    """What a notice goes back to; handed on with its outcome."""

    event: str | None
    correlationid: str | None
    recordedtime: datetime | None

    @staticmethod
    def of(event: Event[Any]) -> Causation:
        """An event as cause."""
        return Causation(event.id, event.correlationid, event.recordedtime)

    @staticmethod
    def kept_in(document: Mapping[str, Any]) -> Causation:
        """The cause that was kept with a document."""
        return Causation(document["causationid"], document["correlationid"], document["recordedtime"])

    def document(self) -> Document:
        """The fields that keep it."""
        return {
            "causationid": self.event,
            "correlationid": self.correlationid,
            "recordedtime": self.recordedtime,
        }


def person_document(event: Event[Person]) -> Document:
    """What is kept of a person: status, the consents telling asks for, aliases."""
    person = event.data
    consents = [
        {"purpose": c.purpose, "recipient": c.recipient, "until": c.until.isoformat()}
        for c in person.consents
        if c.purpose in _RELEVANT
    ]
    return {
        "_id": person.person,
        "sequence": event.sequence or 0,
        "active": person.status == "active",
        "consents": consents,
        "recipients": sorted({c["recipient"] for c in consents if c["purpose"] == "notice" and c["recipient"]}),
        "aliases": [{"agency": a.agency, "alias": a.alias} for a in person.aliases],
        **Causation.of(event).document(),
    }


def subject_of(document: Mapping[str, Any] | None, floors: Document | None) -> Subject | None:
    """A kept person, as the rule of permission wants it: with as much as this state still allows under the person's
    floors (collection ``floors``), whatever waits on `people`."""
    if document is None:
        return None
    forbidden, sequence = floors_of(floors), document["sequence"]
    allowances = tuple(
        Allowance(c["purpose"], c["recipient"], date.fromisoformat(c["until"]))
        for c in document["consents"]
        if not forbidden.forbid(sequence, c["purpose"], c["recipient"])
    )
    active = document["active"] and not forbidden.forbid_all(sequence)
    return Subject(active, allowances, {a["agency"]: a["alias"] for a in document["aliases"]})


def match_document(event: Event[Match], now: datetime) -> Document:
    """What is kept of a match; no reasons, no score. A withdrawn one is dated, and forgotten some time after."""
    match = event.data
    document = {
        "_id": match.match,
        "sequence": event.sequence or 0,
        "person": match.person,
        "opportunity": match.opportunity,
        "kind": match.kind,
        "band": match.band,
        "stands": match.state != "withdrawn",
        **Causation.of(event).document(),
    }
    return document if document["stands"] else {**document, "ended": now}


def summary_of(document: Mapping[str, Any]) -> MatchSummary:
    """A kept match as it is told."""
    return MatchSummary(document["opportunity"], document["kind"], document["band"])


def thread_id(recipient: str, person: str) -> str:
    """The `_id` of a thread."""
    return f"{recipient}:{person}"


def thread_of(document: Mapping[str, Any] | None) -> Thread:
    """A kept thread; an empty one when there is none."""
    if document is None:
        return Thread(alias="")
    held = {
        opportunity: Held(
            MatchSummary(opportunity, h["kind"], h["band"]), h["version"], h["month"], frozenset(h["sent_via"])
        )
        for opportunity, h in document["held"].items()
    }
    recall = document["recall"]
    return Thread(
        alias=document["alias"],
        version=document["version"],
        recall_required=document["recall_required"],
        held=held,
        recall=recall
        and OpenRecall(
            recall["version"],
            recall["alias"],
            recall["month"],
            frozenset(recall["sent_via"]),
            recall.get("taken", False),
        ),
    )


def thread_document(recipient: str, person: str, thread: Thread, queues: Mapping[str, list[list[Any]]]) -> Document:
    """A thread as it is kept; ``queues``: open deliveries by subscription, oldest first (see queues.py)."""
    return {
        "_id": thread_id(recipient, person),
        "recipient": recipient,
        "person": person,
        "alias": thread.alias,
        "version": thread.version,
        "recall_required": thread.recall_required,
        "held": {
            opportunity: {
                "kind": h.summary.kind,
                "band": h.summary.band,
                "version": h.version,
                "month": h.month,
                "sent_via": sorted(h.sent_via),
            }
            for opportunity, h in thread.held.items()
        },
        "recall": thread.recall
        and {
            "version": thread.recall.version,
            "alias": thread.recall.alias,
            "month": thread.recall.month,
            "sent_via": sorted(thread.recall.sent_via),
            "taken": thread.recall.taken,
        },
        "queues": {subscription: list(queue) for subscription, queue in queues.items() if queue},
    }
