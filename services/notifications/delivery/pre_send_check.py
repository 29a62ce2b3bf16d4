"""The check just before something is sent: read from the database at that moment, together with what other workers want
to know then. What a transaction has just found allowed is not read again (recent_prohibitions.py), nor an endpoint that
one has read a moment ago: who changes it answers only when no replica can believe such a read any more
(`NOBODY_BELIEVES_SECONDS`)."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from services.notifications.delivery.data_loader import DataLoader
from services.notifications.delivery.recent_prohibitions import RecentProhibitions
from services.notifications.delivery_queues import known_to_have_left, nothing_of_it_left
from services.notifications.documents import (
    AGENCIES,
    SUBSCRIPTIONS,
    About,
    ClaimedDelivery,
    DeliveryDocument,
    DeliveryFields,
    PersonDocument,
    SubscriptionDocument,
)
from services.notifications.domain.permission import alias_to_tell
from services.notifications.mappers import agency_receives, subject_in, subject_of
from services.notifications.repository import Repository
from shared.kit.base.clock import Clock
from shared.kit.store.mongo import Document
from shared.kit.store.unit_of_work import NotNeeded, UnitOfWork

BELIEVED_SECONDS = 0.1  # an endpoint as it was read
# after a change of an endpoint: then nothing starts by what was read before, whichever replica read it. More than that
# is believed, because between the last look at the clock and the attempt a busy process may lose some time.
NOBODY_BELIEVES_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class EndpointRead:
    """An endpoint, and when at the earliest it was like that (monotonic)."""

    endpoint: SubscriptionDocument
    at: float

    def believed(self, now: float) -> bool:
        """Whether nobody can have been told yet that it is not like that any more."""
        return now - self.at <= BELIEVED_SECONDS


class BelievedEndpoint:
    """An endpoint as a transaction has read it a moment ago, unless an answer of its own has changed it since."""

    def __init__(self) -> None:
        self._read: EndpointRead | None = None
        self._changed_at = -math.inf  # what was read before that is not believed

    def learn(self, read: EndpointRead) -> bool:
        """It was like that; whether it still may be."""
        if read.at <= self._changed_at:
            return False
        self._read = read
        return True

    def changes(self) -> None:
        """What an answer came to has changed it, or is about to."""
        self._read, self._changed_at = None, time.monotonic()

    def now(self) -> SubscriptionDocument | None:
        """The endpoint, if it need not be read."""
        read = self._read
        return read.endpoint if read is not None and read.believed(time.monotonic()) else None


class FoundAllowed(NamedTuple):
    """On which day a transaction found a delivery allowed, and when at the earliest it was so (monotonic): not when its
    commit was known, which may be minutes later."""

    day: date
    at: float


@dataclass(frozen=True, slots=True)
class PreSendCheck:
    """``endpoint`` None: nothing may be sent there now. ``forbidden``: these may not be sent at all. ``in_doubt``: two
    clocks differ, and only by the earlier one they might be sent; they wait. ``held``: notices that would be sendable
    if the endpoint were not held for them; recalls may go. ``needless``: recalls of what has not left."""

    endpoint: SubscriptionDocument | None
    sendable: tuple[ClaimedDelivery, ...] = ()
    forbidden: tuple[ClaimedDelivery, ...] = ()
    in_doubt: tuple[ClaimedDelivery, ...] = ()
    held: tuple[ClaimedDelivery, ...] = ()
    needless: tuple[ClaimedDelivery, ...] = ()
    closed: bool = False  # it is there, and disabled or held back, if only for notices


class PreSendReads:
    """What several workers look at before they send: one query for each collection, for all who ask at the moment."""

    def __init__(self, repository: Repository) -> None:
        self._subscriptions = DataLoader(repository.subscriptions)
        self._agencies = DataLoader(repository.agencies)
        self._people = DataLoader(repository.people)
        self._floors = DataLoader(repository.floors)
        self._possibly_sent = DataLoader(repository.possibly_sent)

    async def subscription(self, subscription: str) -> SubscriptionDocument | None:
        """One subscription as it is now."""
        return (await self._subscriptions.load([subscription])).get(subscription)

    async def agency(self, agency: str) -> Document | None:
        """One agency as it is now."""
        return (await self._agencies.load([agency])).get(agency)

    async def people(self, people: Sequence[str]) -> Mapping[str, PersonDocument]:
        """These people as they are now."""
        return await self._people.load(people)

    async def floors(self, people: Sequence[str]) -> Mapping[str, Document]:
        """What is forbidden of these people now."""
        return await self._floors.load(people)

    async def possibly_sent(self, deliveries: Sequence[str]) -> Mapping[str, bool]:
        """Which of these may have left by now."""
        return await self._possibly_sent.load(deliveries)


async def recheck_before_send(
    reads: PreSendReads,
    subscription: str,
    deliveries: Sequence[ClaimedDelivery],
    clock: Clock,
    today: Callable[[datetime], date],
    known: Set[str] = frozenset(),
    believed: SubscriptionDocument | None = None,
) -> PreSendCheck:
    """Is the endpoint open, may its agency receive, and does each person still allow it? Recalls need no consent, and
    of those that are ``known`` it is known (recent_prohibitions.py); of a recall that is for what was under way, did
    any of that leave? ``believed``: the endpoint, if it need not be read; with nothing to read this waits for
    nothing."""
    recipient = deliveries[0]["recipient"]
    told_of = sorted({d["person"] for d in deliveries if d["about"] == "notice" and d["_id"] not in known})
    endpoint: SubscriptionDocument | None = believed
    agency: Document | None = None
    people: Mapping[str, PersonDocument] = {}
    floors: Mapping[str, Document] = {}
    left: Mapping[str, bool] = {}
    # also one that may have left before: who held it may have been killed before it left
    doubtful = [d for d in deliveries if d.get("if_sent")]
    if told_of or doubtful:
        endpoint, agency, people, floors, left = await asyncio.gather(
            reads.subscription(subscription),
            reads.agency(recipient),
            reads.people(told_of),
            reads.floors(told_of),
            reads.possibly_sent(sorted({id for d in doubtful for id in d["if_sent"]})),
        )
    elif believed is None:
        endpoint = await reads.subscription(subscription)
    needless = {d["_id"] for d in doubtful if nothing_of_it_left(d, left)}
    now = clock.calendar()
    if endpoint is None or not is_open(endpoint, now, "recall"):
        return PreSendCheck(None, closed=endpoint is not None)
    closed = not is_open(endpoint, now)
    may = agency_receives(agency)
    latest, earliest = today(clock.latest()), today(clock.earliest())

    def allowed(delivery: ClaimedDelivery, day: date) -> bool:
        if delivery["about"] == "recall" or delivery["_id"] in known:
            return True
        subject = subject_of(people.get(delivery["person"]), floors.get(delivery["person"]))
        return may and alias_to_tell(subject, recipient, day) == delivery["alias"]

    sendable = [d for d in deliveries if d["_id"] not in needless and allowed(d, latest)]
    return PreSendCheck(
        endpoint,
        tuple(d for d in sendable if not (closed and d["about"] == "notice")),
        tuple(d for d in deliveries if not allowed(d, earliest)),
        tuple(d for d in deliveries if allowed(d, earliest) and not allowed(d, latest)),
        tuple(d for d in sendable if closed and d["about"] == "notice"),
        tuple(d for d in deliveries if d["_id"] in needless),
        closed,
    )


def found_allowed(work: UnitOfWork, delivery: DeliveryFields, today: Callable[[datetime], date]) -> FoundAllowed | None:
    """Whether this may be sent by all that a transaction knows at its end; None when it does not know."""
    day = today(work.latest)
    if day != today(work.earliest):
        return None
    try:
        agency, subject = AGENCIES.get(work, delivery["recipient"]), subject_in(work, delivery["person"])
    except NotNeeded:
        return None
    allowed = agency_receives(agency) and alias_to_tell(subject, delivery["recipient"], day) == delivery["alias"]
    return FoundAllowed(day, work.began) if allowed else None


def still_allowed(
    found: Mapping[str, FoundAllowed | None],
    deliveries: Sequence[ClaimedDelivery],
    heard: RecentProhibitions,
    clock: Clock,
    today: Callable[[datetime], date],
) -> set[str]:
    """Those of which nothing can have been forbidden since they were ``found`` allowed."""
    if clock.doubtful or not heard.is_sure():
        return set()
    day = today(clock.latest())
    return {
        delivery["_id"]
        for delivery in deliveries
        if (allowed := found[delivery["_id"]]) is not None
        and allowed.day == day
        and heard.nothing_since(allowed.at, delivery["person"], delivery["recipient"])
    }


def endpoint_of(work: UnitOfWork, subscription: str) -> EndpointRead | None:
    """An endpoint as a transaction leaves it; None when it has not read it."""
    try:
        endpoint = SUBSCRIPTIONS.get(work, subscription)
    except NotNeeded:
        return None
    return None if endpoint is None else EndpointRead(endpoint, work.began)


async def without_forbidden(repository: Repository, deliveries: Sequence[DeliveryDocument]) -> list[DeliveryDocument]:
    """Without what has not left us and will not: notices that their people do not allow any more, and recalls of what
    has not left either. Until these are dropped nobody is to learn that there would have been one."""
    unsent = [d for d in deliveries if not known_to_have_left(d)]
    people = sorted({d["person"] for d in unsent if d["about"] == "notice"})
    doubted = sorted({id for d in unsent for id in d.get("if_sent", ())})
    if not people and not doubted:
        return list(deliveries)
    held, floors, left = await asyncio.gather(
        repository.people(people), repository.floors(people), repository.possibly_sent(doubted)
    )

    def goes(delivery: DeliveryDocument) -> bool:
        if delivery["about"] == "recall":
            return not nothing_of_it_left(delivery, left)
        subject = subject_of(held.get(delivery["person"]), floors.get(delivery["person"]))
        # whatever the day: what ends by the calendar is dropped by the calendar
        return alias_to_tell(subject, delivery["recipient"], date.min) == delivery["alias"]

    return [delivery for delivery in deliveries if known_to_have_left(delivery) or goes(delivery)]


def is_open(endpoint: SubscriptionDocument | None, now: datetime, about: About = "notice") -> bool:
    """Active and not held back. What is open for notices is for recalls, too, not the other way round."""
    if endpoint is None or endpoint["state"] != "active":
        return False
    until = held_until(endpoint, about)
    return until is None or until <= now


def held_until(endpoint: SubscriptionDocument, about: About) -> datetime | None:
    """Until when notices, or recalls, are held back: recalls never for longer, and mostly for less."""
    held, recall_at = endpoint["held_until"], endpoint.get("recall_at")
    return held if about == "notice" or held is None or recall_at is None else min(held, recall_at)
