"""The check just before something is sent: read from the database at that moment, never from memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from services.notifications.documents import ClaimedDelivery, DeliveryDocument, SubscriptionDocument
from services.notifications.domain.permission import alias_to_tell
from services.notifications.mappers import agency_receives, subject_of
from services.notifications.repository import Repository
from shared.kit.base.clock import Clock


@dataclass(frozen=True, slots=True)
class PreSendCheck:
    """``endpoint`` None: nothing may be sent there now. ``forbidden``: these may not be sent at all. ``in_doubt``: two
    clocks differ, and only by the earlier one they might be sent; they wait."""

    endpoint: SubscriptionDocument | None
    sendable: tuple[ClaimedDelivery, ...] = ()
    forbidden: tuple[ClaimedDelivery, ...] = ()
    in_doubt: tuple[ClaimedDelivery, ...] = ()


async def recheck_before_send(
    repository: Repository,
    subscription: str,
    deliveries: Sequence[ClaimedDelivery],
    clock: Clock,
    today: Callable[[datetime], date],
) -> PreSendCheck:
    """Is the endpoint open, may its agency receive, and does each person still allow it? Recalls need no consent."""
    recipient = deliveries[0]["recipient"]
    told_of = sorted({d["person"] for d in deliveries if d["about"] == "notice"})
    endpoint, agency, people, floors = await asyncio.gather(
        repository.subscription(subscription),
        repository.agency(recipient),
        repository.people(told_of),
        repository.floors(told_of),
    )
    if not is_open(endpoint, clock.calendar()):
        return PreSendCheck(None)
    may = agency_receives(agency)
    latest, earliest = today(clock.latest()), today(clock.earliest())

    def allowed(delivery: ClaimedDelivery, day: date) -> bool:
        if delivery["about"] == "recall":
            return True
        subject = subject_of(people.get(delivery["person"]), floors.get(delivery["person"]))
        return may and alias_to_tell(subject, recipient, day) == delivery["alias"]

    return PreSendCheck(
        endpoint,
        tuple(d for d in deliveries if allowed(d, latest)),
        tuple(d for d in deliveries if not allowed(d, earliest)),
        tuple(d for d in deliveries if allowed(d, earliest) and not allowed(d, latest)),
    )


async def without_forbidden(repository: Repository, deliveries: Sequence[DeliveryDocument]) -> list[DeliveryDocument]:
    """Without the notices that have not left us and that their people do not allow any more: until these are dropped
    nobody is to learn that there would have been one."""
    unsent = {d["_id"] for d in deliveries if d["about"] == "notice" and not d["possibly_sent"]}
    people = sorted({d["person"] for d in deliveries if d["_id"] in unsent})
    if not people:
        return list(deliveries)
    held, floors = await asyncio.gather(repository.people(people), repository.floors(people))

    def allowed(delivery: DeliveryDocument) -> bool:
        subject = subject_of(held.get(delivery["person"]), floors.get(delivery["person"]))
        # whatever the day: what ends by the calendar is dropped by the calendar
        return alias_to_tell(subject, delivery["recipient"], date.min) == delivery["alias"]

    return [delivery for delivery in deliveries if delivery["_id"] not in unsent or allowed(delivery)]


def is_open(endpoint: SubscriptionDocument | None, now: datetime) -> bool:
    """Active and not held back."""
    return (
        endpoint is not None
        and endpoint["state"] == "active"
        and (endpoint["held_until"] is None or endpoint["held_until"] <= now)
    )
