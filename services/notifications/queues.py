"""The open deliveries of a thread, one queue per subscription, oldest first.

What is said of one opening arrives in order, and nothing overtakes a recall in either direction; openings do not wait
for each other. A queue's entries are [delivery, opportunity], without an opportunity for a recall, so that a notice
only has to load what is about its own opening.
The queues live in the thread's own document: whoever adds, sends, ends or drops a delivery writes the thread too, so
that two of them at once cannot both be right, and one of them starts over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from services.notifications.channels.channel import Channel
from services.notifications.documents import (
    DELIVERED,
    DELIVERIES,
    DROPPED,
    DUE,
    FAILED,
    POSTED,
    SENDING,
    WAITING,
    Document,
)
from services.notifications.outcomes import Outcomes
from shared.kit.store.unit_of_work import Need, UnitOfWork

_UNSENT = frozenset({WAITING, DUE, POSTED})


def may_be_held(thread: Document, delivery: Document) -> bool:
    """True when the partner may hold this notice and no later recall covers it."""
    recalled = thread["recall"]["version"] if thread["recall"] else 0
    return bool(delivery["about"] == "notice" and delivery["possibly_sent"] and delivery["version"] > recalled)


Entry = list[Any]


def ordered_with(entry: Entry, opportunity: str | None) -> bool:
    """True when the order of an entry and of something about this opportunity (None: a recall) matters."""
    return None in (opportunity, entry[1]) or entry[1] == opportunity


class Queues:
    """Adds to the queues of a thread and takes from them; the thread's document is changed in place and not saved."""

    def __init__(self, channels: Mapping[str, Channel], outcomes: Outcomes) -> None:
        self._channels = channels
        self._outcomes = outcomes

    @staticmethod
    def needs(thread: Document | None, opportunity: str | None = None) -> Iterable[Need]:
        """The open deliveries of a thread that matter for one about this opportunity; all of them without one."""
        for queue in thread["queues"].values() if thread else ():
            for entry in queue:
                if ordered_with(entry, opportunity):
                    yield Need.by_id(DELIVERIES, entry[0])

    @staticmethod
    def open(work: UnitOfWork, thread: Document) -> list[Document]:
        """All open deliveries, those of one subscription in order."""
        queues: dict[str, list[Entry]] = thread["queues"]
        found = (work.get(DELIVERIES, entry[0]) for name in sorted(queues) for entry in queues[name])
        return [delivery for delivery in found if delivery is not None]

    @staticmethod
    def recalls(work: UnitOfWork, thread: Document, subscription: str) -> list[Document]:
        """The open recalls of one subscription."""
        entries = thread["queues"].get(subscription, ())
        found = (work.get(DELIVERIES, entry[0]) for entry in entries if entry[1] is None)
        return [delivery for delivery in found if delivery is not None]

    def enqueue(self, work: UnitOfWork, thread: Document, delivery: Document) -> None:
        """Add a delivery. Older ones about the same opportunity that surely have not left us are superseded.

        If what they would have changed is changed back by this one, there is nothing to say, and it is not added.
        ``delivery["after"]`` and ``["before"]`` are the contents (domain/threads.py) with and without it.
        """
        subscription, opportunity = delivery["subscription"], delivery["opportunity"]
        if opportunity is not None:
            same = [entry[0] for entry in thread["queues"].get(subscription, ()) if entry[1] == opportunity]
            found = (work.get(DELIVERIES, id) for id in same)
            superseded = [
                older for older in found if older and older["state"] in _UNSENT and not older["possibly_sent"]
            ]
            for older in superseded:
                self._close(work, thread, older, DROPPED, "superseded")
            if superseded:
                delivery["before"] = superseded[0]["before"]
                if delivery["before"] == delivery["after"]:
                    return
        queue = thread["queues"].setdefault(subscription, [])
        first = not any(ordered_with(entry, opportunity) for entry in queue)
        queue.append([delivery["_id"], opportunity])
        self._channels[delivery["channel"]].accept(work, delivery, first)
        work.save(DELIVERIES, delivery)

    def drop(self, work: UnitOfWork, thread: Document, delivery: Document, reason: str) -> None:
        """End a delivery that must not be sent (any more). One that is under way is left to its dispatcher."""
        if delivery["state"] != SENDING:
            self._close(work, thread, delivery, DROPPED, reason)

    def delivered(self, work: UnitOfWork, thread: Document, delivery: Document) -> None:
        """It has arrived."""
        recall = thread["recall"]
        if delivery["about"] == "recall" and recall and recall["version"] == delivery["version"]:
            recall["taken"] = True
        self._close(work, thread, delivery, DELIVERED, None)

    def failed(self, work: UnitOfWork, thread: Document, delivery: Document, reason: str) -> None:
        """It is not tried again."""
        self._close(work, thread, delivery, FAILED, reason)

    def abandoned(self, work: UnitOfWork, thread: Document, delivery: Document, reason: str) -> None:
        """A dispatcher found that what it holds must not be sent."""
        self._close(work, thread, delivery, DROPPED, reason)

    def requeue(self, work: UnitOfWork, thread: Document, delivery: Document) -> None:
        """Make a webhook's delivery due now: one that waits for its retry, or one that had been given up."""
        queue = thread["queues"].setdefault(delivery["subscription"], [])
        entry = [delivery["_id"], delivery["opportunity"]]
        if entry not in queue:
            queue.append(entry)
            delivery.update(attempts=0, reason=None)
            delivery.pop("ended", None)
        first = not any(ordered_with(older, delivery["opportunity"]) for older in queue[: queue.index(entry)])
        self._channels[delivery["channel"]].accept(work, delivery, first)
        work.save(DELIVERIES, delivery)

    def _close(self, work: UnitOfWork, thread: Document, delivery: Document, state: str, reason: str | None) -> None:
        delivery.update(state=state, reason=reason, owner=None, ended=work.now)
        # that it was to be told, and then was not, would tell its recipient of a consent that ended
        delivery["listed"] = not (state == DROPPED and delivery["about"] == "notice" and not delivery["possibly_sent"])
        if may_be_held(thread, delivery):
            thread["recall_required"] = True
        if reason is None:
            self._outcomes.delivered(work, delivery)
        else:
            self._outcomes.failed(work, delivery, reason)
        work.save(DELIVERIES, delivery)
        subscription = delivery["subscription"]
        queue = [entry for entry in thread["queues"].get(subscription, ()) if entry[0] != delivery["_id"]]
        if not queue:
            thread["queues"].pop(subscription, None)
            return
        thread["queues"][subscription] = queue
        for place, entry in enumerate(queue):
            if not ordered_with(entry, delivery["opportunity"]) or any(
                ordered_with(older, entry[1]) for older in queue[:place]
            ):
                continue
            waiting = work.get(DELIVERIES, entry[0])
            if waiting is not None and waiting["state"] == WAITING:
                self._channels[waiting["channel"]].accept(work, waiting, first=True)
                work.save(DELIVERIES, waiting)
