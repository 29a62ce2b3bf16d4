"""The named points: before and after each write, publish, commit and send. Each is a function of the product, by name.

Nothing in the product knows of them: a service that chaos starts has these functions wrapped from outside (at_point).
A name that no longer exists keeps the service from starting, so that a renamed function cannot go untested in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EVERY = ("intake", "matching", "notifications")


@dataclass(frozen=True)
class Point:
    """``where``: module and qualified name. ``often``: it is passed so often that a later pass may be chosen."""

    name: str
    where: str
    when: Literal["before", "after"]
    services: tuple[str, ...] = EVERY
    often: bool = True


_ATTEMPT, _STORE, _RELAY = (
    "shared.kit.store.attempt:TransactionAttempt",
    "shared.kit.store.store:Store",
    "shared.kit.store.relay:OutboxRelay",
)
_CLAIMS, _CONSUMER = "shared.kit.stream.checkpoints:PartitionCheckpoints", "aiokafka:AIOKafkaConsumer"
_NOTIFY, _FEED = ("notifications",), "services.notifications.channels.feed:FeedReader"
_WEBHOOK = "services.notifications.channels.webhook:Webhook"
_RECEIPTS, _REPOSITORY = "services.notifications.service:Receipts", "services.notifications.repository:Repository"
_ACTIVITY, _KEEPER = "services.matching.activity:Activity", "services.matching.activity:_Keeper"

POINTS: tuple[Point, ...] = (
    # the transaction
    Point("before the writes", f"{_ATTEMPT}.write", "before"),
    Point("after the writes, in the open transaction", f"{_ATTEMPT}.write", "after"),
    Point("before the checkpoint", f"{_CLAIMS}.advance", "before"),
    Point("after the checkpoint", f"{_CLAIMS}.advance", "after"),
    Point("before the commit", f"{_STORE}._commit", "before"),
    Point("after the commit, nobody told", f"{_ATTEMPT}.committed", "before"),
    # the outbox
    Point("before publishing", f"{_RELAY}._send", "before"),
    Point("published, not acknowledged", f"{_RELAY}._send", "after"),
    Point("acknowledged, not stamped", f"{_RELAY}._acknowledged", "before"),
    Point("before the stamp", f"{_RELAY}._mark_published", "before"),
    Point("after the stamp", f"{_RELAY}._mark_published", "after"),
    # reading
    Point("before Kafka's commit", f"{_CONSUMER}.commit", "before"),
    Point("after Kafka's commit", f"{_CONSUMER}.commit", "after"),
    # the door
    Point("taken, not answered", "services.intake.service:Door.take", "after", ("intake",)),
    # telling
    Point("delivery claimed, not sent", f"{_REPOSITORY}.claim", "after", _NOTIFY, often=False),
    Point("before the webhook", f"{_WEBHOOK}.send", "before", _NOTIFY),
    Point("webhook answered, not written down", f"{_WEBHOOK}.send", "after", _NOTIFY),
    Point("before a page of the feed", f"{_FEED}.read", "before", _NOTIFY, often=False),
    Point("page written down, not given", f"{_FEED}.read", "after", _NOTIFY, often=False),
    Point("before an acknowledgement", f"{_RECEIPTS}.acknowledge", "before", _NOTIFY, often=False),
    Point("acknowledgement taken, not answered", f"{_RECEIPTS}.acknowledge", "after", _NOTIFY, often=False),
)
OPEN_TRANSACTION = POINTS[1]

# Passed only while a service begins: armed before that.
AT_BEGINNING: tuple[Point, ...] = (
    Point("before a partition is claimed", f"{_CLAIMS}.claim", "before", often=False),
    Point("a partition claimed", f"{_CLAIMS}.claim", "after", often=False),
    Point("partitions taken over, nothing loaded", f"{_ACTIVITY}._take_over", "after", ("matching",), often=False),
    Point("listens, openings not loaded", f"{_ACTIVITY}._load_standing", "after", ("matching",), often=False),
    Point("loaded, nothing assessed", f"{_ACTIVITY}._load", "after", ("matching",), often=False),
    Point("before lists are kept", f"{_KEEPER}.keep", "before", ("matching",)),
)
# Passed only when a broker comes back without its log.
AT_RETURN: tuple[Point, ...] = (
    Point("before publishing again", f"{_RELAY}._republish", "before", often=False),
    Point("published again, not noted", f"{_RELAY}._republish", "after", often=False),
)
ALL = (*POINTS, *AT_BEGINNING, *AT_RETURN)


def named(name: str) -> Point:
    """The point of that name. Raises KeyError."""
    return {point.name: point for point in ALL}[name]
