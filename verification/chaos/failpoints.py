"""The failpoints: before and after each write, publish, commit and send. Each is a function of the product, by name.

Nothing in the product knows of them: a service that chaos starts has these functions wrapped from outside
(`failpoint_service`).
A name that no longer exists keeps the service from starting, so that a renamed function cannot
go untested in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from verification.harness.keyring import SERVICES


@dataclass(frozen=True)
class Failpoint:
    """``where``: module and qualified name. ``often``: it is passed so often that a later pass may be chosen."""

    name: str
    where: str
    when: Literal["before", "after"]
    services: tuple[str, ...] = SERVICES
    often: bool = True


_ATTEMPT, _STORE, _RELAY = (
    "shared.kit.store.transaction_attempt:TransactionAttempt",
    "shared.kit.store.store:Store",
    "shared.kit.store.outbox_relay:OutboxRelay",
)
_CHECKPOINTS, _CONSUMER = "shared.kit.stream.checkpoints:PartitionCheckpoints", "aiokafka:AIOKafkaConsumer"
_NOTIFICATIONS, _FEED = ("notifications",), "services.notifications.channels.feed_reader:FeedReader"
_DISPATCHER = "services.notifications.delivery.dispatcher:Dispatcher"
_WEBHOOK = "services.notifications.channels.webhook:Webhook"
_DELIVERIES, _REPOSITORY = (
    "services.notifications.acknowledgements:Deliveries",
    "services.notifications.queries.delivery_queries:DeliveryQueries",
)
_RESYNC, _RECOVERY, _SUBSCRIPTIONS = (
    "services.notifications.fan_out.resync:ResyncJob",
    "services.notifications.recovery.recovery_job:RecoveryJob",
    "services.notifications.subscriptions.management:Subscriptions",
)
_MATCHER, _SNAPSHOTS = (
    "services.matching.active_matcher:ActiveMatcher",
    "services.matching.list_snapshots:SnapshotWriter",
)

FAILPOINTS: tuple[Failpoint, ...] = (
    # the transaction
    Failpoint("before the writes", f"{_ATTEMPT}.write", "before"),
    Failpoint("after the writes, before the commit", f"{_STORE}._commit", "before"),
    Failpoint("before the checkpoint", f"{_CHECKPOINTS}.advance", "before"),
    Failpoint("after the checkpoint", f"{_CHECKPOINTS}.advance", "after"),
    Failpoint("after the commit, nobody was told", f"{_STORE}._commit", "after"),
    Failpoint("after the commit, nobody answered", f"{_ATTEMPT}.committed", "before"),
    # the outbox
    Failpoint("before publishing", f"{_RELAY}._send", "before"),
    Failpoint("published, not acknowledged", f"{_RELAY}._send", "after"),
    Failpoint("acknowledged, not marked as published", f"{_RELAY}._acknowledged", "before"),
    Failpoint("before the mark as published", f"{_RELAY}._mark_published", "before"),
    Failpoint("after the mark as published", f"{_RELAY}._mark_published", "after"),
    # reading
    Failpoint("before Kafka's commit", f"{_CONSUMER}.commit", "before", often=False),
    Failpoint("after Kafka's commit", f"{_CONSUMER}.commit", "after", often=False),
    # the door
    Failpoint("taken, not answered", "services.intake.service:Door.take", "after", ("intake",)),
    # delivering
    Failpoint("delivery born claimed, not handed over", f"{_DISPATCHER}._take", "before", _NOTIFICATIONS),
    Failpoint("delivery claimed, not sent", f"{_REPOSITORY}.claim", "after", _NOTIFICATIONS, often=False),
    Failpoint("before the webhook", f"{_WEBHOOK}.attempt", "before", _NOTIFICATIONS),
    Failpoint("webhook answered, not written down", f"{_WEBHOOK}.attempt", "after", _NOTIFICATIONS),
    Failpoint("before a page of the feed", f"{_FEED}.read", "before", _NOTIFICATIONS, often=False),
    Failpoint("page written down, not given", f"{_FEED}.read", "after", _NOTIFICATIONS, often=False),
    Failpoint("before an acknowledgement", f"{_DELIVERIES}.acknowledge", "before", _NOTIFICATIONS, often=False),
    Failpoint(
        "acknowledgement taken, not answered", f"{_DELIVERIES}.acknowledge", "after", _NOTIFICATIONS, often=False
    ),
)
OPEN_TRANSACTION = FAILPOINTS[1]

# Passed only while a service begins: armed before that.
AT_BEGINNING: tuple[Failpoint, ...] = (
    Failpoint("before a partition is claimed", f"{_CHECKPOINTS}.claim", "before", often=False),
    Failpoint("a partition claimed", f"{_CHECKPOINTS}.claim", "after", often=False),
    Failpoint("partitions taken over, nothing loaded", f"{_MATCHER}._take_over", "after", ("matching",), often=False),
    Failpoint("listens, openings not loaded", f"{_MATCHER}._load_standing", "after", ("matching",), often=False),
    Failpoint("loaded, nothing assessed", f"{_MATCHER}._load", "after", ("matching",), often=False),
    Failpoint("before lists are saved", f"{_SNAPSHOTS}.save", "before", ("matching",)),
)
# Passed only when a broker comes back without its log.
AT_RETURN: tuple[Failpoint, ...] = (
    Failpoint("before publishing again", f"{_RELAY}._republish", "before", often=False),
    Failpoint("published again, not noted", f"{_RELAY}._republish", "after", often=False),
)
# Passed only when subscriptions come and go (tests/chaos/notifications/faults.py).
AT_SUBSCRIPTIONS: tuple[Failpoint, ...] = (
    Failpoint("before a page of a resync", f"{_RESYNC}.step", "before", _NOTIFICATIONS),
    Failpoint("after a page of a resync", f"{_RESYNC}.step", "after", _NOTIFICATIONS),
    Failpoint("before a piece of a recovery", f"{_RECOVERY}.step", "before", _NOTIFICATIONS),
    Failpoint("after a piece of a recovery", f"{_RECOVERY}.step", "after", _NOTIFICATIONS),
    Failpoint("resumed, not answered", f"{_SUBSCRIPTIONS}.resume", "after", _NOTIFICATIONS, often=False),
    Failpoint("subscribed, not answered", f"{_SUBSCRIPTIONS}.subscribe", "after", _NOTIFICATIONS, often=False),
)
ALL = (*FAILPOINTS, *AT_BEGINNING, *AT_RETURN, *AT_SUBSCRIPTIONS)


def named(name: str) -> Failpoint:
    """The failpoint of that name. Raises KeyError."""
    return {failpoint.name: failpoint for failpoint in ALL}[name]
