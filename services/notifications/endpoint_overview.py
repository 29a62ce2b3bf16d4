"""Which endpoints are in trouble, and how, from one look of the monitor: for operators and for their owners.

The bounds are those of the alerts (deploy/prometheus/alerts.yml), so that whoever an alert called finds here what it is
about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from services.notifications.documents import FEED, SubscriptionDocument
from services.notifications.domain.retry_schedule import OUTAGE
from services.notifications.monitoring import Look, Open

# How long something may be open before it is trouble.
RECALL_WAITS, NOTICE_WAITS = timedelta(minutes=2), timedelta(minutes=15)
RECALL_UNREAD, NOTICE_UNREAD = timedelta(minutes=10), timedelta(hours=1)
UNACKNOWLEDGED = timedelta(hours=1)
BOUNCES_SHOWN = timedelta(days=7)  # nothing says that a later mail has arrived: the trouble is over when no more come

Status = Literal["failing", "down", "disabled", "waits", "unread", "unacknowledged", "doubtful", "bounced"]


@dataclass(slots=True)
class Pile:
    """How many, and since when the oldest; None where that is not known."""

    count: int = 0
    since: datetime | None = None

    def add(self, other: Open) -> None:
        """As many more."""
        self.count += other.count
        self.since = min(filter(None, (self.since, other.since)), default=None)

    def older_than(self, age: timedelta, now: datetime) -> bool:
        """Whether the oldest is."""
        return self.since is not None and now - self.since > age


@dataclass(slots=True)
class EndpointOverview:
    """One subscription. ``subscription`` None: it has ended. ``notices``, ``recalls``: of it that have not arrived."""

    id: str
    agency: str
    subscription: SubscriptionDocument | None
    notices: Pile = field(default_factory=Pile)
    recalls: Pile = field(default_factory=Pile)
    unacknowledged: Pile = field(default_factory=Pile)
    doubtful: Pile = field(default_factory=Pile)

    def statuses(self, look: Look) -> list[Status]:
        """What is wrong with it; nothing when it is well."""
        found: list[Status] = []
        if (of := self.subscription) is not None:
            if of["state"] == "disabled":
                found.append("disabled")
            if of["state"] == "active" and of["failures"]:
                found.append("down" if of["failures"] >= OUTAGE else "failing")
            feed = of["channel"] == FEED
            recall, notice = (RECALL_UNREAD, NOTICE_UNREAD) if feed else (RECALL_WAITS, NOTICE_WAITS)
            if self.recalls.older_than(recall, look.at) or self.notices.older_than(notice, look.at):
                found.append("unread" if feed else "waits")
            if any(at is not None and look.at - at <= BOUNCES_SHOWN for at in bounced(of)):
                found.append("bounced")
        if self.unacknowledged.older_than(UNACKNOWLEDGED, look.trusted):
            found.append("unacknowledged")
        if self.doubtful.count:
            found.append("doubtful")
        return found


def bounced(subscription: SubscriptionDocument) -> tuple[datetime | None, datetime | None]:
    """When a mail to its mailbox, and to its address for alerts, last came back."""
    return subscription.get("bounced_at"), subscription.get("alerts_bounced_at")


def overview(look: Look) -> list[EndpointOverview]:
    """Of every subscription, by id."""
    found = {id: EndpointOverview(id, each["agency"], each) for id, each in look.subscriptions.items()}
    feeds = {each["agency"]: id for id, each in look.subscriptions.items() if each["channel"] == FEED}

    def about(opens: Iterable[Open]) -> Iterable[tuple[EndpointOverview, Open]]:
        for each in opens:
            id = each.subscription or feeds.get(each.recipient)
            if id is not None:
                yield found.setdefault(id, EndpointOverview(id, each.recipient, None)), each

    for endpoint, each in about(look.undelivered):
        (endpoint.recalls if each.about == "recall" else endpoint.notices).add(each)
    for endpoint, each in about(look.unacknowledged):
        endpoint.unacknowledged.add(each)
    for endpoint, each in about(look.doubtful):
        endpoint.doubtful.add(each)
    return [found[id] for id in sorted(found)]


def unacknowledged_by_agency(endpoints: Iterable[EndpointOverview]) -> dict[str, Pile]:
    """Recalls that arrived and were not acknowledged: of an agency, by whatever subscription they came."""
    found: defaultdict[str, Pile] = defaultdict(Pile)
    for each in endpoints:
        pile = each.unacknowledged
        if pile.count:
            found[each.agency].add(Open("any", each.agency, "recall", pile.count, pile.since))
    return dict(found)
