"""Whose turn it is: recalls go before everything, and what is new and what was left waiting take turns, so that neither
a partner's backlog nor its new notices keep the other waiting.

Left waiting: it was tried before, or became due while its endpoint was held (`held_until` of the subscription).

Order is not touched by it: of those that must come one after another only the first is ever due (delivery_queues.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from services.notifications.documents import About, ClaimedDelivery, DeliveryDocument, Turn

TURNS: tuple[Turn, ...] = ("recall", "new", "left")
ABOUT: tuple[About, ...] = ("recall", "notice")  # in the order in which they are claimed
TURNS_OF: Mapping[About, Sequence[Turn]] = {"recall": ("recall",), "notice": ("new", "left")}
_OTHER: Mapping[Turn, Turn] = {"new": "left", "left": "new"}


def turn_of(delivery: DeliveryDocument | ClaimedDelivery, held_until: datetime | None = None) -> Turn:
    """With which others it waits, by ``held_until`` of its endpoint."""
    if delivery["about"] == "recall":
        return "recall"
    held = held_until is not None and "due" in delivery and delivery["due"] <= held_until
    return "left" if delivery["attempts"] > 0 or held else "new"


class HeldInTurns:
    """What is held for one endpoint, by whose turn it is (held_deliveries.py)."""

    def __init__(self) -> None:
        self._waiting: dict[Turn, deque[ClaimedDelivery]] = {turn: deque() for turn in TURNS}
        self._next: Turn = "new"  # of the notices
        self.held_until: datetime | None = None  # of the endpoint, when it was last looked at

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def __iter__(self) -> Iterator[ClaimedDelivery]:
        for waiting in self._waiting.values():
            yield from waiting

    def count(self, *turns: Turn) -> int:
        """How many of these it holds."""
        return sum(len(self._waiting[turn]) for turn in turns)

    @property
    def notices(self) -> Sequence[Turn]:
        """The two kinds of notices, the one whose turn it is first."""
        return self._next, _OTHER[self._next]

    def add(self, claimed: Sequence[ClaimedDelivery]) -> None:
        """Behind those that they wait with."""
        for each in claimed:
            self._waiting[turn_of(each, self.held_until)].append(each)

    def first(self) -> ClaimedDelivery:
        """The one that goes next."""
        return self._waiting[self._turn()][0]

    def take(self) -> ClaimedDelivery:
        """Take it out."""
        turn = self._turn()
        if turn != "recall":
            self._next = _OTHER[turn]
        return self._waiting[turn].popleft()

    def put_back(self, taken: Sequence[ClaimedDelivery]) -> None:
        """What was taken in this order and not sent: it goes next again."""
        for each in reversed(taken):
            self._waiting[turn := turn_of(each, self.held_until)].appendleft(each)
            if turn != "recall":
                self._next = turn

    def clear(self, turns: Sequence[Turn] = TURNS) -> list[ClaimedDelivery]:
        """Take out all of these."""
        held = [each for turn in turns for each in self._waiting[turn]]
        for turn in turns:
            self._waiting[turn].clear()
        return held

    def _turn(self) -> Turn:
        return next(turn for turn in ("recall", *self.notices) if self._waiting[turn])
