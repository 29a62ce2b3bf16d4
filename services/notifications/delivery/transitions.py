"""What follows from one attempt: the delivery's new state, the thread's queue, the outcome, the log, together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from services.notifications import metrics
from services.notifications.delivery_queues import Queues, forget_retry, leave_untold, mark_tried, may_be_held
from services.notifications.documents import (
    DELIVERIES,
    DUE,
    PEOPLE,
    RECALLED,
    RESYNCS,
    SENDING,
    SUBSCRIPTIONS,
    TAKING_PART,
    THREADS,
    AttemptEntry,
    ClaimedDelivery,
    DeliveryDocument,
    DeliveryReference,
    SubscriptionDocument,
    ThreadDocument,
    Waits,
)
from services.notifications.domain.attempt_verdict import NO_MAILBOX, Verdict
from services.notifications.domain.circuit_breaker import MOST_COUNTED, Breaker
from services.notifications.domain.retry_schedule import OUTAGE, next_attempt, recall_schedule
from services.notifications.mappers import attempts_made
from services.notifications.resync_request import request_resync
from shared.kit.base.logs import logger
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import Need, UnitOfWork

IN_DOUBT = timedelta(minutes=1)
MOST_LOGGED = 20  # attempts of one delivery: a recall may be tried every few seconds for days
BLOCKED_HEAD_SECONDS = 6 * 3_600  # unless its subscription says otherwise
OURS_AGAIN = timedelta(minutes=1)  # after trouble of ours, at the latest: then the endpoint is down, or we are well
SET_ASIDE = "set-aside"  # its endpoint is well and does not take it, and others wait for it in order
# What a report says of a subscription: its mailbox is gone, or which field is to say when a mail came back; None: it is
# about an address that it does not have any more.
Judge = Callable[[SubscriptionDocument], Literal["gone", "bounced_at", "alerts_bounced_at"] | None]
BounceOutcome = Literal["ended", "shown", "known", "outdated"]
_log = logger("delivery")


@dataclass(frozen=True, slots=True)
class _Retrying:
    """``down``: it failed with an endpoint that is in an outage, or with us (``ours``, as where we asked at an address
    of before): no fault of this delivery, which is not given up."""

    endpoint: SubscriptionDocument
    jitter: float
    down: bool
    ours: bool


class DeliveryTransitions:
    """State transitions of a delivery, each an operation of a transaction. ``schedule``: waits before attempt 1, 2, ...
    in seconds, of subscriptions without one of their own. ``resync_requested`` wakes the resync of a recipient whose
    subscription has ended. ``breaker``: when an endpoint that fails is asked again. ``told_after_all``: what follows
    for a person and a recipient when something was dropped that may be allowed again."""

    def __init__(
        self,
        queues: Queues,
        schedule: Sequence[float],
        resync_requested: Callable[[], None],
        breaker: Breaker = Breaker(),
        told_after_all: Callable[[str, str], Operation[None]] | None = None,
    ) -> None:
        self._queues = queues
        self._schedule = schedule
        self._recall_schedule = recall_schedule(schedule)
        self._breaker = breaker
        self._told_after_all = told_after_all
        self._resync_requested = resync_requested

    def after_attempt(
        self,
        held: ClaimedDelivery,
        verdict: Verdict,
        took: timedelta,
        jitter: float,
        endpoint: SubscriptionDocument,
        *,
        counts: bool = True,
    ) -> Operation[None]:
        """After an attempt under the claim that ``held`` names, at ``endpoint`` as it was then: when the subscription
        leads somewhere else since, the answer says nothing about its endpoint, and a bad one nothing of when, or
        whether, the other is told. When that claim was let go and another one took it, only the log is written; but
        what was taken is delivered, whoever holds it now."""
        verdict = verdict.about(held["about"])

        def do(work: UnitOfWork) -> None:
            delivery, thread = DELIVERIES.get(work, held["_id"]), THREADS.get(work, held["thread"])
            number = held["attempts"] + 1
            down = verdict.ours
            if verdict.disable or not verdict.endpoint_healthy:
                down = self._endpoint(work, held, verdict, endpoint["target"], counts) or down
            if delivery is None or thread is None:
                return
            self._log(work, delivery, verdict, took)
            if verdict.possibly_sent:
                mark_tried(delivery)
            ours = delivery["claim"] == held["claim"] or verdict.outcome == "delivered"
            if delivery["state"] not in (SENDING, DUE) or not ours:
                DELIVERIES.save(work, delivery)
                return
            delivery["attempts"] = max(number, delivery["attempts"])
            if not verdict.possibly_sent:
                self._claim_undone(delivery)
            if may_be_held(thread, delivery):
                thread["recall_required"] = True
            said = verdict
            if verdict.outcome != "delivered" and not verdict.endpoint_healthy and _leads_elsewhere(work, endpoint):
                said, down = replace(verdict, outcome="again", hold=None, ours=True), True
            self._apply(work, thread, delivery, said, _Retrying(endpoint, jitter, down, said.ours))
            THREADS.save(work, thread)

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield from self._needs(work, held)
            if verdict.disable or not verdict.endpoint_healthy:
                yield SUBSCRIPTIONS.by_id(held["subscription"])
                yield RESYNCS.by_id(held["recipient"])

        return Operation(needs, do)

    def bounced(self, subscription: str, judge: Judge) -> Operation[BounceOutcome]:
        """After a report that a mail of this subscription, taken by the mail server before, could not be delivered.
        Gone: it ends as it does when the mail server itself says so. The same report again finds it ended, or dates
        anew what is shown."""

        def do(work: UnitOfWork) -> BounceOutcome:
            endpoint = SUBSCRIPTIONS.get(work, subscription)
            if endpoint is None or (about := judge(endpoint)) is None:
                return "outdated"
            if about == "alerts_bounced_at":  # also of one that has ended: it is what this mail told of
                endpoint["alerts_bounced_at"] = work.now
            elif endpoint["state"] not in TAKING_PART:
                return "known"
            elif about == "gone":
                self._disable(work, endpoint, NO_MAILBOX)
            else:
                endpoint["bounced_at"] = work.now
            SUBSCRIPTIONS.save(work, endpoint)
            return "ended" if about == "gone" else "shown"

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield SUBSCRIPTIONS.by_id(subscription)
            endpoint = SUBSCRIPTIONS.get(work, subscription)
            if endpoint is not None:
                yield RESYNCS.by_id(endpoint["agency"])

        return Operation(needs, do)

    def recovered(self, subscription: str) -> Operation[None]:
        """The endpoint answers well again, and what waited for it is due."""

        def do(work: UnitOfWork) -> None:
            endpoint = SUBSCRIPTIONS.get(work, subscription)
            if endpoint is not None and endpoint["failures"]:
                endpoint.update({"failures": 0, "failing_since": None})
                SUBSCRIPTIONS.save(work, endpoint)

        return Operation(lambda work: [SUBSCRIPTIONS.by_id(subscription)], do)

    def drop(self, held: ClaimedDelivery, reason: str) -> Operation[None]:
        """Found at the moment of sending that it must not be sent: nothing left us. What allows it again may have come
        while this waited to be written down: nobody else would look at it then."""
        follow = None if self._told_after_all is None else self._told_after_all(held["person"], held["recipient"])

        def do(work: UnitOfWork) -> None:
            delivery, thread = DELIVERIES.get(work, held["_id"]), THREADS.get(work, held["thread"])
            if delivery and thread and delivery["state"] == SENDING and delivery["claim"] == held["claim"]:
                self._claim_undone(delivery)
                self._queues.drop_claimed(work, thread, delivery, reason)
                leave_untold(work, thread, delivery)
                THREADS.save(work, thread)
                if follow is not None:
                    follow.do(work)

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield from self._needs(work, held)
            yield PEOPLE.by_id(held["person"])
            if follow is not None:
                yield from follow.needs(work)

        return Operation(needs, do)

    def postpone(self, held: ClaimedDelivery) -> Operation[None]:
        """Found at the moment of sending that two clocks differ about whether it may be sent: it waits a minute. No
        attempt is counted."""

        def do(work: UnitOfWork) -> None:
            delivery, thread = DELIVERIES.get(work, held["_id"]), THREADS.get(work, held["thread"])
            if delivery and thread and delivery["state"] == SENDING and delivery["claim"] == held["claim"]:
                if self._recalled(work, thread, delivery):  # what forbids has come meanwhile, and goes first
                    self._claim_undone(delivery)
                    self._queues.drop_claimed(work, thread, delivery, "superseded")
                    THREADS.save(work, thread)
                    return
                self._claim_undone(delivery)
                delivery.update({"state": DUE, "due": work.now + IN_DOUBT, "owner": None})
                DELIVERIES.save(work, delivery)

        return Operation(lambda work: self._needs(work, held), do)

    def recalled(self, notice: DeliveryReference) -> Operation[None]:
        """A recall waits for this notice, which is not under way any more: it has no use, and may be held for a day. It
        ends as after an attempt that failed; what may have left is recalled then, else there is nothing to recall."""

        def do(work: UnitOfWork) -> None:
            delivery, thread = DELIVERIES.get(work, notice["_id"]), THREADS.get(work, notice["thread"])
            if delivery is None or thread is None or delivery["state"] != DUE:
                return
            if self._recalled(work, thread, delivery):
                self._queues.drop(work, thread, delivery, "superseded")
                THREADS.save(work, thread)
            elif delivery.get("waits") == RECALLED:
                del delivery["waits"]
                DELIVERIES.save(work, delivery)

        return Operation(lambda work: self._needs(work, notice), do)

    def needless(self, held: ClaimedDelivery) -> Operation[None]:
        """Found at the moment of sending that nothing of what this recall is for has left, as far as is known: it ends,
        with what was let go of. When some of that was taken again meanwhile, the recall waits for its turn as before.
        """

        def do(work: UnitOfWork) -> None:
            delivery, thread = DELIVERIES.get(work, held["_id"]), THREADS.get(work, held["thread"])
            if delivery and thread and delivery["state"] == SENDING and delivery["claim"] == held["claim"]:
                self._claim_undone(delivery)
                delivery.update({"state": DUE, "owner": None})
                DELIVERIES.save(work, delivery)
                self._queues.end_needless(work, thread, delivery)
                THREADS.save(work, thread)

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield from self._needs(work, held)
            yield from self._queues.needs_of_recall(held)

        return Operation(needs, do)

    @staticmethod
    def _claim_undone(delivery: DeliveryDocument) -> None:
        """Nothing left us under this claim."""
        delivery["possibly_sent"] = delivery["possibly_sent_before"]

    def _needs(self, work: UnitOfWork, held: DeliveryReference | ClaimedDelivery) -> Iterator[Need]:
        yield DELIVERIES.by_id(held["_id"])
        yield THREADS.by_id(held["thread"])
        yield from self._queues.needs(THREADS.get(work, held["thread"]), held["opportunity"])

    def _apply(
        self, work: UnitOfWork, thread: ThreadDocument, delivery: DeliveryDocument, verdict: Verdict, how: _Retrying
    ) -> None:
        if verdict.outcome == "delivered":
            self._queues.delivered(work, thread, delivery, verdict.reason)
            if delivery["cause"]["recordedtime"] is not None:
                seconds = (work.now - delivery["cause"]["recordedtime"]).total_seconds()
                channel = metrics.event_to_partner_seconds.of(channel=delivery["channel"])
                work.after_commit(lambda: channel.observe(max(0.0, seconds)))
            return
        left_behind = verdict.disable and delivery["match_state"] == "ended"
        if verdict.outcome == "failed" and not left_behind:
            self._queues.failed(work, thread, delivery, verdict.reason or "refused")
            return
        if self._recalled(work, thread, delivery):
            self._queues.drop_claimed(work, thread, delivery, "superseded")
            return
        delivery["reason"] = verdict.reason
        if left_behind:  # whatever its schedule says, it stays open until others are told it (reconcile.py)
            forget_retry(delivery)
            delivery.update({"state": DUE, "due": work.now + IN_DOUBT, "owner": None, "waits": "retry"})
            DELIVERIES.save(work, delivery)
            return
        hold = self._breaker.asked(verdict.hold, delivery["about"])
        planned = delivery.get("planned")
        if planned is not None and planned > work.now:  # it was brought forward: that uses up none of its schedule
            delivery["attempts"] -= 1
            if delivery.pop("probe", False):  # it may still be brought forward with all the others
                del delivery["planned"]
            again_at = max(planned, work.now + (hold or timedelta()))
            waits: Waits = "again" if "planned" in delivery else "retry"
            delivery.update({"state": DUE, "due": again_at, "owner": None, "waits": waits})
            DELIVERIES.save(work, delivery)
            return
        forget_retry(delivery)
        is_notice = delivery["about"] == "notice"  # a recall is tried as long as anything can be
        schedule = (how.endpoint.get("retry_schedule") or self._schedule) if is_notice else self._recall_schedule
        if how.ours:  # that uses up none of its schedule
            delivery["failed_with_us"] = delivery.get("failed_with_us", 0) + 1
        made = max(1, delivery["attempts"] - delivery.get("failed_with_us", 0))
        when = next_attempt(schedule, made, work.now, delivery["due"], how.jitter, repeat=how.down)
        if when is None:
            self._queues.failed(work, thread, delivery, verdict.reason or "refused")
            return
        if how.ours:
            when = min(when, work.now + OURS_AGAIN)
        if hold is not None:
            when = max(when, work.now + hold)
        if is_notice and not how.down and self._queues.blocks(thread, delivery):
            since, longest = delivery.setdefault("blocks_since", work.now), how.endpoint.get("blocked_head_seconds")
            if when > since + timedelta(seconds=longest or BLOCKED_HEAD_SECONDS):
                self._queues.failed(work, thread, delivery, SET_ASIDE)
                return
        delivery.update({"state": DUE, "due": when, "owner": None, "waits": "retry"})
        DELIVERIES.save(work, delivery)

    def _recalled(self, work: UnitOfWork, thread: ThreadDocument, delivery: DeliveryDocument) -> bool:
        """True when a recall waits behind it."""
        return delivery["about"] == "notice" and any(
            later["version"] > delivery["version"]
            for later in self._queues.recalls(work, thread, delivery["subscription"])
        )

    def _endpoint(
        self, work: UnitOfWork, held: ClaimedDelivery, verdict: Verdict, target: bytes | None, counts: bool
    ) -> bool:
        """Count it, hold or disable the endpoint; whether it is down."""
        endpoint = SUBSCRIPTIONS.get(work, held["subscription"])
        if endpoint is None or endpoint["state"] not in TAKING_PART or endpoint["target"] != target:
            return False
        if not counts:
            return endpoint["failures"] >= OUTAGE
        before, hold = endpoint.copy(), verdict.hold
        if not verdict.endpoint_healthy:
            endpoint["failures"] = failures = min(endpoint["failures"] + 1, MOST_COUNTED)
            since = (
                None if verdict.ours else endpoint.get("failing_since") or work.now
            )  # its own: of ours it has no part
            endpoint["failing_since"] = since
            hold = max(filter(None, (verdict.hold, self._breaker.open_for(failures, held["about"]))), default=None)
            asked = self._breaker.asked(verdict.hold, "recall")
            soonest = max(filter(None, (asked, self._breaker.open_for(failures, "recall"))), default=None)
            if soonest is not None:  # never sooner than an answer said before that asked for more
                endpoint["recall_at"] = _later(endpoint.get("recall_at"), work.now + soonest)
            if verdict.hold:
                endpoint["asked_until"] = _later(endpoint.get("asked_until"), work.now + verdict.hold)
            # in doubt the earlier clock decides: what this ends is recalled
            if not verdict.disable and self._breaker.gives_up(failures, since, work.earliest):
                self._disable(work, endpoint, "failing")
        if verdict.disable:
            self._disable(work, endpoint, verdict.reason or "disabled-by-recipient")
        if hold:
            endpoint["held_until"] = _later(endpoint["held_until"], work.now + hold)
        if endpoint != before:
            SUBSCRIPTIONS.save(work, endpoint)
        return endpoint["failures"] >= OUTAGE

    def _disable(self, work: UnitOfWork, endpoint: SubscriptionDocument, reason: str) -> None:
        endpoint.update({"state": "disabled", "reason": reason})
        request_resync(work, endpoint["agency"])
        work.after_commit(self._resync_requested)
        work.after_commit(metrics.subscriptions_disabled.of(channel=endpoint["channel"], reason=reason).inc)
        told = {"recipient": endpoint["agency"], "channel": endpoint["channel"], "reason": reason}
        work.after_commit(lambda: _log.warning("subscription_disabled", **told))

    @staticmethod
    def _log(work: UnitOfWork, delivery: DeliveryDocument, verdict: Verdict, took: timedelta) -> None:
        entry: AttemptEntry = {
            "number": attempts_made(delivery) + 1,  # not its place in the schedule, which is taken back and begun anew
            "outcome": verdict.outcome,
            "reason": verdict.reason,
            "milliseconds": int(took.total_seconds() * 1000),
            "at": work.trusted,
        }
        delivery["log"] = [*delivery.get("log", ()), entry][-MOST_LOGGED:]


def _leads_elsewhere(work: UnitOfWork, endpoint: SubscriptionDocument) -> bool:
    """Whether its partner has named another address since it was read."""
    now = SUBSCRIPTIONS.get(work, endpoint["_id"])
    return now is not None and now["target"] != endpoint["target"]


def _later(before: datetime | None, until: datetime) -> datetime:
    return until if before is None else max(before, until)
