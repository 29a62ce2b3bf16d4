"""What the owner of a subscription is to be told of trouble with it: that there is one, how it goes on, and its end.

Everything that is told is told once by all replicas together, because what was told is kept. Nothing is said to be well
that is only not looked at: what was told of a paused endpoint stands until it is asked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from services.notifications.documents import (
    EMAIL,
    EMAIL_DIGEST,
    FEED,
    SubscriptionDocument,
    Told,
    TroubleDocument,
)
from services.notifications.domain.circuit_breaker import Breaker
from services.notifications.endpoint_overview import (
    UNACKNOWLEDGED,
    EndpointOverview,
    Pile,
    unacknowledged_by_agency,
)
from services.notifications.monitoring import Look

TELL_AFTER = timedelta(minutes=5)  # that an endpoint fails
# Later than operators are called: who fetches a file once a day says with the next one that it has read the last.
RECALL_UNREAD, NOTICES_UNREAD = timedelta(hours=1), timedelta(days=2)
MAILED = frozenset({EMAIL, EMAIL_DIGEST})
Kind = Literal["endpoint", "unread", "unacknowledged", "doubtful"]


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing that may be wrong, and how it is now: ``what`` None when it is well, ``unknown`` when nobody can tell.
    ``id``: under which it is kept. ``subscription`` None: about all of an agency. ``since``: what ``count`` are."""

    id: str
    kind: Kind
    agency: str
    subscription: SubscriptionDocument | None
    what: Told | Literal["unknown"] | None
    count: int = 0
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What follows for one matter: its trouble as it is to be kept (None: forgotten), and what to tell first."""

    id: str
    trouble: TroubleDocument | None
    tell: Told | None = None


def next_steps(matters: Iterable[Matter], troubles: Mapping[str, TroubleDocument], now: datetime) -> list[Step]:
    """For every matter where something is to be done."""
    steps, there = [], set[str]()
    for matter in matters:
        id, what, trouble, there = matter.id, matter.what, troubles.get(matter.id), there | {matter.id}
        if what == "unknown":
            continue  # what was told of it stands
        if what is None:
            if trouble is not None:
                steps.append(Step(id, None, "well" if trouble["told"] is not None else None))
            continue
        waits = what in ("failing", "ending")
        if trouble is None:
            kept: TroubleDocument = {"_id": id, "since": now, "told": None}
            steps.append(Step(id, kept if waits else {**kept, "told": what}, None if waits else what))
        elif trouble["told"] != what and (not waits or now - trouble["since"] >= TELL_AFTER):
            steps.append(Step(id, {**trouble, "told": what}, what))
    steps += [Step(id, None) for id in troubles if id not in there]
    return steps


def matters(endpoints: Iterable[EndpointOverview], look: Look, breaker: Breaker, now: datetime) -> list[Matter]:
    """All that may be wrong, well or not, of every subscription there is and every agency that has one. What has not
    arrived is as old as it was at the ``look``."""
    found, agencies, endpoints = list[Matter](), dict[str, None](), list(endpoints)
    for each in endpoints:
        if (of := each.subscription) is None:
            continue
        agencies[each.agency] = None
        if of["channel"] == FEED:
            late = each.recalls.older_than(RECALL_UNREAD, look.at) or each.notices.older_than(NOTICES_UNREAD, look.at)
            unread = [pile.since for pile in (each.recalls, each.notices) if pile.since is not None]
            count, since = each.recalls.count + each.notices.count, min(unread, default=None)
            found.append(
                Matter(f"unread/{each.id}", "unread", each.agency, of, "unread" if late else None, count, since)
            )
            continue
        found.append(endpoint(of, breaker, now))
        doubtful = each.doubtful
        told: Told | None = "doubtful" if doubtful.count else None
        found.append(Matter(f"doubtful/{each.id}", "doubtful", each.agency, of, told, doubtful.count, doubtful.since))
    unacknowledged = unacknowledged_by_agency(endpoints)
    for agency in agencies:
        pile = unacknowledged.get(agency, Pile())
        told = "unacknowledged" if pile.older_than(UNACKNOWLEDGED, look.trusted) else None
        found.append(Matter(f"unacknowledged/{agency}", "unacknowledged", agency, None, told, pile.count, pile.since))
    return found


def endpoint(subscription: SubscriptionDocument, breaker: Breaker, now: datetime) -> Matter:
    """How its system answers."""
    what = _how_it_answers(subscription, breaker, now)
    return Matter(subscription["_id"], "endpoint", subscription["agency"], subscription, what)


def _how_it_answers(of: SubscriptionDocument, breaker: Breaker, now: datetime) -> Told | Literal["unknown"] | None:
    if of["channel"] in MAILED:  # at other addresses only, and not that mail does not leave: this one would not either
        return "disabled" if of["state"] == "disabled" else None
    if of["state"] == "disabled":
        return "disabled"
    if of["state"] != "active":  # it is not asked, so it cannot have answered
        return "unknown"
    if not of["failures"]:
        return None
    warns = breaker.warns_at(of["failures"], of.get("failing_since"))
    return "failing" if warns is None or now < warns else "ending"
