"""Why a delivery is where it is, and what comes next, from what is stored."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from services.notifications.delivery.pre_send_check import held_until
from services.notifications.documents import (
    DELIVERED,
    DROPPED,
    DUE,
    FAILED,
    FEED,
    SENDING,
    STATES,
    WAITING,
    DeliveryDocument,
    SubscriptionDocument,
)

UNDELIVERED = STATES - {DELIVERED, DROPPED}
Because = Literal[
    "delivered",
    "not-needed",
    "given-up",
    "to-be-fetched",
    "being-sent",
    "behind-another",
    "no-subscription",
    "subscription-closed",
    "endpoint-held",
    "held-here",
    "waits-for-retry",
    "not-before",
    "in-turn",
]


def because(delivery: DeliveryDocument, endpoint: SubscriptionDocument | None, now: datetime) -> Because:
    """The one thing that decides about it now."""
    state = delivery["state"]
    if state == DELIVERED:
        return "delivered"
    if state == DROPPED:
        return "not-needed"
    if state == FAILED:
        return "given-up"
    if delivery["channel"] == FEED:
        return "to-be-fetched"
    if state == SENDING:
        return "being-sent"
    if endpoint is None:
        return "no-subscription"
    if endpoint["state"] != "active":
        return "subscription-closed"
    if state == WAITING:
        return "behind-another"
    held = held_until(endpoint, delivery["about"])
    if held is not None and held > now:
        return "held-here" if _is_ours(endpoint) else "endpoint-held"
    if delivery.get("due", now) > now:
        return "waits-for-retry" if delivery["attempts"] else "not-before"
    return "in-turn"


def _is_ours(endpoint: SubscriptionDocument) -> bool:
    """Whether what holds it is trouble with our own mail server: that is counted, and never said to have begun."""
    return endpoint["failures"] > 0 and endpoint.get("failing_since") is None


def next_attempt(delivery: DeliveryDocument, endpoint: SubscriptionDocument | None) -> datetime | None:
    """When it may leave next at the earliest; None when it is not for us to say."""
    if delivery["state"] != DUE or endpoint is None or endpoint["state"] != "active":
        return None
    due, held = delivery.get("due"), held_until(endpoint, delivery["about"])
    return due if due is None or held is None else max(due, held)
