"""The open deliveries of a thread, one queue per subscription, oldest first.

What is said of one opening arrives in order, and nothing overtakes a recall in either direction; openings do not wait
for each other.
The queues live in the thread's own document: whoever adds, sends, ends or drops a delivery writes the thread too, so
that two of them at once cannot both be right, and one of them starts over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import takewhile

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
from shared.kit.work import Need, Work

_UNSENT = frozenset({WAITING, DUE, POSTED})


def may_be_held(thread: Document, delivery: Document) -> bool:
    """True when the partner may hold this notice and no later recall covers it."""
    recalled = thread["recall"]["version"] if thread["recall"] else 0
    return bool(delivery["about"] == "notice" and delivery["left"] and delivery["version"] > recalled)


def must_wait(delivery: Document, older: Iterable[Document]) -> bool:
    """True when one of the ``older`` open deliveries of its queue must end before this one may be sent."""
    return any(
        "recall" in (delivery["about"], each["about"]) or each["opportunity"] == delivery["opportunity"]
        for each in older
    )


class Queues:
    """Adds to the queues of a thread and takes from them; the thread's document is changed in place and not saved."""

    def __init__(self, channels: Mapping[str, Channel], outcomes: Outcomes) -> None:
        self._channels = channels
        self._outcomes = outcomes

    @staticmethod
    def needs(thread: Document | None) -> Iterable[Need]:
        """All open deliveries of a thread."""
        for ids in thread["queues"].values() if thread else ():
            for delivery in ids:
                yield Need.by_id(DELIVERIES, delivery)

    @staticmethod
    def open(work: Work, thread: Document, subscription: str | None = None) -> list[Document]:
        """The open deliveries of one subscription, or of all, in order."""
        queues: dict[str, list[str]] = thread["queues"]
        names = sorted(queues) if subscription is None else [subscription]
        found = (work.get(DELIVERIES, delivery) for name in names for delivery in queues.get(name, ()))
        return [delivery for delivery in found if delivery is not None]

    def push(self, work: Work, thread: Document, delivery: Document) -> None:
        """Add a delivery. Older ones about the same opportunity that surely have not left us are superseded.

        If what they would have changed is changed back by this one, there is nothing to say, and it is not added.
        ``delivery["after"]`` and ``["before"]`` are the contents (domain/threads.py) with and without it.
        """
        subscription = delivery["subscription"]
        superseded = [
            older
            for older in self.open(work, thread, subscription)
            if older["opportunity"] == delivery["opportunity"] and older["state"] in _UNSENT and not older["left"]
        ]
        if superseded and delivery["about"] == "notice":
            for older in superseded:
                self._end(work, thread, older, DROPPED, "superseded")
            delivery["before"] = superseded[0]["before"]
            if delivery["before"] == delivery["after"]:
                return
        first = not must_wait(delivery, self.open(work, thread, subscription))
        thread["queues"].setdefault(subscription, []).append(delivery["_id"])
        self._channels[delivery["channel"]].place(work, delivery, first)
        work.save(DELIVERIES, delivery)

    def drop(self, work: Work, thread: Document, delivery: Document, reason: str) -> None:
        """End a delivery that must not be sent (any more). One that is under way is left to its dispatcher."""
        if delivery["state"] != SENDING:
            self._end(work, thread, delivery, DROPPED, reason)

    def delivered(self, work: Work, thread: Document, delivery: Document) -> None:
        """It has arrived."""
        recall = thread["recall"]
        if delivery["about"] == "recall" and recall and recall["version"] == delivery["version"]:
            recall["taken"] = True
        self._end(work, thread, delivery, DELIVERED, None)

    def failed(self, work: Work, thread: Document, delivery: Document, reason: str) -> None:
        """It is not tried again."""
        self._end(work, thread, delivery, FAILED, reason)

    def abandoned(self, work: Work, thread: Document, delivery: Document, reason: str) -> None:
        """A dispatcher found that what it holds must not be sent."""
        self._end(work, thread, delivery, DROPPED, reason)

    def again(self, work: Work, thread: Document, delivery: Document) -> None:
        """Make a webhook's delivery due now: one that waits for its retry, or one that had been given up."""
        queue = thread["queues"].setdefault(delivery["subscription"], [])
        if delivery["_id"] not in queue:
            queue.append(delivery["_id"])
            delivery.update(attempts=0, reason=None)
            delivery.pop("ended", None)
        older = takewhile(
            lambda each: each["_id"] != delivery["_id"], self.open(work, thread, delivery["subscription"])
        )
        self._channels[delivery["channel"]].place(work, delivery, first=not must_wait(delivery, older))
        work.save(DELIVERIES, delivery)

    def _end(self, work: Work, thread: Document, delivery: Document, state: str, reason: str | None) -> None:
        delivery.update(state=state, reason=reason, owner=None, lease=None, ended=work.now)
        if may_be_held(thread, delivery):
            thread["told"] = True
        if reason is None:
            self._outcomes.delivered(work, delivery)
        else:
            self._outcomes.failed(work, delivery, reason)
        work.save(DELIVERIES, delivery)
        subscription = delivery["subscription"]
        queue = thread["queues"].get(subscription, [])
        if delivery["_id"] in queue:
            queue.remove(delivery["_id"])
        if not queue:
            thread["queues"].pop(subscription, None)
            return
        waiting = self.open(work, thread, subscription)
        for place, each in enumerate(waiting):
            if each["state"] == WAITING and not must_wait(each, waiting[:place]):
                self._channels[each["channel"]].place(work, each, first=True)
                work.save(DELIVERIES, each)
