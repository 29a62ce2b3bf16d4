"""Use cases of partners: subscribe, replace the secret, unsubscribe, acknowledge, try again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from services.notifications.channels.channel import Channel
from services.notifications.channels.credentials import Credentials
from services.notifications.documents import (
    DELIVERIES,
    DUE,
    FAILED,
    FEED,
    RECIPIENTS,
    RESYNCS,
    SENDING,
    SERVED,
    SUBSCRIPTIONS,
    THREADS,
    WAITING,
    ChannelName,
    DeliveryDocument,
    SubscriptionDocument,
    ThreadDocument,
)
from services.notifications.fan_out.resync import request_resync
from services.notifications.outcomes import Outcomes
from services.notifications.queues import Queues
from services.notifications.repository import Repository
from shared.kit.base.ids import random_id
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.web.problems import Problem, not_found


@dataclass(frozen=True, slots=True)
class CreatedSubscription:
    """``secret`` is shown this once and never again."""

    subscription: SubscriptionDocument
    secret: str | None = field(repr=False)


class Subscriptions:
    """One subscription per channel and agency. A new one is told what stands already; an ended one is sent nothing.

    ``resync_requested`` is called once a resync of the agency was asked for (fan_out/resync.py).
    """

    def __init__(
        self,
        store: Store,
        repository: Repository,
        channels: Mapping[str, Channel],
        credentials: Credentials,
        overlap: timedelta,
        resync_requested: Callable[[], None],
    ) -> None:
        self._store = store
        self._repository = repository
        self._channels = channels
        self._credentials = credentials
        self._overlap = overlap
        self._resync_requested = resync_requested

    async def subscribe(self, agency: str, channel: ChannelName, url: str | None) -> CreatedSubscription:
        """Raises a 422 problem for what the channel cannot use, 409 when the channel is taken."""
        subscription = random_id()
        configured = await self._channels[channel].configure(subscription, agency, url)
        document: SubscriptionDocument = {
            "_id": subscription,
            "agency": agency,
            "channel": channel,
            "state": "active",
            "reason": None,
            "held_until": None,
            "failures": 0,
            "target": configured.target,
            "secrets": configured.secrets,
        }

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield SUBSCRIPTIONS.where("agency", agency)
            yield RECIPIENTS.by_id(agency)
            yield RESYNCS.by_id(agency)

        def do(work: UnitOfWork) -> None:
            for other in SUBSCRIPTIONS.find(work, "agency", agency):
                if other["channel"] != channel:
                    continue
                if other["state"] == "active":
                    raise _taken(other["_id"])
                SUBSCRIPTIONS.delete(work, other["_id"])  # one that was disabled: this one takes its place
            # both of two requests at once write this document, so that one of them sees the other
            RECIPIENTS.save(work, RECIPIENTS.get(work, agency) or {"_id": agency, "position": 0})
            SUBSCRIPTIONS.save(work, document)
            request_resync(work, agency)
            work.after_commit(self._resync_requested)

        await self._store.submit(Operation(needs, do))
        return CreatedSubscription(document, configured.secret)

    async def replace_secret(self, agency: str, subscription: str) -> CreatedSubscription:
        """A new secret; the one before signs along for the overlap, older ones end now. Raises 404."""
        secret, kept = self._credentials.new_secret(subscription)

        def do(work: UnitOfWork) -> SubscriptionDocument:
            found = self._own(work, agency, subscription)
            if not found["secrets"]:  # a channel without one, as the feed
                raise not_found()
            before = found["secrets"][0]
            found["secrets"] = [kept, {"sealed": before["sealed"], "until": work.now + self._overlap}]
            SUBSCRIPTIONS.save(work, found)
            return found

        document = await self._store.submit(Operation(lambda work: [SUBSCRIPTIONS.by_id(subscription)], do))
        return CreatedSubscription(document, secret)

    async def unsubscribe(self, agency: str, subscription: str) -> None:
        """From the moment this returns no attempt starts. Nothing of it is kept. Raises 404."""

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield SUBSCRIPTIONS.by_id(subscription)
            yield RESYNCS.by_id(agency)

        def do(work: UnitOfWork) -> None:
            self._own(work, agency, subscription)
            SUBSCRIPTIONS.delete(work, subscription)
            request_resync(work, agency)
            work.after_commit(self._resync_requested)

        await self._store.submit(Operation(needs, do))

    async def of(self, agency: str) -> list[tuple[SubscriptionDocument, str | None]]:
        """All of them, one per channel at most, with their targets opened."""
        return [(each, self._credentials.target_of(each)) for each in await self._repository.subscriptions_of(agency)]

    async def has_feed(self, agency: str) -> bool:
        """Whether the agency reads a feed."""
        found = await self._repository.subscriptions_of(agency)
        return any(s["channel"] == FEED and s["state"] == "active" for s in found)

    @staticmethod
    def _own(work: UnitOfWork, agency: str, subscription: str) -> SubscriptionDocument:
        found = SUBSCRIPTIONS.get(work, subscription)
        if found is None or found["agency"] != agency:
            raise not_found()
        return found


class Deliveries:
    """What partners say about what they were told."""

    def __init__(self, store: Store, repository: Repository, queues: Queues, outcomes: Outcomes) -> None:
        self._store = store
        self._repository = repository
        self._queues = queues
        self._outcomes = outcomes

    async def acknowledge(self, agency: str, notices: Sequence[str]) -> list[str]:
        """The ones that are now acknowledged, in the given order. Others were never given to this agency."""
        deliveries = await self._repository.by_notices(agency, notices)

        def needs(work: UnitOfWork) -> Iterator[Need]:
            for delivery in deliveries:
                yield DELIVERIES.by_id(delivery["_id"])
                yield THREADS.by_id(delivery["thread"])
                yield from self._queues.needs(THREADS.get(work, delivery["thread"]), delivery["opportunity"])

        def do(work: UnitOfWork) -> set[str]:
            known: set[str] = set()
            for each in deliveries:
                delivery = DELIVERIES.get(work, each["_id"])
                if delivery is not None and _may_have_arrived(delivery):
                    self._arrived(work, delivery)
                    known.add(delivery["notice"])
            for notice in known:
                self._acknowledged(work, [d["_id"] for d in deliveries if d["notice"] == notice])
            return known

        known = await self._store.submit(Operation(needs, do)) if deliveries else set()
        return [notice for notice in notices if notice in known]

    def _arrived(self, work: UnitOfWork, delivery: DeliveryDocument) -> None:
        thread = THREADS.get(work, delivery["thread"])
        if thread is not None and delivery["state"] in (SERVED, SENDING, DUE):
            self._queues.delivered(work, thread, delivery)
            THREADS.save(work, thread)

    def _acknowledged(self, work: UnitOfWork, ids: list[str]) -> None:
        """One event per notice, however many channels brought it and however often it is said."""
        found = [d for d in (DELIVERIES.get(work, i) for i in sorted(ids)) if d is not None]
        if any(delivery["acknowledged"] for delivery in found):
            return
        first = next((d for d in found if _may_have_arrived(d)), None)
        if first is not None:
            first["acknowledged"] = True
            self._outcomes.acknowledged(work, first)
            DELIVERIES.save(work, first)

    async def retry(self, agency: str, delivery: str) -> DeliveryDocument:
        """Make a failed or waiting delivery due now. Asked twice, it is sent once. Raises 404 or 409."""
        known = await self._repository.delivery(agency, delivery)
        if known is None:
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
            if found["channel"] == FEED or found["state"] in (WAITING, SENDING):
                return found  # the partner comes for it, its turn comes, or it is under way
            endpoint = SUBSCRIPTIONS.get(work, found["subscription"])
            if found["state"] not in (DUE, FAILED) or endpoint is None or endpoint["state"] != "active":
                raise _no_retry()
            if found["state"] == FAILED and not _still_current(thread, found):
                raise _no_retry()
            self._queues.requeue(work, thread, found)
            THREADS.save(work, thread)
            return found

        return await self._store.submit(Operation(needs, do))


def _may_have_arrived(delivery: DeliveryDocument) -> bool:
    """``left`` also of one that is under way, or was when its sender died: a partner may answer before we know."""
    return delivery["attempts"] > 0 or delivery["possibly_sent"]


def _still_current(thread: ThreadDocument, delivery: DeliveryDocument) -> bool:
    """True when it is the last thing that was said: sent later, it must not undo what came after it."""
    if delivery["about"] == "recall":
        recall = thread["recall"]
        return recall is not None and recall["version"] == delivery["version"]
    held = thread["held"].get(delivery["opportunity"] or "")
    return held is not None and held["version"] == delivery["version"]


def _taken(subscription: str) -> Problem:
    return Problem(
        409,
        "already-subscribed",
        "This channel is in use",
        remedy="Remove the subscription first, or replace its secret.",
        subscription=subscription,
    )


def _no_retry() -> Problem:
    return Problem(
        409,
        "not-to-be-sent",
        "This is not sent again",
        "It has arrived, is out of date, is no longer allowed, or its subscription has ended.",
        remedy="Newer notices come by themselves.",
    )
