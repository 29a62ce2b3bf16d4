"""What keeps a matcher from writing once it is not the active one any more, also when it does not know it.

A process, or the whole machine, may stand still for longer than the lease and then go on in the middle of anything,
with clocks that stood still too. So every transaction of the matcher (its own, the stream's, a replay's) asks the
lease's document in the same snapshot in which it reads; and a successor, before it loads, ends the transaction that
its predecessor may have left open (`Lease.take_over_session`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from shared.kit.store.lease import Lease, LeaseLost
from shared.kit.store.mongo import Database, DriverSession
from shared.kit.store.store import Operation, Store, Unavailable
from shared.kit.store.transaction_io import Condition, InTransaction

T = TypeVar("T")


class NotActive(Unavailable):
    """This matcher does not hold the lease (any more): nothing of this transaction may stay. Another replica does."""


class FencedStore:
    """As much of a `Store` as the matcher and its stream use, writing only under the lease."""

    def __init__(self, store: Store, lease: Lease) -> None:
        self._store = store
        self._lease = lease

    @property
    def database(self) -> Database:
        """The store's."""
        return self._store.database

    @property
    def session_id(self) -> dict[str, Any]:
        """The store's: what a successor ends."""
        return self._store.session_id

    async def perform(
        self, tasks: Sequence[Operation[T]], *, in_transaction: InTransaction | None = None
    ) -> list[T | Exception]:
        """As the store does it. Raises NotActive, and nothing is kept, when the lease is not ours."""

        def checked(session: DriverSession) -> Condition | None:
            self._lease.assert_held(session)
            return in_transaction(session) if in_transaction is not None else None

        try:
            return await self._store.perform(tasks, in_transaction=checked)
        except LeaseLost:
            raise NotActive("lease") from None
