"""Ask for a recovery, look how far it is, stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from services.notifications.documents import (
    FEED,
    RECOVERIES,
    RUNNING,
    SUBSCRIPTIONS,
    RecoveryDocument,
    RecoveryKind,
)
from services.notifications.recovery.recovery_job import takes_more
from services.notifications.recovery.resend import a_feed
from services.notifications.repository import Repository
from shared.kit.base.ids import random_id
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.web.problems import Problem, not_found

FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)


class Recoveries:
    """One at a time for each subscription. ``asked`` is called when a new one is committed."""

    def __init__(self, store: Store, repository: Repository, asked: Callable[[], None]) -> None:
        self._store = store
        self._repository = repository
        self._asked = asked

    async def start(
        self, agency: str, subscription: str, what: RecoveryKind, since: datetime | None
    ) -> RecoveryDocument:
        """The one that runs if it is the same, else a new one. Raises 404 or 409."""
        since = None if since is None else as_kept(since)

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield SUBSCRIPTIONS.by_id(subscription)
            yield RECOVERIES.by_id(subscription)

        def do(work: UnitOfWork) -> RecoveryDocument:
            endpoint = SUBSCRIPTIONS.get(work, subscription)
            if endpoint is None or endpoint["agency"] != agency:
                raise not_found()
            if endpoint["channel"] == FEED:
                raise a_feed()
            before = RECOVERIES.get(work, subscription)
            if before is not None and before["state"] == RUNNING:
                if (before["what"], before["since"]) == (what, since):
                    return before
                raise _running()
            asked = recovery_document(subscription, agency, what, since, work.trusted)
            RECOVERIES.save(work, asked)
            work.after_commit(self._asked)
            return asked

        return await self._store.submit(Operation(needs, do))

    async def shown(self, agency: str, subscription: str, now: datetime) -> tuple[RecoveryDocument, bool]:
        """The last one, and whether it waits for its endpoint. Raises 404."""
        found = await self._repository.recovery(subscription)
        if found is None or found["agency"] != agency:
            raise not_found()
        endpoint = await self._repository.subscription(subscription)
        return found, found["state"] == RUNNING and (endpoint is None or not takes_more(endpoint, now))

    async def stop(self, agency: str, subscription: str) -> None:
        """What was made due already is sent. Raises 404."""

        def do(work: UnitOfWork) -> None:
            found = RECOVERIES.get(work, subscription)
            if found is None or found["agency"] != agency:
                raise not_found()
            if found["state"] == RUNNING:
                RECOVERIES.save(work, {**found, "state": "stopped", "ended": work.trusted})

        await self._store.submit(Operation(lambda work: [RECOVERIES.by_id(subscription)], do))


def recovery_document(
    subscription: str, agency: str, what: RecoveryKind, since: datetime | None, now: datetime
) -> RecoveryDocument:
    """A recovery that has not begun."""
    return {
        "_id": subscription,
        "recovery": random_id(),
        "agency": agency,
        "what": what,
        "since": since,
        "state": RUNNING,
        "after": "",
        "pending": [],
        "again": 0,
        "passed_over": 0,
        "asked": now,
        "not_before": now,
    }


def as_kept(moment: datetime) -> datetime:
    """A moment as the database gives it back: in UTC and whole milliseconds, so that the same one is the same. One that
    is none in UTC, beyond the first or last year, is the first or last there is."""
    try:
        found = moment.astimezone(UTC)
    except OverflowError:
        found = FIRST if moment.year == FIRST.year else LAST
    return found.replace(microsecond=found.microsecond // 1000 * 1000)


def _running() -> Problem:
    return Problem(409, "recovery-running", "Another recovery of this subscription is running")
