"""Data mappers: from events and values of the domain to stored documents, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.notifications.documents import (
    FLOORS,
    PEOPLE,
    WAITING,
    CauseEntry,
    ConsentEntry,
    DayEntry,
    DeliveryDocument,
    DeliveryFields,
    HeldEntry,
    MatchDocument,
    PersonDocument,
    QueueEntry,
    RecallEntry,
    RecipientDocument,
    SubscriptionDocument,
    ThreadDocument,
)
from services.notifications.domain.feed_days import Days
from services.notifications.domain.notice_threads import Held, MatchSummary, OpenRecall, OutboundMessage, Thread, Wants
from services.notifications.domain.permission import Allowance, Subject
from services.notifications.domain.subscription_filters import NOTHING, compiled
from shared.access.agencies import may_receive
from shared.access.prohibition_floors import floors_of
from shared.events import Event
from shared.events.topics.matches import Match
from shared.events.topics.people import Person
from shared.kit.store.mongo import Document
from shared.kit.store.unit_of_work import UnitOfWork

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
    def kept_in(document: CauseEntry) -> Causation:
        """The cause that was kept with a document."""
        return Causation(document["causationid"], document["correlationid"], document["recordedtime"])

    def fields(self) -> CauseEntry:
        """As it is kept."""
        return {
            "causationid": self.event,
            "correlationid": self.correlationid,
            "recordedtime": self.recordedtime,
        }


def person_document(event: Event[Person]) -> PersonDocument:
    """What is kept of a person: status, the consents telling asks for, aliases."""
    person = event.data
    consents: list[ConsentEntry] = [
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
        "cause": Causation.of(event).fields(),
    }


def subject_of(document: PersonDocument | None, floors: Document | None) -> Subject | None:
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


def subject_in(work: UnitOfWork, person: str) -> Subject | None:
    """The same of a person as a transaction knows them: made once, as long as nothing is forbidden of them, for all of
    it that asks. Raises NotNeeded."""
    floors = FLOORS.get(work, person, shared=True)
    if floors is None:
        return PEOPLE.parsed(work, person, _with_nothing_forbidden)
    return subject_of(PEOPLE.get(work, person, shared=True), floors)


def _with_nothing_forbidden(document: PersonDocument) -> Subject | None:
    return subject_of(document, None)


def agency_receives(agency: Document | None) -> bool:
    """Whether this agency, as it is kept, may receive anything about a person."""
    if agency is None:
        return False
    state = agency["state"]
    return may_receive(state["recipient_class"], bool(state["rights"].get("receives", False)))


def match_document(event: Event[Match], now: datetime) -> MatchDocument:
    """What is kept of a match; no reasons, no score. A withdrawn one is dated ``now`` and forgotten some time after."""
    match = event.data
    document: MatchDocument = {
        "_id": match.match,
        "sequence": event.sequence or 0,
        "person": match.person,
        "opportunity": match.opportunity,
        "kind": match.kind,
        "band": match.band,
        "region": match.region,
        "stands": match.state != "withdrawn",
        "cause": Causation.of(event).fields(),
    }
    if not document["stands"]:
        document["ended"] = now
    return document


def match_summary(match: MatchDocument) -> MatchSummary:
    """A kept match as it is told."""
    return MatchSummary(match["opportunity"], match["kind"], match["band"], match.get("region"))


def match_told(delivery: DeliveryFields) -> MatchSummary | None:
    """The match that a notice tells of; None for a recall."""
    opportunity, kind, band = delivery["opportunity"], delivery["kind"], delivery["band"]
    if opportunity is None or kind is None or band is None:
        return None
    return MatchSummary(opportunity, kind, band, delivery.get("region"))


def wants(subscription: SubscriptionDocument) -> Wants:
    """Which notices a subscription is told of. Recalls it is always told."""
    return NOTHING if subscription.get("recalls_only") else compiled(subscription.get("filter"))


def thread_id(recipient: str, person: str) -> str:
    """The `_id` of a thread."""
    return f"{recipient}:{person}"


def thread_of(document: ThreadDocument | None) -> Thread:
    """A kept thread; an empty one when there is none."""
    if document is None:
        return Thread(alias="")
    return Thread(
        alias=document["alias"],
        version=document["version"],
        recall_required=document["recall_required"],
        held=_held(document["held"]),
        ended=_held(document.get("ended", {})),
        recall=None if document["recall"] is None else _open_recall(document["recall"]),
        earlier=tuple(map(_open_recall, document.get("earlier", ()))),
        untold=document.get("untold", False),
    )


def thread_document(
    recipient: str, person: str, thread: Thread, queues: Mapping[str, list[QueueEntry]]
) -> ThreadDocument:
    """A thread as it is kept."""
    document: ThreadDocument = {
        "_id": thread_id(recipient, person),
        "recipient": recipient,
        "person": person,
        "alias": thread.alias,
        "version": thread.version,
        "recall_required": thread.recall_required,
        "held": _held_entries(thread.held),
        "recall": None if thread.recall is None else _recall_entry(thread.recall),
        "queues": {subscription: list(queue) for subscription, queue in queues.items() if queue},
    }
    if thread.earlier:
        document["earlier"] = [_recall_entry(each) for each in thread.earlier]
    if thread.ended:
        document["ended"] = _held_entries(thread.ended)
    if thread.untold:
        document["untold"] = True
    return document


def _open_recall(entry: RecallEntry) -> OpenRecall:
    return OpenRecall(
        entry["version"],
        entry["alias"],
        entry["month"],
        frozenset(entry["sent_via"]),
        entry["taken"],
        frozenset(entry["if_sent"]),
    )


def _recall_entry(recall: OpenRecall) -> RecallEntry:
    return {
        "version": recall.version,
        "alias": recall.alias,
        "month": recall.month,
        "sent_via": sorted(recall.sent_via),
        "taken": recall.taken,
        "if_sent": sorted(recall.if_sent),
    }


def _held(entries: Mapping[str, HeldEntry]) -> dict[str, Held]:
    return {
        opportunity: Held(
            MatchSummary(opportunity, h["kind"], h["band"]),
            h["version"],
            h["month"],
            frozenset(h["sent_via"]),
            frozenset(h.get("behind", ())),
        )
        for opportunity, h in entries.items()
    }


def _held_entries(held: Mapping[str, Held]) -> dict[str, HeldEntry]:
    entries: dict[str, HeldEntry] = {}
    for opportunity, h in held.items():
        entries[opportunity] = {
            "kind": h.summary.kind,
            "band": h.summary.band,
            "version": h.version,
            "month": h.month,
            "sent_via": sorted(h.sent_via),
        }
        if h.behind:
            entries[opportunity]["behind"] = sorted(h.behind)
    return entries


def delivery_document(
    id: str,
    notice: str,
    thread: ThreadDocument,
    message: OutboundMessage,
    subscription: SubscriptionDocument,
    cause: Causation,
) -> DeliveryDocument:
    """A new delivery of a message by one subscription; its channel has not taken it in yet."""
    told = message.summary
    document: DeliveryDocument = {
        "_id": id,
        "notice": notice,
        "thread": thread["_id"],
        "recipient": thread["recipient"],
        "person": thread["person"],
        "alias": message.alias,
        "version": message.version,
        "month": message.month,
        "about": "recall" if told is None else "notice",
        "opportunity": None if told is None else told.opportunity,
        "kind": None if told is None else told.kind,
        "band": None if told is None else told.band,
        "match_state": message.state,
        "subscription": subscription["_id"],
        "channel": subscription["channel"],
        "before": message.before,
        "after": message.after,
        "possibly_sent": False,
        "listed": True,
        "attempts": 0,
        "outcome_sequence": 0,
        "acknowledged": False,
        "state": WAITING,
        "reason": None,
        "owner": None,
        "claim": None,
        "cause": cause.fields(),
    }
    if told is not None and told.region is not None:
        document["region"] = told.region
    if subscription.get("order") is not None:
        document["ordered"] = True
    return document


def days_of(document: RecipientDocument | None) -> Days:
    """Where each day of a recipient's feed begins."""
    kept = [] if document is None else document.get("days", [])
    return [(date.fromisoformat(each["day"]), each["first"]) for each in kept]


def day_entries(days: Days) -> list[DayEntry]:
    """As it is kept."""
    return [{"day": day.isoformat(), "first": first} for day, first in days]


def attempts_made(delivery: DeliveryDocument) -> int:
    """How often in all, by what was written down: ``attempts`` is where it is in its schedule, which begins anew when
    its recipient asks for it again, and of which a probe uses up nothing."""
    return max((entry["number"] for entry in delivery.get("log", ())), default=0)
