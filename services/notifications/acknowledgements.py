"""What partners say about what they were told: acknowledgements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.notifications.delivery_queues import Queues, not_awaited
from services.notifications.documents import (
    DELIVERIES,
    DUE,
    SENDING,
    SERVED,
    THREADS,
    DeliveryDocument,
)
from services.notifications.outcome_events import Outcomes
from services.notifications.repository import Repository
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork


class Deliveries:
    """What partners say about what they were told."""

    def __init__(self, store: Store, repository: Repository, queues: Queues, outcomes: Outcomes) -> None:
        self._store = store
        self._repository = repository
        self._queues = queues
        self._outcomes = outcomes

    async def acknowledge(self, agency: str, notices: Sequence[str]) -> list[str]:
        """The ones that are now acknowledged, in the given order. Others were never given to this agency."""
        deliveries = await self._repository.by_notices(agency, notices)
        recalled = sorted({delivery["thread"] for delivery in deliveries if delivery["about"] == "recall"})
        awaited = await self._repository.unacknowledged(agency, recalled) if recalled else []

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield from (DELIVERIES.by_id(each) for each in awaited)
            for delivery in deliveries:
                yield DELIVERIES.by_id(delivery["_id"])
                yield THREADS.by_id(delivery["thread"])
                yield from self._queues.needs(THREADS.get(work, delivery["thread"]), delivery["opportunity"])

        def do(work: UnitOfWork) -> set[str]:
            known: set[str] = set()
            for each in deliveries:
                delivery = DELIVERIES.get(work, each["_id"])
                if delivery is not None and _may_have_arrived(delivery):
                    self._arrived(work, delivery)
                    known.add(delivery["notice"])
            for notice in known:
                self._acknowledged(work, [d["_id"] for d in deliveries if d["notice"] == notice])
            self._superseded(work, [d["_id"] for d in deliveries if d["notice"] in known], awaited)
            return known

        known = await self._store.submit(Operation(needs, do)) if deliveries else set()
        return [notice for notice in notices if notice in known]

    def _arrived(self, work: UnitOfWork, delivery: DeliveryDocument) -> None:
        thread = THREADS.get(work, delivery["thread"])
        if thread is not None and delivery["state"] in (SERVED, SENDING, DUE):
            self._queues.delivered(work, thread, delivery)
            THREADS.save(work, thread)

    def _acknowledged(self, work: UnitOfWork, ids: list[str]) -> None:
        """One event per notice, however many channels brought it and however often it is said."""
        found = [d for d in (DELIVERIES.get(work, i) for i in sorted(ids)) if d is not None]
        first = next((d for d in found if _may_have_arrived(d)), None)
        if first is None or all(delivery["acknowledged"] for delivery in found):
            return
        if not any(delivery["acknowledged"] for delivery in found):
            self._outcomes.acknowledged(work, first)
        for delivery in found:  # by whatever channel: it is the notice that was dealt with
            delivery["acknowledged"] = True
            not_awaited(work, delivery)
            DELIVERIES.save(work, delivery)
        thread = THREADS.get(work, first["thread"])
        if thread is not None:
            self._queues.acknowledged(thread, first)
            THREADS.save(work, thread)

    @staticmethod
    def _superseded(work: UnitOfWork, acknowledged: Sequence[str], awaited: Sequence[str]) -> None:
        """Who obeyed a recall has obeyed those before it under the same alias, and is not asked for them any more."""
        newest: dict[tuple[str, str], int] = {}
        for recall in _recalls(work, acknowledged):
            of = recall["thread"], recall["alias"]
            newest[of] = max(recall["version"], newest.get(of, 0))
        for older in _recalls(work, awaited):
            if older["version"] < newest.get((older["thread"], older["alias"]), 0):
                not_awaited(work, older)
                DELIVERIES.save(work, older)


def _recalls(work: UnitOfWork, ids: Sequence[str]) -> list[DeliveryDocument]:
    found = (DELIVERIES.get(work, each) for each in ids)
    return [delivery for delivery in found if delivery is not None and delivery["about"] == "recall"]


def _may_have_arrived(delivery: DeliveryDocument) -> bool:
    """``left`` also of one that is under way, or was when its sender died: a partner may answer before we know."""
    return delivery["attempts"] > 0 or delivery["possibly_sent"]
