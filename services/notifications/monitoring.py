"""Trouble while it lasts: what is told and has not arrived, which endpoints fail, which recalls nobody acknowledged.

Counters of what has ended say nothing for days while retries go on, so the present state is looked at. The looks count
what is open by covered indexes and cost the more the more is open (what nobody acknowledged is counted up to a bound);
so the next one is put off until they take no more than a small share of the time. Every replica looks; the gauges of
all say the same.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING

from services.notifications import metrics
from services.notifications.documents import (
    AGENCIES,
    DELIVERED,
    DELIVERIES,
    DUE,
    FEED,
    POSTED,
    SENDING,
    SERVED,
    About,
    SubscriptionDocument,
)
from services.notifications.domain.attempt_verdict import ANSWERED_WITH_A_PAGE
from services.notifications.domain.retry_schedule import OUTAGE
from services.notifications.indexes_and_retention import AWAITED, BEFORE_ALL, DOUBTFUL, HELD, NEXT, UNREAD
from services.notifications.repository import Repository
from shared.kit.base.backoff import wait_or_stop
from shared.kit.base.clock import Clock
from shared.kit.store.mongo import Database, Document

LOOK_SECONDS = 10.0
SHARE = 20  # a look that took a second is followed by 20 without one
TIME_LIMIT_MS = 10_000
MOST_COUNTED = 1_000  # of one subscription, of recalls that were not acknowledged; then it is so many or more
DOUBTFUL_FOR = timedelta(days=1)
ABOUT: tuple[About, ...] = ("notice", "recall")
CLASSES = ("case", "service")  # those that may receive
STATUSES = ("well", "failing", "down", "held", "disabled", "paused", "unconfirmed")


@dataclass(frozen=True, slots=True)
class Open:
    """So many of one kind that are open for one recipient by one channel, and since when the oldest is (None where that
    is not known, or not to count). ``subscription``: None of what lies in a feed."""

    channel: str
    recipient: str
    about: About
    count: int
    since: datetime | None
    subscription: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What one look saw. ``subscriptions``: without what they keep sealed. ``undelivered``: what has not arrived, feeds
    included; ``unacknowledged``: recalls; ``doubtful``: what a page for people answered in the last day, and recalls
    that one answered last. ``at``, ``trusted``: when, by the calendar and by the database's clock."""

    at: datetime
    trusted: datetime
    subscriptions: Mapping[str, SubscriptionDocument]
    undelivered: Sequence[Open]
    unacknowledged: Sequence[Open]
    doubtful: Sequence[Open]


def status_of(subscription: SubscriptionDocument, now: datetime) -> str:
    """How its system answers: ``failing`` from the first bad answer on, ``down`` after several in a row, ``held`` when
    it asked for a pause."""
    if subscription["state"] != "active":
        return subscription["state"]
    if subscription["failures"]:
        return "down" if subscription["failures"] >= OUTAGE else "failing"
    return "held" if subscription["held_until"] is not None and subscription["held_until"] > now else "well"


def show_endpoints(subscriptions: Iterable[SubscriptionDocument], channels: Sequence[str], now: datetime) -> None:
    """Into the gauge, with a zero where there is none."""
    count: defaultdict[tuple[str, str], int] = defaultdict(int)
    for each in subscriptions:
        count[each["channel"], status_of(each, now)] += 1
    for channel in channels:
        for status in STATUSES:
            metrics.endpoints.of(channel=channel, status=status).set(count[channel, status])


def show_open(found: Iterable[Open], classes: Mapping[str, str], channels: Sequence[str], now: datetime) -> None:
    """Into the gauges by class of recipient, never by recipient: there may be thousands."""
    count: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    oldest: defaultdict[tuple[str, str, str], float] = defaultdict(float)
    for each in found:
        key = (each.channel, classes.get(each.recipient, "other"), each.about)
        count[key] += each.count
        oldest[key] = max(oldest[key], _age(each.since, now))
    metrics.undelivered.clear()
    metrics.undelivered_oldest_seconds.clear()
    nothing = {(channel, kind, about) for channel in channels for kind in CLASSES for about in ABOUT}
    for channel, kind, about in sorted(nothing | count.keys()):
        labels = {"channel": channel, "recipient_class": kind, "kind": about}
        metrics.undelivered.of(**labels).set(count[channel, kind, about])
        metrics.undelivered_oldest_seconds.of(**labels).set(oldest[channel, kind, about])


def show_unacknowledged(found: Iterable[Open], classes: Mapping[str, str], now: datetime) -> None:
    """Into the gauges by class of recipient. By MongoDB's own clock, which dated them."""
    count: defaultdict[str, int] = defaultdict(int)
    oldest: defaultdict[str, float] = defaultdict(float)
    for each in found:
        kind = classes.get(each.recipient, "other")
        count[kind] += each.count
        oldest[kind] = max(oldest[kind], _age(each.since, now))
    for kind in sorted({*CLASSES, "other"}):
        metrics.recalls_unacknowledged.of(recipient_class=kind).set(count[kind])
        metrics.recalls_unacknowledged_oldest_seconds.of(recipient_class=kind).set(oldest[kind])


def _since_its_pause(subscription: SubscriptionDocument, oldest: datetime | None) -> datetime | None:
    """Since when we could have brought its oldest notice; None while it is paused."""
    if subscription["state"] == "paused" or oldest is None:
        return None
    return max(oldest, subscription.get("paused_until", oldest))


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


class DeliveryMonitor:
    """Looks every few seconds. ``channels``: all there are, by name."""

    def __init__(self, database: Database, repository: Repository, clock: Clock, channels: Sequence[str]) -> None:
        self._database = database
        self._repository = repository
        self._clock = clock
        self._channels = tuple(channels)
        self._last: Look | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Until stopped."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            await self.look()
            if await wait_or_stop(stopping, max(LOOK_SECONDS, SHARE * (clock() - began))):
                return

    async def last_look(self) -> Look:
        """What the last look saw: asking for it costs nothing, however often it is done."""
        return self._last or await self.look()

    async def look(self) -> Look:
        """Once."""
        subscriptions = {each["_id"]: each for each in await self._repository.all_subscriptions()}
        classes = await self.recipient_classes()
        found = [*await self.pushed(subscriptions), *await self.unread()]
        unacknowledged, doubtful = await self.unacknowledged(), await self.doubtful(subscriptions)
        now, trusted = self._clock.calendar(), self._clock.trusted()
        show_endpoints(subscriptions.values(), self._channels, now)
        show_open(found, classes, self._channels, now)
        show_unacknowledged(unacknowledged, classes, trusted)
        self._last = Look(now, trusted, subscriptions, found, unacknowledged, doubtful)
        return self._last

    async def recipient_classes(self) -> dict[str, str]:
        """Of every agency."""
        found = AGENCIES.of(self._database).find({}, {"state.recipient_class": 1}, max_time_ms=TIME_LIMIT_MS)
        return {each["_id"]: str(each["state"]["recipient_class"]) async for each in found}

    async def pushed(self, subscriptions: Mapping[str, SubscriptionDocument]) -> list[Open]:
        """What we are to bring. What waits for an earlier one of the same thread is younger than that one. Notices that
        their agency holds back by a pause grow old as it wishes, so nobody is called for their age, which would hide
        that of all others: it counts from the end of the pause. A recall is urgent all the same."""
        found = []
        for about in ABOUT:
            waiting = await self._grouped({"state": DUE, "about": about}, "subscription", "since", NEXT)
            flying = await self._grouped({"state": SENDING, "about": about}, "subscription", "since", HELD)
            for each in (*waiting, *flying):
                if (of := subscriptions.get(each["_id"])) is not None:
                    since = each["first"] if about == "recall" else _since_its_pause(of, each["first"])
                    found.append(Open(of["channel"], of["agency"], about, each["count"], since, of["_id"]))
        return found

    async def unread(self) -> list[Open]:
        """What waits in feeds."""
        found = []
        for about in ABOUT:
            # the recipient's bound makes the planner look at the other two in the index, too
            match: Document = {"recipient": {"$gte": ""}, "about": about, "state": {"$in": [POSTED, SERVED]}}
            for each in await self._grouped(match, "recipient", "since", UNREAD):
                found.append(Open(FEED, each["_id"], about, each["count"], each["first"]))
        return found

    async def unacknowledged(self) -> list[Open]:
        """Recalls that arrived, by whatever channel: of each subscription since when the oldest, and how many of at
        most `MOST_COUNTED`. They stay until somebody answers for them, so there may be any number."""
        oldest: list[Document] = [  # one look at the index for each subscription
            {"$match": {"subscription": {"$gte": ""}, "unacknowledged_since": {"$gte": BEFORE_ALL}}},
            {"$sort": {"subscription": ASCENDING, "unacknowledged_since": ASCENDING}},
            {
                "$group": {
                    "_id": "$subscription",
                    "recipient": {"$first": "$recipient"},
                    "first": {"$first": "$unacknowledged_since"},
                }
            },
        ]
        found = DELIVERIES.of(self._database).aggregate(oldest, hint=AWAITED, maxTimeMS=TIME_LIMIT_MS)
        return [
            Open("any", each["recipient"], "recall", await self._count(each["_id"]), each["first"], each["_id"])
            async for each in found
        ]

    async def _count(self, subscription: str) -> int:
        pipeline: list[Document] = [
            {"$match": {"subscription": subscription, "unacknowledged_since": {"$gte": BEFORE_ALL}}},
            {"$limit": MOST_COUNTED},
            {"$group": {"_id": None, "count": {"$sum": 1}}},
        ]
        found = DELIVERIES.of(self._database).aggregate(pipeline, hint=AWAITED, maxTimeMS=TIME_LIMIT_MS)
        return sum([each["count"] async for each in found])

    async def doubtful(self, subscriptions: Mapping[str, SubscriptionDocument]) -> list[Open]:
        """What a page for people answered lately."""
        lately: Document = {"state": DELIVERED, "ended": {"$gte": self._clock.trusted() - DOUBTFUL_FOR}}
        queries: dict[About, Document] = {"notice": lately, "recall": {"state": DUE}}
        found = []
        for about, match in queries.items():
            query = {"reason": ANSWERED_WITH_A_PAGE, **match}
            for each in await self._grouped(query, "subscription", "ended", DOUBTFUL):
                if (of := subscriptions.get(each["_id"])) is not None:
                    found.append(Open(of["channel"], of["agency"], about, each["count"], each["first"], of["_id"]))
        return found

    async def _grouped(self, match: Document, by: str, since: str, index: str) -> list[dict[str, Any]]:
        pipeline: list[Document] = [
            {"$match": match},
            {"$group": {"_id": f"${by}", "count": {"$sum": 1}, "first": {"$min": f"${since}"}}},
        ]
        found = DELIVERIES.of(self._database).aggregate(pipeline, hint=index, maxTimeMS=TIME_LIMIT_MS)
        return [each async for each in found]
