"""Recovery: one subscription is told again what it lacks, a piece at a time, at a rate.

A job is a document. A piece makes some deliveries due and moves the job's place in one transaction, so a kill repeats
and leaves out nothing, and of two replicas one does it. It is slow on purpose: so many a second, and none while a
delivery of the piece before is still to be sent, so what happens meanwhile stands behind one piece at most. While the
endpoint is down, held or closed it waits; where nothing else waits that could show that it is back, its next piece is
to.

``failed`` walks over what was given up or waits for a retry. ``all`` goes by what the recipient should hold (its
threads), not by what was sent: also what is older than any delivery that is kept comes again, and what was said and is
out of date does not. What has the same content has the same id as before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from services.notifications.delivery.pre_send_check import is_open
from services.notifications.delivery_queues import Queues, recalls_of
from services.notifications.documents import (
    DELIVERIES,
    DUE,
    ENDED,
    FAILED,
    RECOVERIES,
    RUNNING,
    SUBSCRIPTIONS,
    THREADS,
    DeliveryDocument,
    RecoveryDocument,
    SubscriptionDocument,
    ThreadDocument,
)
from services.notifications.domain.notice_threads import MatchSummary, OutboundMessage
from services.notifications.domain.retry_schedule import OUTAGE
from services.notifications.mappers import Causation, delivery_document
from services.notifications.recovery.resend import send_again, still_current
from services.notifications.repository import Repository
from shared.kit.base.backoff import wait_or_any
from shared.kit.base.clock import Clock
from shared.kit.base.ids import Ids
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork

DELIVERIES_A_PIECE = 20
THREADS_A_PIECE = 4  # a thread may hold many openings
MOST_VERSIONS = 200  # how far back ends of openings are looked for, by the thread's count
LATE_SECONDS = 1.0  # behind its time, as MongoDB's clock may be, before one is another replica's or has ended
LOOK_AGAIN = timedelta(seconds=2)
LOOK_AGAIN_FOR_PENDING = timedelta(seconds=0.2)  # behind all others that are due: none is passed over for it
BUSY_SECONDS = 0.1
IDLE_SECONDS = 5.0  # what another replica was asked for is seen this late


def takes_more(endpoint: SubscriptionDocument, now: datetime) -> bool:
    """Whether it is worth telling this endpoint anything again now."""
    held = endpoint["held_until"] is not None and endpoint["held_until"] > now
    return endpoint["state"] == "active" and not held and endpoint["failures"] < OUTAGE


class RecoveryJob:
    """``per_second``: deliveries made due. ``asked`` is set by whoever asked for a recovery, once that is committed."""

    def __init__(
        self,
        store: Store,
        repository: Repository,
        queues: Queues,
        ids: Ids,
        clock: Clock,
        per_second: float,
        asked: asyncio.Event,
    ) -> None:
        self._store = store
        self._repository = repository
        self._queues = queues
        self._ids = ids
        self._clock = clock
        self._per_second = per_second
        self._asked = asked

    async def run(self, stopping: asyncio.Event) -> None:
        """Until stopped: every recovery that is due, piece by piece, in turns. It looks again when the first of them
        wants it, else each piece would last as long as an idle look."""
        clock = asyncio.get_running_loop().time
        again: dict[str, float] = {}  # when one that had its turn is due for the next
        while not stopping.is_set():
            self._asked.clear()
            due = await self._repository.due_recoveries()
            for recovery in due:
                if stopping.is_set():
                    return
                again.pop(recovery["_id"], None)
                if (wait := await self.step(recovery)) is not None:
                    again[recovery["_id"]] = clock() + wait.total_seconds()
            now = clock()
            again = {id: at for id, at in again.items() if at > now - LATE_SECONDS}
            waits = [IDLE_SECONDS, *(max(at - now, BUSY_SECONDS) for at in again.values())]
            await wait_or_any((self._asked, stopping), BUSY_SECONDS if due else min(waits))

    async def step(self, recovery: RecoveryDocument) -> timedelta | None:
        """One piece, or a wait. In how long it is due again; None when that is not for us to know."""
        subscription, now = recovery["_id"], self._clock.calendar()
        endpoint = await self._repository.subscription(subscription)
        if endpoint is None:
            return await self._store.submit(self.stop(recovery))
        if not takes_more(endpoint, now) and not await self._probes(endpoint, now):
            return await self._store.submit(self.wait(recovery))
        if recovery["pending"] and await self._repository.any_open(recovery["pending"], now):
            return await self._store.submit(self.wait(recovery, LOOK_AGAIN_FOR_PENDING))
        if recovery["what"] == "failed":
            states = {FAILED, DUE}
            page = await self._repository.deliveries_of(
                recovery["agency"], states, recovery["after"], DELIVERIES_A_PIECE
            )
            return await self._store.submit(self.retry(recovery, page))
        threads = await self._repository.threads_of(recovery["agency"], recovery["after"], THREADS_A_PIECE)
        return await self._store.submit(self.tell_all(recovery, threads))

    async def _probes(self, endpoint: SubscriptionDocument, now: datetime) -> bool:
        """Whether a piece is to find out if an endpoint that was down is back: nothing else waits there that could
        (subscriptions/half_open_probe.py), and it would be waited for for ever."""
        if not is_open(endpoint, now):
            return False
        return not await self._repository.anything_due(endpoint["_id"])

    def stop(self, recovery: RecoveryDocument) -> Operation[timedelta | None]:
        """There is nobody to tell any more."""

        def do(work: UnitOfWork) -> None:
            if now := self._going_on(work, recovery):
                RECOVERIES.save(work, {**now, "state": "stopped", "ended": work.trusted})

        return Operation(lambda work: [RECOVERIES.by_id(recovery["_id"])], do)

    def wait(self, recovery: RecoveryDocument, so_long: timedelta = LOOK_AGAIN) -> Operation[timedelta | None]:
        """Look again later; what its last piece made due is still to be waited for then."""

        def do(work: UnitOfWork) -> timedelta | None:
            if (now := self._going_on(work, recovery)) is None:
                return None
            RECOVERIES.save(work, {**now, "not_before": work.trusted + so_long})
            return so_long

        return Operation(lambda work: [RECOVERIES.by_id(recovery["_id"])], do)

    def retry(self, recovery: RecoveryDocument, page: Sequence[DeliveryDocument]) -> Operation[timedelta | None]:
        """A piece of what was given up or waits for its retry."""
        mine = [each for each in page if each["subscription"] == recovery["_id"]]

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield from _own(recovery)
            for each in mine:
                yield DELIVERIES.by_id(each["_id"])
                yield THREADS.by_id(each["thread"])
                yield from self._queues.needs(THREADS.get(work, each["thread"]), each["opportunity"])

        def do(work: UnitOfWork) -> timedelta | None:
            now = self._going_on(work, recovery)
            if now is None:
                return None
            now["pending"] = []
            for each in mine:
                found, thread = DELIVERIES.get(work, each["_id"]), THREADS.get(work, each["thread"])
                if found is None or thread is None or not _wanted(found, recovery["since"]):
                    continue
                self._count(now, found, send_again(work, self._queues, thread, found))
                THREADS.save(work, thread)
            return self._moved(work, now, page[-1]["_id"] if len(page) == DELIVERIES_A_PIECE else None, recovery)

        return Operation(needs, do)

    def tell_all(self, recovery: RecoveryDocument, threads: Sequence[ThreadDocument]) -> Operation[timedelta | None]:
        """A piece of what the recipient should hold."""

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield from _own(recovery)
            for each in threads:
                yield THREADS.by_id(each["_id"])
                if (thread := THREADS.get(work, each["_id"])) is not None:
                    for _, id in self._deliveries(thread, recovery["_id"]):
                        yield DELIVERIES.by_id(id)
                    yield from self._queues.needs(thread)

        def do(work: UnitOfWork) -> timedelta | None:
            now, endpoint = self._going_on(work, recovery), SUBSCRIPTIONS.get(work, recovery["_id"])
            if now is None or endpoint is None:
                return None
            now["pending"] = []
            for each in threads:
                if (thread := THREADS.get(work, each["_id"])) is not None:
                    self._tell_thread(work, now, endpoint, thread)
                    THREADS.save(work, thread)
            return self._moved(work, now, threads[-1]["person"] if len(threads) == THREADS_A_PIECE else None, recovery)

        return Operation(needs, do)

    def _tell_thread(
        self, work: UnitOfWork, now: RecoveryDocument, endpoint: SubscriptionDocument, thread: ThreadDocument
    ) -> None:
        ended: set[str | None] = set()
        kept: list[DeliveryDocument] = []
        for version, id in sorted(self._deliveries(thread, endpoint["_id"]), reverse=True):
            delivery = DELIVERIES.get(work, id)
            if delivery is None:
                if now["since"] is None and (made := self._anew(thread, version, id, endpoint)) is not None:
                    kept.append(made)
            elif still_current(thread, delivery) and delivery["opportunity"] not in ended:
                if delivery["match_state"] == "ended":
                    ended.add(delivery["opportunity"])  # of several ends of one opening the newest
                kept.append(delivery)
        for delivery in reversed(kept):
            if "since" not in delivery:
                self._queues.requeue(work, thread, delivery)
                self._count(now, delivery, True)
            elif delivery["state"] in ENDED and _wanted(delivery, now["since"]):
                self._count(now, delivery, send_again(work, self._queues, thread, delivery))

    def _deliveries(self, thread: ThreadDocument, subscription: str) -> list[tuple[int, str]]:
        """Version and id of every delivery of this subscription that may still be current, kept or not."""
        recall, recipient = thread["recall"], thread["recipient"]
        recalled = recall["version"] if recall else 0
        versions = {held["version"] for held in thread["held"].values()}
        versions |= set(range(max(recalled + 1, thread["version"] - MOST_VERSIONS), thread["version"] + 1))
        named = [(thread["alias"], version) for version in versions]
        named += [(each["alias"], each["version"]) for each in recalls_of(thread)]
        return [(version, self._id(recipient, alias, version, subscription)[1]) for alias, version in named]

    def _id(self, recipient: str, alias: str, version: int, subscription: str) -> tuple[str, str]:
        notice = self._ids.derived("notice", recipient, alias, version)
        return notice, self._ids.derived("delivery", notice, subscription)

    def _anew(
        self, thread: ThreadDocument, version: int, id: str, endpoint: SubscriptionDocument
    ) -> DeliveryDocument | None:
        """What the subscription was told so long ago that nothing of it is kept."""
        for opportunity, held in thread["held"].items():
            if held["version"] == version and endpoint["_id"] in held["sent_via"]:
                summary = MatchSummary(opportunity, held["kind"], held["band"])
                message = OutboundMessage(
                    thread["alias"], version, held["month"], (endpoint["_id"],), summary, "proposed"
                )
                notice, _ = self._id(thread["recipient"], thread["alias"], version, endpoint["_id"])
                return delivery_document(id, notice, thread, message, endpoint, Causation(None, None, None))
        return None

    def _going_on(self, work: UnitOfWork, recovery: RecoveryDocument) -> RecoveryDocument | None:
        """The job before its next piece, if it is where it was when this piece was read."""
        now = RECOVERIES.get(work, recovery["_id"])
        if now is None or now["state"] != RUNNING:
            return None
        same = (now["recovery"], now["after"]) == (recovery["recovery"], recovery["after"])
        return {**now} if same else None

    @staticmethod
    def _count(now: RecoveryDocument, delivery: DeliveryDocument, again: bool) -> None:
        if again:
            now["again"] += 1
            now["pending"].append(delivery["_id"])
        else:
            now["passed_over"] += 1

    def _moved(
        self, work: UnitOfWork, now: RecoveryDocument, after: str | None, before: RecoveryDocument
    ) -> timedelta | None:
        if after is None:
            now.update({"state": "done", "ended": work.trusted})
        else:
            now["after"] = after
        wait = timedelta(seconds=(now["again"] - before["again"]) / self._per_second)
        now["not_before"] = work.trusted + wait
        RECOVERIES.save(work, now)
        return None if after is None else wait


def _own(recovery: RecoveryDocument) -> list[Need]:
    return [RECOVERIES.by_id(recovery["_id"]), SUBSCRIPTIONS.by_id(recovery["_id"])]


def _wanted(delivery: DeliveryDocument, since: datetime | None) -> bool:
    """What ended since then, and what waits for a retry."""
    if delivery["state"] == DUE:
        return delivery["attempts"] > 0
    ended = delivery.get("ended", delivery.get("unacknowledged_since"))
    return since is None or (ended is not None and ended >= since)
