"""The lease of one dispatcher: the right to hold deliveries, for the whole process, renewed while it runs.

Every delivery that is being sent names its ``owner``: an instance and the epoch of its lease. What names an owner that
holds no lease is due again. So a delivery is nobody else's while it is being sent, however long that takes, and a
restarted instance takes over at once. Who has lost its lease begins anew under another epoch and forgets what it held.

Channels whose attempts take longer than usual (mail) have a second lease that lasts as much longer. Both are renewed
together; each ends for itself, so what a killed replica held waits no longer than its own channel needs.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import pymongo
from pymongo.errors import PyMongoError

from services.notifications.documents import SubscriptionDocument
from services.notifications.domain.replica_shares import ReplicaShare
from services.notifications.queries.delivery_queries import LEASES_OF_DISPATCHERS, ROUNDS_AT_ONCE, SLOW
from services.notifications.repository import Repository
from shared.kit.base.logs import logger
from shared.kit.store.lease import Lease
from shared.kit.store.mongo import Database

T = TypeVar("T")
UNKNOWN_CLAIM_TRIES = 30
LET_GO_SECONDS = 2.0  # for all that a worker lets go of: after that it is given back later
GIVE_BACK_SECONDS = 0.25  # for all that is given back later, and the same for all claims in doubt
ONE_SECONDS = 0.1  # for one of them: what a long transaction is in the way of keeps the others back no longer
STANDS_IN_AFTER = timedelta(
    seconds=5
)  # the longest attempt: an endpoint in an outage was not asked by whose turn it is
_log = logger("dispatcher")


def outage_of(endpoint: SubscriptionDocument) -> str:
    """An endpoint since it last failed: when a recall may be tried is another time then (delivery/transitions.py)."""
    return f"{endpoint['_id']}/{endpoint.get('recall_at') or endpoint['held_until']}"


@dataclass(frozen=True, slots=True)
class LeaseTerm:
    """How long a lease ``lasts`` after its last renewal, and the ``longest`` attempt that is made under it: none may
    begin that could outlast it."""

    lasts: timedelta
    longest: timedelta


class _NamedLease:
    """One of the leases of a dispatcher."""

    def __init__(self, database: Database, name: str, term: LeaseTerm) -> None:
        self._database = database
        self._name = name
        self._seconds = term.lasts.total_seconds()
        self._longest = term.longest.total_seconds()
        self._lease: Lease | None = None

    @property
    def owner(self) -> str | None:
        if self._lease is None or self._lease.left <= self._longest:
            return None
        return f"{self._name}/{self._lease.epoch}"

    @property
    def renew_seconds(self) -> float:
        return (0.8 * self._seconds - self._longest) / 4

    async def renew(self) -> None:
        if self._lease is not None and not self._lease.held:
            _log.warning("lease_lost")
            self._lease = None
        lease = self._lease or Lease(self._database, f"{LEASES_OF_DISPATCHERS}{self._name}", self._name, self._seconds)
        self._lease = lease if await lease.acquire() else None

    async def end(self) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            await lease.release()


class DispatcherLease:
    """``usual``: the lease of every channel but the ``slow_channels``, which have the lease ``slow``."""

    def __init__(
        self,
        database: Database,
        repository: Repository,
        instance: str,
        usual: LeaseTerm,
        slow: LeaseTerm | None = None,
        slow_channels: Collection[str] = (),
    ) -> None:
        self._repository = repository
        self._usual = _NamedLease(database, instance, usual)
        self._slow = self._usual if slow is None else _NamedLease(database, f"{instance}{SLOW}", slow)
        self._leases = (self._usual,) if slow is None else (self._usual, self._slow)
        self._slow_channels = frozenset(slow_channels)
        self._unreleased: deque[tuple[str, Sequence[str]]] = deque()
        self._unknown_claims: dict[tuple[str, str], int] = {}
        # as of the last renewal; whoever has not asked an endpoint for longer than usual is stood in for
        self.share = ReplicaShare(instance, (), usual.longest + STANDS_IN_AFTER)
        self.prefetched = 0  # claimed by all workers and not being sent
        self.unrecorded = Counter[str]()  # by owner: sent, and not yet written down

    def owner_for(self, channel: str) -> str | None:
        """Under which name to claim now what goes by this channel; None when no attempt may begin there."""
        return self._lease_of(channel).owner

    def _lease_of(self, channel: str) -> _NamedLease:
        return self._slow if channel in self._slow_channels else self._usual

    def is_ours(self, owner: str) -> bool:
        """Whether an attempt at what was claimed under this name may begin now."""
        return any(each.owner == owner for each in self._leases)

    @property
    def renew_seconds(self) -> float:
        """How often `renew` wants to be called: several times before it is too late."""
        return min(each.renew_seconds for each in self._leases)

    def asks(self, endpoint: SubscriptionDocument, waited: timedelta) -> bool:
        """Whether it is for this replica to ask an endpoint in an outage that could have been asked for so long."""
        return self.share.probes(outage_of(endpoint), waited)

    async def renew(self) -> None:
        """Take or keep the leases, and see who else holds one. Raises PyMongoError."""
        for each in self._leases:
            await each.renew()
        self.share = replace(self.share, live=await self._repository.live_dispatchers())

    async def release_orphaned(self) -> int:
        """Make due again what is held without a lease. But what this process itself still sends or writes down is not
        lost, even if its lease was for a while."""
        return await self._repository.release_orphaned({owner for owner, count in self.unrecorded.items() if count})

    async def end(self) -> None:
        """Let go of them, of each whatever becomes of the other: what is still held is due again for whoever tries
        next. Raises PyMongoError."""
        for error in await asyncio.gather(*(each.end() for each in self._leases), return_exceptions=True):
            if error is not None:
                raise error

    async def release_unsent(self, claims: Mapping[str, Sequence[str]]) -> None:
        """Let go of what was claimed and not sent, by claim. When the database does not take it, or transactions are in
        the way, it is tried again later; when this process ends before, it is due with its lease, as what may have
        left."""
        left: Sequence[str] = [id for ids in claims.values() for id in ids]
        try:
            left = await _within(LET_GO_SECONDS, self._repository.release_unsent(claims))
        except (PyMongoError, TimeoutError):
            pass
        finally:  # also when whoever let go of it is cancelled
            if left:
                still = set(left)
                each = ((claim, [id for id in ids if id in still]) for claim, ids in claims.items())
                self._unreleased.extend((claim, ids) for claim, ids in each if ids)
                _log.info("given_back_later", count=len(left))

    def claim_unknown(self, owner: str, claim: str) -> None:
        """It is not known whether this claim was made: if so, nobody knows of it. It is let go, also when it comes
        late."""
        self._unknown_claims[owner, claim] = UNKNOWN_CLAIM_TRIES

    async def release_pending(self) -> None:
        """Give back what could not be given back yet, for `GIVE_BACK_SECONDS`, however much it is: the poll that calls
        this every second finds what is due. What had no turn is first at the next call. Raises PyMongoError."""
        clock = asyncio.get_running_loop().time
        end = clock() + GIVE_BACK_SECONDS
        later: list[tuple[str, Sequence[str]]] = []  # keeps back neither the others nor whoever calls
        try:
            while self._unreleased and (seconds := min(ONE_SECONDS, end - clock())) > 0:
                claim, ids = self._unreleased.popleft()
                left = ids
                try:
                    left = await _within(seconds, self._repository.release_unsent({claim: ids}, ROUNDS_AT_ONCE))
                except TimeoutError:
                    pass
                finally:
                    if left:
                        later.append((claim, left))
        finally:
            self._unreleased.extend(later)
        if later:
            _log.info("given_back_later", count=sum(len(ids) for _, ids in later))
        await self._release_unknown(clock() + GIVE_BACK_SECONDS)

    async def _release_unknown(self, end: float) -> None:
        """Claims in doubt, each in its turn."""
        clock = asyncio.get_running_loop().time
        for owner, claim in list(self._unknown_claims):
            if (seconds := min(ONE_SECONDS, end - clock())) <= 0:
                return
            tries = self._unknown_claims.pop((owner, claim))
            try:
                await _within(seconds, self._repository.release_claim(owner, claim))
                tries -= 1
            except TimeoutError:
                pass
            finally:
                if tries:  # behind the others
                    self._unknown_claims[owner, claim] = tries


async def _within(seconds: float, call: Awaitable[T]) -> T:
    """Raises TimeoutError when it takes longer. The database is told, too: what has to wait for a transaction would
    wait there as long as that one lasts, and hold one of the driver's few threads."""
    async with asyncio.timeout(seconds):
        with pymongo.timeout(seconds):
            try:
                return await call
            except PyMongoError as error:
                if error.timeout:
                    raise TimeoutError from None
                raise
