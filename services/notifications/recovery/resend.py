"""Sends one delivery again because its recipient asks: one that failed, waits for its retry, or has arrived."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from services.notifications.delivery_queues import Queues, recall_of
from services.notifications.documents import (
    DELIVERED,
    DELIVERIES,
    DROPPED,
    DUE,
    FAILED,
    FEED,
    SENDING,
    SUBSCRIPTIONS,
    THREADS,
    WAITING,
    DeliveryDocument,
    ThreadDocument,
)
from services.notifications.repository import Repository
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.web.problems import Problem, not_found

DOUBLE_CLICK = timedelta(seconds=30)  # what was sent again is not sent again within this time


class Resend:
    """Asked twice, it is sent once: what is open already is only made due, and what has ended is taken up once."""

    def __init__(self, store: Store, repository: Repository, queues: Queues) -> None:
        self._store = store
        self._repository = repository
        self._queues = queues

    async def resend(self, agency: str, delivery: str) -> DeliveryDocument:
        """Make it due now, whatever the schedule says. Raises 404 or 409."""
        known = await self._repository.delivery(agency, delivery)
        if known is None or not known["listed"]:
            raise not_found()

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield DELIVERIES.by_id(delivery)
            yield THREADS.by_id(known["thread"])
            yield SUBSCRIPTIONS.by_id(known["subscription"])
            yield from self._queues.needs(THREADS.get(work, known["thread"]), known["opportunity"])

        def do(work: UnitOfWork) -> DeliveryDocument:
            found, thread = DELIVERIES.get(work, delivery), THREADS.get(work, known["thread"])
            if found is None or thread is None:
                raise not_found()
            if found["channel"] == FEED:
                raise a_feed()
            if found["state"] in (WAITING, SENDING):
                return found  # its turn comes, or it is under way
            endpoint, resent = SUBSCRIPTIONS.get(work, found["subscription"]), found.get("resent")
            if endpoint is None:
                raise _not_again()
            if endpoint["state"] == "disabled":
                raise _disabled()
            if found["state"] != DUE and resent is not None and work.trusted - resent < DOUBLE_CLICK:
                return found
            if not send_again(work, self._queues, thread, found):
                raise _not_again()
            THREADS.save(work, thread)
            return found

        return await self._store.submit(Operation(needs, do))


def send_again(work: UnitOfWork, queues: Queues, thread: ThreadDocument, delivery: DeliveryDocument) -> bool:
    """Make a webhook's delivery due now, if that is still right; whether it is. The thread is not saved."""
    if delivery["state"] == DUE:
        queues.requeue(work, thread, delivery)
        return True
    left_behind = delivery["state"] == DROPPED and delivery["reason"] == "unsubscribed"  # while it was disabled
    if not (left_behind or delivery["state"] in (FAILED, DELIVERED)) or not still_current(thread, delivery):
        return False
    delivery["resent"] = work.trusted
    queues.requeue(work, thread, delivery)
    return True


def still_current(thread: ThreadDocument, delivery: DeliveryDocument) -> bool:
    """True when it is the last thing that was said: sent later, it must not undo what came after it."""
    recall = thread["recall"]
    if delivery["about"] == "recall":
        if (said := recall_of(thread, delivery["version"])) is None:
            return False
        return not said["taken"] or delivery["acknowledged"]  # else it turned out that there is nothing to recall
    if delivery["alias"] != thread["alias"] or (recall is not None and recall["version"] > delivery["version"]):
        return False
    held = thread["held"].get(delivery["opportunity"] or "")
    if held is None:  # of several ends of one opening the partner keeps the newest by its version: all say the same
        return delivery["match_state"] == "ended"
    return held["version"] == delivery["version"]


def a_feed() -> Problem:
    """Its reader comes for all of it, as often as it wants."""
    return Problem(409, "feed-keeps-itself", "A feed is not sent again")


def _disabled() -> Problem:
    return Problem(409, "subscription-disabled", "The subscription of this delivery is disabled")


def _not_again() -> Problem:
    return Problem(
        409,
        "not-to-be-sent",
        "This is not sent again",
        "It is out of date, is no longer allowed, or its subscription has ended.",
    )
