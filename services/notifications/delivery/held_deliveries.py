"""What is held for one endpoint: claimed under the lease of this process, and not sent yet. All of it counts into what
its workers hold together; what is not sent after all is let go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.notifications.delivery.dispatcher_lease import DispatcherLease
from services.notifications.delivery.fair_queue import QUEUE_CLASSES, FairQueue
from services.notifications.delivery.pre_send_check import FoundAllowed
from services.notifications.documents import ClaimedDelivery, QueueClass

PREFETCH_LIMIT = 4_000  # claimed by all workers together beyond what they can send at once
HELD_LIMIT = 8  # times its slots: what one worker holds of what was born claimed


class HeldDeliveries(FairQueue):
    """They leave in turns (turns.py)."""

    def __init__(self, lease: DispatcherLease) -> None:
        super().__init__()
        self._lease = lease
        self._allowed: dict[str, FoundAllowed] = {}

    @property
    def of_another_lease(self) -> bool:
        """Whether some were claimed under a lease that is not ours any more, or is again under another epoch."""
        return not all(self._lease.is_ours(each["owner"]) for each in self)

    def give(self, born: ClaimedDelivery, allowed: FoundAllowed | None) -> None:
        """One that was claimed at birth, by a transaction that found it allowed, if it knew."""
        if allowed is not None:
            self._allowed[born["_id"]] = allowed
        self.add([born])

    def add(self, claimed: Sequence[ClaimedDelivery]) -> None:
        """Behind those that they wait with."""
        super().add(claimed)
        self._lease.prefetched += len(claimed)

    def take(self) -> ClaimedDelivery:
        """Take out the one that goes next: it is being sent."""
        taken = super().take()
        self._lease.prefetched -= 1
        return taken

    def put_back(self, taken: Sequence[ClaimedDelivery]) -> None:
        """What was taken in this order and not sent: it goes next again."""
        super().put_back(taken)
        self._lease.prefetched += len(taken)

    def clear(self, classes: Sequence[QueueClass] = QUEUE_CLASSES) -> list[ClaimedDelivery]:
        """Take out all of these, and forget what they were found."""
        held = super().clear(classes)
        for each in held:
            self._allowed.pop(each["_id"], None)
        self._lease.prefetched -= len(held)
        return held

    def found_allowed(self, batch: Sequence[ClaimedDelivery]) -> Mapping[str, FoundAllowed | None]:
        """What was found of these, which are about to be sent; once: what is put back is read in full then."""
        return {each["_id"]: self._allowed.pop(each["_id"], None) for each in batch}

    async def release(self, classes: Sequence[QueueClass] = QUEUE_CLASSES) -> None:
        """Let go of all of these."""
        claims: dict[str, list[str]] = {}
        for delivery in self.clear(classes):
            claims.setdefault(delivery["claim"], []).append(delivery["_id"])
        if claims:
            await self._lease.release_unsent(claims)
