"""The feed: the partner calls us. For those who can only call out, which is most of them.

Every recipient's entries have positions 1, 2, 3, ... given in the same transaction as the entry and through one
counter, so that they are in the order of commits and a reader who has seen 7 has seen all before it. What is no longer
allowed is passed over when the feed is read; its recall comes later in the same feed. A page is sorted by the
recipient's own aliases, which are random, so that the order of a page joins nothing; the sets of openings may
(SECURITY.md, what does not hold yet).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime

from services.notifications.channel import Channel, Configuration
from services.notifications.documents import (
    FEED,
    POSTED,
    RECIPIENTS,
    DeliveryDocument,
)
from services.notifications.domain.feed_days import begun
from services.notifications.mappers import day_entries, days_of
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.web.problems import Problem


class Feed(Channel):
    """The channel `feed`, as far as fan-out goes: gives an entry its position, and wakes those who wait for it."""

    name = FEED

    def __init__(self, today: Callable[[datetime], date]) -> None:
        self._today = today
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    async def configure(self, subscription: str, agency: str, url: str | None) -> Configuration:
        """Nothing: the partner comes to us."""
        if url is not None:
            raise Problem(
                422,
                "url-not-expected",
                "A feed has no URL",
                field="/url",
                rule="unexpected",
                name="feed-has-no-url",
            )
        return Configuration()

    def needs(self, recipient: str) -> Iterable[Need]:
        """The counter of the recipient."""
        return [RECIPIENTS.by_id(recipient)]

    def accept(self, work: UnitOfWork, delivery: DeliveryDocument, first: bool) -> None:
        """Into the feed, whatever stands before it: the partner reads in order."""
        counter = RECIPIENTS.get(work, delivery["recipient"]) or {"_id": delivery["recipient"], "position": 0}
        days = days_of(counter)
        begun_now = begun(days, self._today(work.now), counter["position"] + 1)
        if begun_now is not days:
            counter["days"] = day_entries(begun_now)
        counter["position"] += 1
        RECIPIENTS.save(work, counter)
        delivery.update({"state": POSTED, "position": counter["position"]})
        delivery.setdefault("since", work.now)
        work.after_commit(lambda: self._wake(delivery["recipient"]))

    def _wake(self, recipient: str) -> None:
        for waiting in self._waiting.get(recipient, ()):
            waiting.set()

    @contextmanager
    def waiting(self, recipient: str) -> Iterator[asyncio.Event]:
        """What is set as soon as something may be new for this recipient, by this replica."""
        event = asyncio.Event()
        self._waiting[recipient].add(event)
        try:
            yield event
        finally:
            self._waiting[recipient].discard(event)
            if not self._waiting[recipient]:
                del self._waiting[recipient]
