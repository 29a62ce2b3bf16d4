"""Notifications without IO: the service's own tasks over dictionaries, and partners that remember what reached them."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from services.notifications.channels.credentials import Credentials
from services.notifications.channels.feed import Feed
from services.notifications.channels.feed_reader import FeedReader
from services.notifications.channels.webhook import Limits, Webhook
from services.notifications.delivery.notice_content import Messages
from services.notifications.delivery.transitions import DeliveryTransitions
from services.notifications.delivery_queues import nothing_of_it_left
from services.notifications.documents import (
    DELIVERED,
    DELIVERIES,
    DROPPED,
    DUE,
    FAILED,
    FEED,
    FLOORS,
    MATCHES,
    PEOPLE,
    RECIPIENTS,
    RECOVERIES,
    RESYNCS,
    RUNNING,
    SENDING,
    SUBSCRIPTIONS,
    TAKING_PART,
    THREADS,
)
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.permission import alias_to_tell
from services.notifications.domain.webhook_url_rules import UrlRules
from services.notifications.fan_out.reconcile import Reconciler
from services.notifications.fan_out.resync import ResyncJob
from services.notifications.indexes_and_retention import INDEXES
from services.notifications.kafka_handlers import TOPICS, floor_follow_up, notifications_stream, prohibitions_stream
from services.notifications.mappers import subject_of
from services.notifications.outcome_events import Outcomes
from services.notifications.resync_request import request_resync
from shared.access.prohibitions_stream import TOPICS as FORBIDDING
from shared.events import Event, registry
from shared.events.topics.prohibitions import Floor, Floors
from shared.kit.base.ids import Ids
from shared.kit.base.sealing import Sealer
from shared.kit.store.store import Operation
from shared.kit.store.typed_collection import Collection
from shared.kit.store.unit_of_work import UnitOfWork
from tests.support.memory_store import MemoryStore, Stored

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
EVER = date(2199, 12, 31)  # the contract's last day: integration tests, too, on the real clock, are about other things

FINAL = frozenset({DELIVERED, FAILED, DROPPED})
# By collection: whether a document must stay, however old it is. MongoDB forgets what has a field of a TTL index.
MUST_STAY: dict[str, Callable[[dict[str, Any]], bool]] = {
    DELIVERIES.name: lambda delivery: delivery["state"] not in FINAL or "unacknowledged_since" in delivery,
    MATCHES.name: lambda match: bool(match["stands"]),
    RECOVERIES.name: lambda recovery: recovery["state"] == RUNNING,
}
FORGOTTEN_BY: dict[str, set[str]] = {
    collection: fields
    for collection, indexes in INDEXES.items()
    if (fields := {next(iter(i.document["key"])) for i in indexes if "expireAfterSeconds" in i.document})
}


def hexid(*parts: object) -> str:
    return Ids(b"t" * 32).derived(*(str(part) for part in parts))


class World:
    """One notifications service, its database as dictionaries, its partners."""

    def __init__(self, schedule: tuple[float, ...] = (0.0, 5.0, 300.0)) -> None:
        self.now = START
        self.doubt = timedelta(0)  # by so much the other clock is later
        self.moved = timedelta(0)  # by so much the calendar is ahead of MongoDB's clock
        self.store = MemoryStore(START)
        self.forgotten: list[Stored] = []  # deliveries that MongoDB has deleted
        self.woken: list[str] = []
        self.ids = Ids(b"k" * 32)
        self.sealer = Sealer(b"s" * 32)
        self.webhook = Webhook(
            Credentials(self.sealer),
            lambda work, delivery, channel: self.woken.append(delivery["subscription"]),
            Limits(),
            UrlRules(),
        )
        self.feed = Feed(lambda now: now.date())
        self.outcomes = Outcomes(self.ids)
        self.reconciler = Reconciler(
            self.ids, {"webhook": self.webhook, "feed": self.feed}, self.outcomes, lambda now: now.date()
        )
        self.streams = {
            TOPICS: notifications_stream(self.reconciler),
            FORBIDDING: prohibitions_stream(lambda: None, lambda: None),
        }
        self.transitions = DeliveryTransitions(
            self.reconciler.queues, schedule, lambda: None, told_after_all=self.reconciler.told_after_all
        )
        nothing: Any = None  # only tasks are asked of these two, which need neither store nor repository
        self.resync_job = ResyncJob(nothing, nothing, self.reconciler, asyncio.Event())
        self.following = floor_follow_up(self.reconciler, {FLOORS.name: None}, nothing, asyncio.Event(), nothing)  # type: ignore[arg-type]  # as above
        self.messages = Messages()
        self.reader = FeedReader(
            self.feed,
            nothing,
            nothing,
            self.reconciler.queues,
            self.messages,
            self.sealer,
            lambda now: now.date(),
            asyncio.Event(),
        )
        self.partners: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._counter = itertools.count(1)

    # --- the database

    def perform(self, operation: Operation[Any]) -> Any:
        self.store.now, self.store.doubt, self.store.moved = self.now, self.doubt, self.moved
        result = self.store.submit_now(operation)
        self.nothing_pending_is_ever_forgotten()
        return result

    def nothing_pending_is_ever_forgotten(self) -> None:
        """Nothing that is still to be done has a date by which MongoDB deletes it, and whatever has ended is dated
        (situation 38), but for recalls that have arrived and nobody has answered for."""
        for collection, fields in FORGOTTEN_BY.items():
            for document in self.store.all(collection):
                assert not (MUST_STAY[collection](document) and fields & document.keys()), document
        deliveries = self.store.all(DELIVERIES.name)
        ever = [*deliveries, *self.forgotten]
        obeyed = [d for d in ever if d["about"] == "recall" and d["acknowledged"]]
        for delivery in deliveries:
            final, awaited = delivery["state"] in FINAL, "unacknowledged_since" in delivery
            assert ("ended" in delivery) == (final and not awaited), delivery
            answered = any(
                (d["thread"], d["alias"]) == (delivery["thread"], delivery["alias"])
                and d["version"] >= delivery["version"]
                for d in obeyed
            )
            arrived = delivery["about"] == "recall" and delivery["state"] == DELIVERED
            # one that turned out to be needless while it was under way by another subscription is not asked for
            earlier = [
                d["version"] for d in obeyed if (d["thread"], d["alias"]) == (delivery["thread"], delivery["alias"])
            ]
            before = max((version for version in earlier if version < delivery["version"]), default=0)
            needless = not any(
                (d["thread"], d["alias"], d["about"]) == (delivery["thread"], delivery["alias"], "notice")
                and before < d["version"] < delivery["version"]
                and d["possibly_sent"]
                for d in ever
            )
            assert awaited or answered or needless or not arrived, delivery
            assert not (awaited and delivery["acknowledged"]), delivery

    @property
    def emitted(self) -> list[Any]:
        return self.store.emitted

    def all(self, collection: Collection[Any], **where: Any) -> list[Stored]:
        found = sorted(self.store.all(collection.name), key=lambda document: str(document["_id"]))
        return [d for d in found if all(d.get(field) == value for field, value in where.items())]

    # --- what happens

    def hear(self, event: Event[Any]) -> None:
        (stream,) = (s for topics, s in self.streams.items() if event.event_type.topic.name in topics)
        anything: Any = None  # a handler that raises fails the test: nothing is set apart
        self.perform(stream._routes.operation(event, anything, anything))

    def follow(self) -> None:
        """What follows from every floor that was raised."""
        for floors in self.all(FLOORS):
            self.perform(self.following.task(floors["_id"]))

    def event(self, type: str, data: Any, key: str, sequence: int) -> Event[Any]:
        return Event(
            id=hexid(type, key, sequence, next(self._counter)),
            source="/test",
            type=type,
            version=1,
            time=self.now,
            key=key,
            data=data,
            sequence=sequence,
            correlationid=hexid("correlation", next(self._counter)),
            recordedtime=self.now,
        )

    def subscribe(self, agency: str, channel: str, **more: Any) -> str:
        subscription = hexid("subscription", agency, channel, next(self._counter))
        document: Any = {
            "_id": subscription,
            "agency": agency,
            "channel": channel,
            "state": "active",
            "reason": None,
            "held_until": None,
            "failures": 0,
            "target": None,
            "secrets": [],
            **more,
        }

        def do(work: UnitOfWork) -> None:
            SUBSCRIPTIONS.save(work, document)
            RECIPIENTS.save(work, RECIPIENTS.get(work, agency) or {"_id": agency, "position": 0})
            request_resync(work, agency)

        self.perform(Operation(lambda work: [RESYNCS.by_id(agency), RECIPIENTS.by_id(agency)], do))
        return subscription

    def unsubscribe(self, subscription: str) -> None:
        def do(work: UnitOfWork) -> None:
            document = SUBSCRIPTIONS.get(work, subscription)
            assert document
            SUBSCRIPTIONS.delete(work, subscription)
            request_resync(work, document["agency"])

        agency = self.all(SUBSCRIPTIONS, _id=subscription)[0]["agency"]
        self.perform(Operation(lambda work: [SUBSCRIPTIONS.by_id(subscription), RESYNCS.by_id(agency)], do))

    def resync(self) -> None:
        """Every resync that was asked for, to its end."""
        while resyncs := self.all(RESYNCS):
            for resync in resyncs:
                agency = resync["_id"]
                named = {p["_id"] for p in self.all(PEOPLE) if agency in p["recipients"]}
                told = {t["person"] for t in self.all(THREADS, recipient=agency)}
                people = sorted(p for p in named | told if p > resync["after"])[:100]
                self.perform(self.resync_job.operation(resync, people))

    # --- delivery

    def due(self) -> list[Stored]:
        return [d for d in self.all(DELIVERIES, state=DUE) if d["due"] <= self.now]

    def claim(self, delivery: str, owner: str = "test-1/1") -> Stored:
        document = self.all(DELIVERIES, _id=delivery)[0]
        assert document["state"] == DUE
        claim = hexid("claim", next(self._counter))
        document.update(
            state=SENDING, owner=owner, claim=claim, possibly_sent_before=document["possibly_sent"], possibly_sent=True
        )
        self.store.put(DELIVERIES.name, document)
        return document

    def release(self, delivery: str) -> None:
        """The dispatcher that held it is gone; nobody knows what it did."""
        document = self.all(DELIVERIES, _id=delivery)[0]
        document.update(state=DUE, owner=None)
        self.store.put(DELIVERIES.name, document)

    def let_go(self, delivery: str) -> None:
        """The dispatcher that held it has not sent it, and lets go of it."""
        self.release(delivery)
        document = self.all(DELIVERIES, _id=delivery)[0]
        self.store.put(DELIVERIES.name, {**document, "possibly_sent": document["possibly_sent_before"]})

    def end_recalled(self) -> list[str]:
        """As the dispatcher does with what a recall waits for and nobody sends any more; those that it found."""
        found = self.all(DELIVERIES, about="notice", state=DUE, waits="recalled")
        for document in found:
            self.perform(self.transitions.recalled(document))
        return [document["_id"] for document in found]

    def end_left_behind(self) -> None:
        """As the dispatcher does with what is due at subscriptions that have ended."""
        taking_part = {each["_id"] for each in self.all(SUBSCRIPTIONS) if each["state"] in TAKING_PART}
        found = [each for each in self.all(DELIVERIES, state=DUE) if each["subscription"] not in taking_part]
        for person, recipient in sorted({(each["person"], each["recipient"]) for each in found}):
            self.perform(self.reconciler.brought_up_to_date(person, recipient))

    def attempt(
        self, delivery: str, verdict: Verdict = Verdict("delivered"), *, reaches: bool = True, dies: bool = False
    ) -> None:
        """One attempt as the worker does it: claim, check, send, record. ``reaches``: the partner got the body."""
        held = self.claim(delivery)
        endpoints = self.all(SUBSCRIPTIONS, _id=held["subscription"])
        if not endpoints or endpoints[0]["state"] != "active":  # ended subscriptions are deleted
            document = self.all(DELIVERIES, _id=delivery)[0]
            document.update(state=DUE, owner=None, possibly_sent=document["possibly_sent_before"])
            self.store.put(DELIVERIES.name, document)
            return
        if held["about"] == "notice" and not self.allowed(held):
            self.perform(self.transitions.drop(held, "consent-ended"))
            return
        if self.is_needless(held):
            self.perform(self.transitions.needless(held))
            return
        if reaches:
            self.partners[held["recipient"]].append(self.messages.of(held))
        if dies:
            self.release(delivery)
            return
        self.perform(self.transitions.after_attempt(held, verdict, timedelta(0), 0.0, endpoints[0]))

    def is_needless(self, recall: Stored) -> bool:
        """As the check before sending finds of one that is claimed."""
        sent = {each["_id"]: each["possibly_sent"] for each in self.all(DELIVERIES)}
        return nothing_of_it_left(recall, sent)

    def allowed(self, delivery: Stored, later: timedelta = timedelta(0)) -> bool:
        found = self.all(PEOPLE, _id=delivery["person"])
        today: date = (self.now + later).date()
        floors = self.all(FLOORS, _id=delivery["person"])
        subject = subject_of(found[0] if found else None, floors[0] if floors else None)
        return alias_to_tell(subject, delivery["recipient"], today) == delivery["alias"]

    def deliver_all(self) -> None:
        """Everything that is due or posted, until nothing is."""
        for _ in range(1000):
            due = self.due()
            if not due:
                return
            for delivery in due:
                if any(s["state"] == "active" for s in self.all(SUBSCRIPTIONS, _id=delivery["subscription"])):
                    self.attempt(delivery["_id"])
            self.resync()
        raise AssertionError("delivery does not come to an end")

    def pull(self, recipient: str, position: int = 0, limit: int = 100) -> tuple[list[dict[str, Any]], int]:
        """One page of the feed, as the reader gives it; the position is what the cursor holds."""
        served = [
            d
            for d in self.all(DELIVERIES, recipient=recipient, channel=FEED, state="served")
            if d["position"] <= position
        ]
        entries = sorted(
            (d for d in self.all(DELIVERIES, recipient=recipient, channel=FEED) if d["position"] > position),
            key=lambda d: d["position"],
        )[:limit]
        served = self.perform(self.reader.serve(recipient, served, entries))
        self.partners[recipient].extend(served.events)
        if served.until is not None:
            return served.events, served.until
        return served.events, entries[-1]["position"] if entries else position


def holding(told: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """What a partner holds that keeps the rules of docs/telling-partners.md, in whatever order things came."""
    latest: dict[tuple[str, str], dict[str, Any]] = {}
    recalled: dict[str, int] = {}
    for event in told:
        data = event["data"]
        if event["type"] == "recall":
            recalled[data["alias"]] = max(data["version"], recalled.get(data["alias"], 0))
            continue
        key = (data["alias"], data["opportunity"])
        if key not in latest or latest[key]["version"] < data["version"]:
            latest[key] = data
    return {
        key
        for key, data in latest.items()
        if data["state"] == "proposed" and data["version"] > recalled.get(data["alias"], 0)
    }


# --- things to say

Make = Callable[..., Any]


def model(name: str) -> Any:
    return registry.find(name).bus


def agency_of(name: str, recipient_class: str = "service", receives: bool = True) -> Any:
    return model("agency-registered").model_validate(
        {
            "agency": name,
            "name": {"en": name},
            "recipient_class": recipient_class,
            "rights": {"receives": receives, "reads": ("matches", "deliveries")},
        }
    )


def person_of(
    name: str,
    notice: tuple[str, ...] = (),
    *,
    matching: bool = True,
    active: bool = True,
    until: date = EVER,
    aliases: tuple[str, ...] = ("gjf", "hana", "portal"),
) -> Any:
    consents: list[dict[str, Any]] = [{"purpose": "matching", "until": until}] if matching else []
    consents += [{"purpose": "notice", "recipient": agency, "until": until} for agency in notice]
    return model("person-updated").model_validate(
        {
            "person": hexid("person", name),
            "status": "active" if active else "left",
            "owner": "hanawon",
            "consents": tuple(consents),
            "aliases": tuple({"agency": agency, "alias": hexid("alias", name, agency)} for agency in aliases),
        }
    )


def match_of(name: str, opportunity: str, band: str = "high", stands: bool = True, region: str | None = None) -> Any:
    return model("match-found").model_validate(
        {
            "match": hexid("match", name, opportunity),
            "person": hexid("person", name),
            "opportunity": hexid("opportunity", opportunity),
            "kind": "job",
            "region": region,
            "state": "eligible" if stands else "withdrawn",
            "score": 0.5,
            "band": band,
            "model": "test-1",
            "as_of": date(2026, 11, 22),
        }
    )


def floors_of(person: str, states: list[dict[str, Any]]) -> dict[int, Floors]:
    """What intake says beside each state that takes something away, by the state's number; from the rules."""
    said, below, whole = dict[int, Floors](), dict[tuple[str, str | None], int](), 0
    for n, (before, after) in enumerate(pairwise(states), 2):
        lost = {("notice", agency) for agency in set(before["notice"]) - set(after["notice"])}
        lost |= {("matching", None)} if before["matching"] and not after["matching"] else set()
        below |= dict.fromkeys(lost, n)
        whole = n if before["active"] and not after["active"] else whole
        if lost or whole == n:
            consents = tuple(Floor(purpose=p, recipient=r, below=number) for (p, r), number in below.items())
            said[n] = Floors(person=person, whole=whole, consents=consents)
    return said
