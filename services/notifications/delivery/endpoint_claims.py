"""Claims what is due to one endpoint: recalls before anything else, then up to half of each kind of notices, no more
than leaves soon. What was looked for in vain is looked for again when somebody says that there may be some."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from pymongo.errors import PyMongoError

from services.notifications.delivery.dependencies import Dependencies
from services.notifications.delivery.fair_queue import QUEUE_CLASSES
from services.notifications.delivery.held_deliveries import PREFETCH_LIMIT, HeldDeliveries
from services.notifications.delivery.pre_send_check import is_open
from services.notifications.documents import ClaimedDelivery, QueueClass, SubscriptionDocument
from services.notifications.domain.adaptive_concurrency import ConcurrencyLimit
from services.notifications.domain.rate_limiter import ahead
from shared.kit.base.ids import random_bytes


class EndpointClaims:
    """``look``: there may be something due in the database already. ``held`` takes what is claimed, ``limit`` says how
    many attempts the endpoint gets at once."""

    def __init__(
        self, subscription: str, deps: Dependencies, held: HeldDeliveries, limit: ConcurrencyLimit, *, look: bool
    ) -> None:
        self._subscription = subscription
        self._deps = deps
        self._held = held
        self._limit = limit
        self._due = dict.fromkeys(QUEUE_CLASSES, look)  # whether there may be any in the database
        self.rate: float | None = None  # our share of what the endpoint wants, when it was last looked at

    def look_for(self, classes: Iterable[QueueClass] = QUEUE_CLASSES) -> None:
        """There may be some of these."""
        for each in classes:
            self._due[each] = True

    def look_for_nothing(self, classes: Iterable[QueueClass] = QUEUE_CLASSES) -> None:
        """Of these, until something is said of them again."""
        for each in classes:
            self._due[each] = False

    def looks_for(self, queue_class: QueueClass) -> bool:
        """Whether there may be some of these."""
        return self._due[queue_class]

    @property
    def looks(self) -> bool:
        """Whether there may be anything."""
        return any(self._due.values())

    @property
    def worth_a_look(self) -> bool:
        """Whether more could be sent now than what is held, or something that goes before it."""
        if self._due["recall"] or not self._held:
            return True
        return bool(self._lacking and self._limit.available("notice"))

    @property
    def holds_too_much(self) -> bool:
        """It would lie here for long, where no other replica can send it and nothing newer takes its place."""
        if self.rate is not None and self._held.count("new", "left") > 2 * ahead(self.rate):
            return True
        return len(self._held) > self._deps.slots and not self._limit.at_maximum

    async def claim(self, endpoint: SubscriptionDocument, now: datetime) -> None:
        """Take what is due, recalls first, and nothing else while it is held for notices; ``endpoint`` as it is now."""
        lease = self._deps.lease
        self._held.held_until = endpoint["held_until"]
        rate = self.rate = lease.share.rate(endpoint.get("per_second"))
        if self._due["recall"]:
            await self._claim_some(endpoint, "recall", now, _at_most(self._limit.available("recall"), rate))
        if not self._held.count("recall") and is_open(endpoint, now):
            room = max(0, PREFETCH_LIMIT - lease.prefetched) if self._limit.at_maximum else 0
            at_once = self._limit.available("notice")
            limit = _at_most(at_once + min(room, 3 * self._deps.slots), rate) if at_once else 0
            await self._claim_notices(endpoint, now, limit)

    @property
    def _lacking(self) -> Sequence[QueueClass]:
        """Of which kinds of notices nothing is held and some may be due, the one whose turn it is first."""
        return [
            queue_class
            for queue_class in self._held.notices
            if self._due[queue_class] and not self._held.count(queue_class)
        ]

    async def _claim_notices(self, endpoint: SubscriptionDocument, now: datetime, limit: int) -> None:
        """Take up to ``limit``, half of each kind if there are both; of one that comes to those of the other which are
        held already up to half in any case."""
        lacking = self._lacking
        if len(lacking) > 1:
            await self._claim_some(endpoint, lacking[0], now, -(-limit // 2))
        for queue_class in reversed(lacking):  # of the other one, and once more of the first if there were not so many
            left = limit - self._held.count("new", "left")
            await self._claim_some(endpoint, queue_class, now, left if len(lacking) > 1 else max(left, limit // 2))

    async def _claim_some(
        self, endpoint: SubscriptionDocument, queue_class: QueueClass, now: datetime, limit: int
    ) -> None:
        lease = self._deps.lease
        owner = lease.owner_for(endpoint["channel"])
        claim = random_bytes(8).hex()  # one whose answer was lost is never mistaken for this
        if owner is None or limit < 1 or not self._due[queue_class]:
            return
        self._due[queue_class] = False
        claimed: list[ClaimedDelivery] = []
        try:
            claimed = await self._deps.repository.claim(
                self._subscription, queue_class, owner, claim, now, limit, self._held.held_until
            )
        except PyMongoError:
            lease.claim_unknown(owner, claim)
            raise
        self._due[queue_class] = self._due[queue_class] or len(claimed) == limit
        self._held.add(claimed)


def _at_most(limit: int, rate: float | None) -> int:
    return limit if rate is None else min(limit, ahead(rate))
