"""A fair queue for each endpoint: recalls go before everything, and what is new and what was left waiting take turns,
so that neither a partner's backlog nor its new notices keep the other waiting.

Left waiting: it was tried before, or became due while its endpoint was held (`held_until` of the subscription).

Order is not touched by it: of those that must come one after another only the first is ever due (delivery_queues.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from services.notifications.documents import About, ClaimedDelivery, DeliveryDocument, QueueClass

QUEUE_CLASSES: tuple[QueueClass, ...] = ("recall", "new", "left")
ABOUT: tuple[About, ...] = ("recall", "notice")  # in the order in which they are claimed
QUEUE_CLASSES_OF: Mapping[About, Sequence[QueueClass]] = {"recall": ("recall",), "notice": ("new", "left")}
_OTHER: Mapping[QueueClass, QueueClass] = {"new": "left", "left": "new"}


def queue_class_of(delivery: DeliveryDocument | ClaimedDelivery, held_until: datetime | None = None) -> QueueClass:
    """With which others it waits, by ``held_until`` of its endpoint."""
    if delivery["about"] == "recall":
        return "recall"
    held = held_until is not None and "due" in delivery and delivery["due"] <= held_until
    return "left" if delivery["attempts"] > 0 or held else "new"


class FairQueue:
    """What is held for one endpoint, by whose turn it is (held_deliveries.py)."""

    def __init__(self) -> None:
        self._waiting: dict[QueueClass, deque[ClaimedDelivery]] = {
            queue_class: deque() for queue_class in QUEUE_CLASSES
        }
        self._next: QueueClass = "new"  # of the notices
        self.held_until: datetime | None = None  # of the endpoint, when it was last looked at

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def __iter__(self) -> Iterator[ClaimedDelivery]:
        for waiting in self._waiting.values():
            yield from waiting

    def count(self, *classes: QueueClass) -> int:
        """How many of these it holds."""
        return sum(len(self._waiting[queue_class]) for queue_class in classes)

    @property
    def notices(self) -> Sequence[QueueClass]:
        """The two kinds of notices, the one whose turn it is first."""
        return self._next, _OTHER[self._next]

    def add(self, claimed: Sequence[ClaimedDelivery]) -> None:
        """Behind those that they wait with."""
        for each in claimed:
            self._waiting[queue_class_of(each, self.held_until)].append(each)

    def first(self) -> ClaimedDelivery:
        """The one that goes next."""
        return self._waiting[self._next_class()][0]

    def take(self) -> ClaimedDelivery:
        """Take it out."""
        queue_class = self._next_class()
        if queue_class != "recall":
            self._next = _OTHER[queue_class]
        return self._waiting[queue_class].popleft()

    def put_back(self, taken: Sequence[ClaimedDelivery]) -> None:
        """What was taken in this order and not sent: it goes next again."""
        for each in reversed(taken):
            self._waiting[queue_class := queue_class_of(each, self.held_until)].appendleft(each)
            if queue_class != "recall":
                self._next = queue_class

    def clear(self, classes: Sequence[QueueClass] = QUEUE_CLASSES) -> list[ClaimedDelivery]:
        """Take out all of these."""
        held = [each for queue_class in classes for each in self._waiting[queue_class]]
        for queue_class in classes:
            self._waiting[queue_class].clear()
        return held

    def _next_class(self) -> QueueClass:
        return next(queue_class for queue_class in ("recall", *self.notices) if self._waiting[queue_class])
