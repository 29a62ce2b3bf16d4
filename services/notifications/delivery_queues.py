"""The open deliveries of a thread, one queue per subscription, oldest first.

What is said of one opening arrives in order, and nothing overtakes a recall in either direction; openings do not wait
for each other, unless the subscription asked for order: then what is `ordered` comes one after another, whatever it is
about. Only the first of those that wait for each other is ever due, so retries, kills and replicas change nothing of
their order. An entry names its opportunity (None: a recall), so that a notice only has to load what is about its own
opening. The queues live in the thread's own document: whoever adds, sends, ends or drops a delivery writes the thread
too, so that two of them at once cannot both be right, and one of them starts over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Literal

from services.notifications.channel import Channel
from services.notifications.documents import (
    DELIVERED,
    DELIVERIES,
    DROPPED,
    DUE,
    ENDED,
    FAILED,
    PEOPLE,
    POSTED,
    RECALLED,
    SENDING,
    WAITING,
    DeliveryDocument,
    DeliveryFields,
    QueueEntry,
    RecallEntry,
    ThreadDocument,
)
from services.notifications.domain.notice_threads import UNKNOWN
from services.notifications.outcome_events import NOTHING_LEFT, Outcomes
from shared.kit.store.unit_of_work import Need, UnitOfWork

_UNSENT = frozenset({WAITING, DUE, POSTED})
SomebodyWaits = Callable[[UnitOfWork, str], None]


def nobody(work: UnitOfWork, queue: str) -> None:
    """Nobody is told."""


def queue_of(thread: str, subscription: str) -> str:
    """The name of a queue: subscriptions of one thread do not wait for each other."""
    return f"{thread}/{subscription}"


def recalls_of(thread: ThreadDocument) -> list[RecallEntry]:
    """The last recall, behind those under aliases of before that are open."""
    return [*thread.get("earlier", ()), *((thread["recall"],) if thread["recall"] else ())]


def recall_of(thread: ThreadDocument, version: int) -> RecallEntry | None:
    """The one that was said in this version, if it is still known."""
    return next((each for each in recalls_of(thread) if each["version"] == version), None)


def may_be_held(thread: ThreadDocument, delivery: DeliveryDocument) -> bool:
    """True when the partner may hold this notice and no later recall covers it."""
    recalled = thread["recall"]["version"] if thread["recall"] else 0
    return delivery["about"] == "notice" and delivery["possibly_sent"] and delivery["version"] > recalled


def nothing_of_it_left(recall: DeliveryFields, possibly_sent: Mapping[str, bool]) -> bool:
    """Whether all that a recall is for is known not to have left, by what is known of each. What nobody knows of any
    more may have."""
    doubted = recall.get("if_sent", ())
    return bool(doubted) and not any(possibly_sent.get(id, True) for id in doubted)


def known_to_have_left(delivery: DeliveryFields) -> bool:
    """Whether its recipient may look it up, whatever became of it. That it was claimed is enough, but for a recall that
    may be needless, which tells of somebody: of that an attempt that may have arrived (`mark_tried`), or an answer, was
    written down."""
    if not delivery.get("if_sent"):
        return delivery["possibly_sent"]
    return delivery["acknowledged"] or delivery.get("tried", False)


def mark_tried(delivery: DeliveryDocument) -> None:
    """It has left us, or may have: this is known of an attempt, and of what a feed gives. It is not saved."""
    if delivery.get("if_sent"):
        delivery["tried"] = True


def leave_untold(work: UnitOfWork, thread: ThreadDocument, delivery: DeliveryDocument) -> bool:
    """This was found forbidden as it was to be told (`mark_untold`). Whether that is new."""
    recalled = thread["recall"]["version"] if thread["recall"] else 0
    of_now = delivery["alias"] == thread["alias"] and delivery["version"] > recalled
    return delivery["about"] == "notice" and of_now and mark_untold(work, thread)


def mark_untold(work: UnitOfWork, thread: ThreadDocument) -> bool:
    """Something was found forbidden as it was to be told. If nothing was said of that yet (fan_out/reconcile.py will),
    and what forbids it passes before, it would stay untold for ever: fan-out counts it as told. Whether that is new.
    The thread is not saved; needs the person."""
    if thread.get("untold"):
        return False
    thread["untold"] = True
    # whoever allows it at this moment does not see the mark, and may write nothing that we do: so one of us starts over
    if (person := PEOPLE.get(work, thread["person"])) is not None:
        PEOPLE.save(work, person)
    return True


def forget_retry(delivery: DeliveryDocument) -> None:
    """It is due for another reason than its retry."""
    delivery.pop("planned", None)
    delivery.pop("probe", None)
    if delivery.get("waits") != RECALLED:
        delivery.pop("waits", None)


def not_awaited(work: UnitOfWork, delivery: DeliveryDocument) -> None:
    """Nobody has to acknowledge it any more: if it has ended, the time it is kept for begins. It is not saved."""
    if delivery.pop("unacknowledged_since", None) is not None and delivery["state"] in ENDED:
        delivery["ended"] = work.trusted


def ordered_with(entry: QueueEntry, opportunity: str | None) -> bool:
    """True when the order of an entry and of something about this opportunity (None: a recall) always matters."""
    return opportunity is None or entry["opportunity"] in (None, opportunity)


def unblocked(queue: Iterable[QueueEntry]) -> Iterator[QueueEntry]:
    """Those that wait for no earlier one."""
    openings, ordered, first = set[str](), False, True
    for entry in queue:
        opportunity = entry["opportunity"]
        if opportunity is None:
            if first:
                yield entry
            return  # nothing overtakes a recall
        if opportunity not in openings and not (ordered and entry.get("ordered")):
            yield entry
        openings.add(opportunity)
        ordered, first = ordered or entry.get("ordered", False), False


class Queues:
    """Adds to the queues of a thread and takes from them; the thread's document is changed in place and not saved.
    ``waits`` is told of each queue (`queue_of`) in which something waits for an earlier one to end."""

    def __init__(self, channels: Mapping[str, Channel], outcomes: Outcomes, waits: SomebodyWaits = nobody) -> None:
        self._channels = channels
        self._outcomes = outcomes
        self.waits = waits

    @staticmethod
    def needs(thread: ThreadDocument | None, opportunity: str | None = None) -> Iterable[Need]:
        """The open deliveries of a thread that matter for one about this opportunity; all of them without one, and
        while a recall of it may turn out to be needless."""
        all_of_them = thread is not None and any(each["if_sent"] for each in recalls_of(thread))
        for queue in thread["queues"].values() if thread else ():
            # whose turn comes once all that is about this opportunity has ended
            others = (entry for entry in queue if entry.get("ordered") and entry["opportunity"] != opportunity)
            for entry in (*(e for e in queue if all_of_them or ordered_with(e, opportunity)), *islice(others, 1)):
                yield DELIVERIES.by_id(entry["delivery"])

    @staticmethod
    def blocks(thread: ThreadDocument, delivery: DeliveryDocument) -> bool:
        """Whether another one waits for this one to end, for they are told in order."""
        queue = thread["queues"].get(delivery["subscription"], ())
        return bool(delivery.get("ordered")) and any(
            e["delivery"] != delivery["_id"] and e.get("ordered") for e in queue
        )

    @staticmethod
    def open(work: UnitOfWork, thread: ThreadDocument) -> list[DeliveryDocument]:
        """All open deliveries, those of one subscription in order."""
        return _found(work, (entry for _, queue in sorted(thread["queues"].items()) for entry in queue))

    @staticmethod
    def recalls(work: UnitOfWork, thread: ThreadDocument, subscription: str) -> list[DeliveryDocument]:
        """The open recalls of one subscription."""
        return _found(work, (e for e in thread["queues"].get(subscription, ()) if e["opportunity"] is None))

    def enqueue(self, work: UnitOfWork, thread: ThreadDocument, delivery: DeliveryDocument) -> None:
        """Add a delivery. Older ones about the same opportunity that surely have not left us are superseded.

        If what they would have changed is surely changed back by this one, there is nothing to say, and it is not
        added.
        ``delivery["after"]`` and ``["before"]`` are the contents (domain/notice_threads.py) with and without it.
        """
        subscription, opportunity = delivery["subscription"], delivery["opportunity"]
        if opportunity is not None:
            same = [e for e in thread["queues"].get(subscription, ()) if e["opportunity"] == opportunity]
            superseded = [d for d in _found(work, same) if d["state"] in _UNSENT and not d["possibly_sent"]]
            for older in superseded:
                self._end(work, thread, older, DROPPED, "superseded")
            if superseded and delivery["before"] != UNKNOWN:
                delivery["before"] = superseded[0]["before"]
                if delivery["before"] == delivery["after"]:
                    return
        self._append(work, thread, delivery)

    def requeue(self, work: UnitOfWork, thread: ThreadDocument, delivery: DeliveryDocument) -> None:
        """Make a webhook's delivery due now: one that waits for its retry, or one that had ended."""
        forget_retry(delivery)
        if delivery["state"] in ENDED:
            delivery.update({"attempts": 0, "reason": None, "listed": True})
            delivery.pop("blocks_since", None)
            delivery.pop("failed_with_us", None)
            delivery.pop("ended", None)
        self._append(work, thread, delivery)

    def _append(self, work: UnitOfWork, thread: ThreadDocument, delivery: DeliveryDocument) -> None:
        """At the end of its queue, unless it stands there already; its channel takes it in."""
        queue = thread["queues"].setdefault(delivery["subscription"], [])
        entry: QueueEntry = {"delivery": delivery["_id"], "opportunity": delivery["opportunity"]}
        if delivery.get("ordered"):
            entry["ordered"] = True
        if entry not in queue:
            queue.append(entry)
        first = entry in unblocked(queue)
        self._channels[delivery["channel"]].accept(work, delivery, first)
        DELIVERIES.save(work, delivery, final=True)
        if not first:
            self.waits(work, queue_of(thread["_id"], delivery["subscription"]))
            if delivery["about"] == "recall":
                self._mark_recalled(work, queue[: queue.index(entry)])

    @staticmethod
    def _mark_recalled(work: UnitOfWork, ahead: Sequence[QueueEntry]) -> None:
        """What a recall waits for is under way. Who lets go of it, or is gone, makes it due without a look at its
        queue, and notices may be held for a day: it is found by this mark and ended (`DeliveryTransitions.recalled`).
        """
        for each in _found(work, ahead):
            if each["about"] == "notice" and each["state"] == SENDING:
                each["waits"] = RECALLED
                DELIVERIES.save(work, each)

    def delivered(
        self, work: UnitOfWork, thread: ThreadDocument, delivery: DeliveryDocument, doubt: str | None = None
    ) -> None:
        """It has arrived. ``doubt``: what speaks against it, to be shown. A recall is obeyed only once it is
        acknowledged (`acknowledged`)."""
        self._end(work, thread, delivery, DELIVERED, doubt)

    @staticmethod
    def acknowledged(thread: ThreadDocument, delivery: DeliveryDocument) -> None:
        """The partner says that it has dealt with it: a recall need not be brought by another subscription any more."""
        recall = recall_of(thread, delivery["version"]) if delivery["about"] == "recall" else None
        if recall is not None:
            recall["taken"] = True

    def failed(self, work: UnitOfWork, thread: ThreadDocument, delivery: DeliveryDocument, reason: str) -> None:
        """It is not tried again."""
        self._end(work, thread, delivery, FAILED, reason)

    def drop(self, work: UnitOfWork, thread: ThreadDocument, delivery: DeliveryDocument, reason: str) -> None:
        """It must not be sent (any more). One that is under way is left to its dispatcher."""
        if delivery["state"] != SENDING:
            self._end(work, thread, delivery, DROPPED, reason)

    def drop_claimed(self, work: UnitOfWork, thread: ThreadDocument, delivery: DeliveryDocument, reason: str) -> None:
        """Its dispatcher found that it must not be sent (any more)."""
        self._end(work, thread, delivery, DROPPED, reason)

    def _end(
        self,
        work: UnitOfWork,
        thread: ThreadDocument,
        delivery: DeliveryDocument,
        state: Literal["delivered", "failed", "dropped"],
        reason: str | None,
    ) -> None:
        delivery.update({"state": state, "reason": reason, "owner": None})
        if self._is_awaited(thread, delivery):
            delivery.setdefault("unacknowledged_since", work.trusted)
        else:
            delivery.pop("unacknowledged_since", None)  # it may have arrived before, and is not asked for any more
            delivery["ended"] = work.trusted
        # that it was to be told, and then was not, would tell its recipient of a consent that ended
        needless = delivery["about"] == "notice" or reason == NOTHING_LEFT
        delivery["listed"] = not (state == DROPPED and needless and not known_to_have_left(delivery))
        if may_be_held(thread, delivery):
            thread["recall_required"] = True
        if state == DELIVERED:
            self._outcomes.delivered(work, delivery)
        else:
            self._outcomes.failed(work, delivery, reason or state)
        DELIVERIES.save(work, delivery)
        self._settle_recall(work, thread, delivery)
        before = thread["queues"].pop(delivery["subscription"], [])
        queue = [entry for entry in before if entry["delivery"] != delivery["_id"]]
        if not queue:
            return
        thread["queues"][delivery["subscription"]] = queue
        went_ahead, next_ones = {entry["delivery"] for entry in unblocked(before)}, list(unblocked(queue))
        if len(next_ones) < len(queue):
            self.waits(work, queue_of(thread["_id"], delivery["subscription"]))
        for entry in next_ones:
            if entry["delivery"] in went_ahead:
                continue
            waiting = DELIVERIES.get(work, entry["delivery"])
            if waiting is not None and waiting["state"] == WAITING:
                self._channels[waiting["channel"]].accept(work, waiting, first=True)
                DELIVERIES.save(work, waiting)

    @staticmethod
    def _is_awaited(thread: ThreadDocument, delivery: DeliveryDocument) -> bool:
        """Whether its acknowledgement is: of a recall that has arrived, now or before it was sent again, unless it was
        acknowledged, or a later one was that makes it needless (acknowledgements.py)."""
        if delivery["about"] != "recall" or delivery["acknowledged"] or delivery.get("settled"):
            return False
        recall = recall_of(thread, delivery["version"])
        if recall is not None and recall["taken"]:
            return False
        return delivery["state"] == DELIVERED or "unacknowledged_since" in delivery

    @staticmethod
    def needs_of_recall(delivery: DeliveryFields) -> Iterable[Need]:
        """What `is_needless` looks at."""
        return [DELIVERIES.by_id(id) for id in delivery.get("if_sent", ())]

    @staticmethod
    def is_needless(work: UnitOfWork, delivery: DeliveryFields) -> bool:
        """Whether nothing of what this recall is for has left, or may have, by now: it would tell of somebody who was
        never named. What has not ended may still be sent; then it is needed."""
        found = (DELIVERIES.get(work, id) for id in delivery.get("if_sent", ()))
        return nothing_of_it_left(delivery, {each["_id"]: each["possibly_sent"] for each in found if each is not None})

    def end_let_go(self, work: UnitOfWork, thread: ThreadDocument) -> bool:
        """End all that a recall is for, and so the recall itself, if all of that was let go of unsent and waits to be
        taken out of the recall's way: until then it might leave elsewhere. Whether one was."""
        ended = [self._end_let_go(work, thread, each) for each in recalls_of(thread)]
        return any(ended)

    def _end_let_go(self, work: UnitOfWork, thread: ThreadDocument, recall: RecallEntry) -> bool:
        ids = recall["if_sent"]
        doubtful = [each for each in self.open(work, thread) if each["_id"] in ids] if ids else []
        if not doubtful or not all(each["state"] == DUE and not each["possibly_sent"] for each in doubtful):
            return False
        self._end(work, thread, doubtful[0], DROPPED, "superseded")  # which ends the others
        return True

    def end_needless(self, work: UnitOfWork, thread: ThreadDocument, recall: DeliveryDocument) -> bool:
        """End this recall, and what it is for, if it `is_needless`; whether it is. Nobody has it under way."""
        if not self.is_needless(work, recall):
            return False
        for id in recall["if_sent"]:
            let_go = DELIVERIES.get(work, id)
            if let_go is not None and let_go["state"] == DUE:
                self._end(work, thread, let_go, DROPPED, "superseded")
        again = DELIVERIES.get(work, recall["_id"])
        if again is not None and again["state"] not in ENDED:  # an older one than the last of its thread
            self._end(work, thread, again, DROPPED, NOTHING_LEFT)
        return True

    def _settle_recall(self, work: UnitOfWork, thread: ThreadDocument, ended: DeliveryDocument) -> None:
        """What was claimed when the recall was said has ended: when nothing of it has left, there is nothing to recall,
        and whoever is not told yet is not told."""
        recall = next((each for each in recalls_of(thread) if ended["_id"] in each["if_sent"]), None)
        if recall is None:
            return
        recall["if_sent"] = [] if ended["possibly_sent"] else [d for d in recall["if_sent"] if d != ended["_id"]]
        if ended["possibly_sent"]:
            return
        if self._end_let_go(work, thread, recall) or recall["if_sent"]:
            return
        recall["taken"] = True
        for each in self.open(work, thread):
            if each["about"] == "recall" and each["version"] == recall["version"] and each["state"] in _UNSENT:
                self._end(work, thread, each, DROPPED, NOTHING_LEFT)


def _found(work: UnitOfWork, entries: Iterable[QueueEntry]) -> list[DeliveryDocument]:
    found = (DELIVERIES.get(work, entry["delivery"]) for entry in entries)
    return [delivery for delivery in found if delivery is not None]
