"""Every index of this service, and how long what it keeps is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo import ASCENDING, IndexModel

from services.notifications.documents import (
    DELIVERIES,
    DUE,
    MATCHES,
    PEOPLE,
    POSTED,
    RECOVERIES,
    RESYNCS,
    RUNNING,
    SENDING,
    SERVED,
    SUBSCRIPTIONS,
    THREADS,
)
from services.notifications.domain.attempt_verdict import ANSWERED_WITH_A_PAGE
from services.notifications.domain.retry_schedule import OUTAGE
from shared.access import prohibition_floors

_DAY = 86_400
KEEP_ENDED_SECONDS = 90 * _DAY
# Longer than an older event of the match can come again: 7 days from matching's outbox, 7 more in the topic after that.
KEEP_WITHDRAWN_SECONDS = 30 * _DAY


TIME_LIMIT_MS = 5_000

IN_TURN = [("due", ASCENDING), ("_id", ASCENDING)]


def _index(*fields: str, **options: Any) -> IndexModel:
    return IndexModel([(field, ASCENDING) for field in fields], **options)


# Named, because the planner must not choose: among indexes that begin with the recipient it takes any while there is
# little data, and keeps to it. A filter on the position's type would do for no query: only a range implies a range.
FEED_ORDER = "feed_order"
NEXT = "next"  # what is due, by endpoint, recalls apart from notices
HELD = "held"  # what is being sent, by dispatcher
UNTRIED = "untried"  # what is due and was not tried yet, by endpoint
TRIED = "tried"  # what is due and was tried before, by endpoint
LATER = "later"  # what waits for its retry, by endpoint
DOWN = "down"  # endpoints in an outage
LISTED = "listed"  # what a recipient may look up
BY_ID = [("_id", ASCENDING)]
BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)  # a bound that lets the planner look at a date in the index
BY_ALIAS = "by_alias"
UNREAD = "unread"  # in feeds: not known to have arrived
UNACKNOWLEDGED = "unacknowledged_since"  # recalls, by thread
AWAITED = "awaited"  # recalls that were not acknowledged, by subscription, the oldest first
DOUBTFUL = "doubtful"  # what a page for people answered
_BY_TURN = ("state", "about", "subscription", "due", "_id", "attempts")  # the last so that no document is read for it

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    **prohibition_floors.INDEXES,
    PEOPLE.name: [_index("recipients", "_id")],
    MATCHES.name: [_index("person"), _index("ended", expireAfterSeconds=KEEP_WITHDRAWN_SECONDS)],
    THREADS.name: [_index("person"), _index("recipient", "person"), _index("recipient", "alias", name=BY_ALIAS)],
    SUBSCRIPTIONS.name: [
        _index("agency", "_id"),
        _index("state", "held_until", name=DOWN, partialFilterExpression={"failures": {"$gte": OUTAGE}}),
    ],
    RESYNCS.name: [_index("not_before")],
    DELIVERIES.name: [
        _index(
            *("state", "about", "subscription", "due", "_id", "since"),  # the last for the age alone (monitoring.py)
            name=NEXT,
            partialFilterExpression={"state": DUE},
        ),
        _index(*_BY_TURN, name=UNTRIED, partialFilterExpression={"state": DUE, "attempts": 0}),
        _index(*_BY_TURN, name=TRIED, partialFilterExpression={"state": DUE, "attempts": {"$gt": 0}}),
        _index(
            *("subscription", "about", "waits", "due", "_id"),
            name=LATER,
            partialFilterExpression={"state": DUE, "waits": {"$exists": True}},
        ),
        _index("state", "owner", name=HELD, partialFilterExpression={"state": SENDING}),
        _index("recipient", "position", name=FEED_ORDER, partialFilterExpression={"position": {"$gte": 0}}),
        _index(
            *("recipient", "about", "state", "position", "since"),
            name=UNREAD,
            partialFilterExpression={"state": {"$in": [POSTED, SERVED]}},
        ),
        _index(
            *("recipient", "thread", "unacknowledged_since", "subscription"),
            name=UNACKNOWLEDGED,
            partialFilterExpression={"unacknowledged_since": {"$exists": True}},
        ),
        _index(
            *("subscription", "unacknowledged_since", "recipient"),  # the last so that no document is read for it
            name=AWAITED,
            partialFilterExpression={"unacknowledged_since": {"$exists": True}},
        ),
        _index(
            *("reason", "state", "ended", "subscription"),
            name=DOUBTFUL,
            partialFilterExpression={"reason": ANSWERED_WITH_A_PAGE},
        ),
        _index("recipient", "notice"),
        _index("recipient", "state", "_id", name=LISTED, partialFilterExpression={"listed": True}),
        # only what has ended has this field: never the open, which are not in it either, nor recalls that arrived and
        # were not acknowledged: those stay, one for each recall and subscription that nobody answered for
        _index("ended", expireAfterSeconds=KEEP_ENDED_SECONDS, sparse=True),
    ],
    RECOVERIES.name: [
        _index("not_before", name=RUNNING, partialFilterExpression={"state": RUNNING}),
        _index("ended", expireAfterSeconds=KEEP_ENDED_SECONDS),
    ],
}
