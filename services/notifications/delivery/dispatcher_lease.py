"""The lease of one dispatcher: the right to hold deliveries, for the whole process, renewed while it runs.

Every delivery that is being sent names its ``owner``: an instance and the epoch of its lease. What names an owner that
holds no lease is due again. So a delivery is nobody else's while it is being sent, however long that takes, and a
restarted instance takes over at once. Who has lost its lease begins anew under another epoch and forgets what it held.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from pymongo.errors import PyMongoError

from services.notifications.delivery.delivery_queries import LEASES_OF_DISPATCHERS
from services.notifications.documents import SubscriptionDocument
from services.notifications.domain.replica_shares import ReplicaShare
from services.notifications.repository import Repository
from shared.kit.base.logs import logger
from shared.kit.store.lease import Lease
from shared.kit.store.mongo import Database

UNKNOWN_CLAIM_TRIES = 30
STANDS_IN_AFTER = timedelta(
    seconds=5
)  # the longest attempt: an endpoint in an outage was not asked by whose turn it is
_log = logger("dispatcher")


def outage_of(endpoint: SubscriptionDocument) -> str:
    """An endpoint since it last failed: when a recall may be tried is another time then (delivery/transitions.py)."""
    return f"{endpoint['_id']}/{endpoint.get('recall_at') or endpoint['held_until']}"


class DispatcherLease:
    """``longest``: how long an attempt may take; none may begin that could outlast the lease."""

    def __init__(
        self, database: Database, repository: Repository, instance: str, lease: timedelta, longest: timedelta
    ) -> None:
        self._database = database
        self._repository = repository
        self._instance = instance
        self._seconds = lease.total_seconds()
        self._longest = longest.total_seconds()
        self._unreleased: deque[tuple[str, Sequence[str]]] = deque()
        self._unknown_claims: dict[tuple[str, str], int] = {}
        self._lease: Lease | None = None
        self.share = ReplicaShare(instance, (), longest + STANDS_IN_AFTER)  # as of the last renewal
        self.prefetched = 0  # claimed by all workers and not being sent
        self.unrecorded = Counter[str]()  # by owner: sent, and not yet written down

    @property
    def owner(self) -> str | None:
        """Under which name to claim and to send now; None when no attempt may begin."""
        if self._lease is None or self._lease.left <= self._longest:
            return None
        return f"{self._instance}/{self._lease.epoch}"

    @property
    def renew_seconds(self) -> float:
        """How often `renew` wants to be called: several times before it is too late."""
        return (0.8 * self._seconds - self._longest) / 4

    def asks(self, endpoint: SubscriptionDocument, waited: timedelta) -> bool:
        """Whether it is for this replica to ask an endpoint in an outage that could have been asked for so long."""
        return self.share.probes(outage_of(endpoint), waited)

    async def renew(self) -> None:
        """Take or keep the lease, and see who else holds one. Raises PyMongoError."""
        if self._lease is not None and not self._lease.held:
            _log.warning("lease_lost")
            self._lease = None
        lease = self._lease or Lease(
            self._database, f"{LEASES_OF_DISPATCHERS}{self._instance}", self._instance, self._seconds
        )
        self._lease = lease if await lease.acquire() else None
        self.share = replace(self.share, live=await self._repository.live_dispatchers())

    async def release_orphaned(self) -> int:
        """Make due again what is held without a lease. But what this process itself still sends or writes down is not
        lost, even if its lease was for a while."""
        return await self._repository.release_orphaned({owner for owner, count in self.unrecorded.items() if count})

    async def end(self) -> None:
        """Let go of it: what is still held is due again for whoever tries next. Raises PyMongoError."""
        lease, self._lease = self._lease, None
        if lease is not None:
            await lease.release()

    async def release_unsent(self, claim: str, ids: Sequence[str]) -> None:
        """Let go of what was claimed and not sent. When the database does not take it, or transactions are in the way,
        it is tried again later; when this process ends before, it is due with its lease, as what may have left."""
        self._unreleased.append((claim, ids))
        try:
            await self.release_pending()
        except PyMongoError:
            _log.info("given_back_later", count=len(ids))

    def claim_unknown(self, owner: str, claim: str) -> None:
        """It is not known whether this claim was made: if so, nobody knows of it. It is let go, also when it comes
        late."""
        self._unknown_claims[owner, claim] = UNKNOWN_CLAIM_TRIES

    async def release_pending(self) -> None:
        """Give back what could not be given back yet. Call it every second. Raises PyMongoError."""
        later: list[tuple[str, Sequence[str]]] = []  # keeps back neither the others nor the poll that asks for this
        try:
            while self._unreleased:
                claim, ids = self._unreleased.popleft()  # at once: workers do this at the same time
                left = ids
                try:
                    left = await self._repository.release_unsent(claim, ids)
                finally:
                    if left:
                        later.append((claim, left))
        finally:
            self._unreleased.extend(later)
        if later:
            _log.info("given_back_later", count=sum(len(ids) for _, ids in later))
        for (owner, claim), tries in list(self._unknown_claims.items()):
            await self._repository.release_claim(owner, claim)
            self._unknown_claims[owner, claim] = tries - 1
            if tries <= 1:
                del self._unknown_claims[owner, claim]
