"""What partners say about what they were told: acknowledgements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

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

SETTLED_AT_ONCE = 200  # older recalls in one transaction: well under a second of work
Newest = Mapping[tuple[str, str], int]  # by thread and alias, the version of the newest recall that was acknowledged


class Deliveries:
    """What partners say about what they were told."""

    def __init__(self, store: Store, repository: Repository, queues: Queues, outcomes: Outcomes) -> None:
        self._store = store
        self._repository = repository
        self._queues = queues
        self._outcomes = outcomes

    async def acknowledge(self, agency: str, notices: Sequence[str]) -> list[str]:
        """The ones that are now acknowledged, in the given order. Others were never given to this agency.

        Who obeyed a recall has obeyed those before it under the same alias, and is not asked for them any more. First
        those that have not arrived yet are marked, with the acknowledgement itself; then those that had arrived by then
        are looked for: so none is missed that arrives meanwhile. When we are killed in between, saying it again does
        the rest.
        """
        deliveries = await self._repository.by_notices(agency, notices)
        of_queue = Counter((delivery["thread"], delivery["subscription"]) for delivery in deliveries)

        def needs(work: UnitOfWork) -> Iterator[Need]:
            for delivery in deliveries:
                yield DELIVERIES.by_id(delivery["_id"])
                yield THREADS.by_id(delivery["thread"])
                # of several in one queue each may be the next one's turn, and the last one's anybody's
                alone = of_queue[delivery["thread"], delivery["subscription"]] == 1
                thread = THREADS.get(work, delivery["thread"])
                yield from self._queues.needs(thread, delivery["opportunity"] if alone else None)

        def do(work: UnitOfWork) -> set[str]:
            known: set[str] = set()
            for each in deliveries:
                delivery = DELIVERIES.get(work, each["_id"])
                if delivery is not None and _may_have_arrived(delivery):
                    self._arrived(work, delivery)
                    known.add(delivery["notice"])
            for notice in known:
                self._acknowledged(work, [d["_id"] for d in deliveries if d["notice"] == notice])
            self._not_asked_for(work, _newest(d for d in deliveries if d["notice"] in known))
            return known

        known = await self._store.submit(Operation(needs, do)) if deliveries else set()
        await self._settle(agency, _newest(d for d in deliveries if d["notice"] in known))
        return [notice for notice in notices if notice in known]

    async def _settle(self, agency: str, newest: Newest) -> None:
        """Nobody is asked any more for those that had arrived: piece by piece, for there may be any number."""
        threads = sorted({thread for thread, _ in newest})
        while threads:
            page = await self._repository.unacknowledged(agency, threads, SETTLED_AT_ONCE)
            settled = await self._store.submit(self._settling(newest, [id for _, id in page])) if page else 0
            if len(page) < SETTLED_AT_ONCE:
                return
            first, last = page[0][0], page[-1][0]
            # all of those before the last one were looked at; of the last one there may be more
            threads = [each for each in threads if each > last or (each == last and (settled or first != last))]

    @staticmethod
    def _settling(newest: Newest, awaited: Sequence[str]) -> Operation[int]:
        def do(work: UnitOfWork) -> int:
            older = [d for d in _recalls(work, awaited) if _is_older(d, newest) and "unacknowledged_since" in d]
            for each in older:
                not_awaited(work, each)
                DELIVERIES.save(work, each)
            return len(older)

        return Operation(lambda work: [DELIVERIES.by_id(each) for each in awaited], do)

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

    def _not_asked_for(self, work: UnitOfWork, newest: Newest) -> None:
        """Those that are still on their way."""
        for id in {thread for thread, _ in newest}:
            if (thread := THREADS.get(work, id)) is not None:
                for each in self._queues.open(work, thread):
                    if each["about"] == "recall" and _is_older(each, newest):
                        each["settled"] = True
                        DELIVERIES.save(work, each)


def _newest(acknowledged: Iterable[DeliveryDocument]) -> Newest:
    found: dict[tuple[str, str], int] = {}
    for each in acknowledged:
        if each["about"] == "recall":
            of = each["thread"], each["alias"]
            found[of] = max(each["version"], found.get(of, 0))
    return found


def _is_older(recall: DeliveryDocument, newest: Newest) -> bool:
    return recall["version"] < newest.get((recall["thread"], recall["alias"]), 0)


def _recalls(work: UnitOfWork, ids: Sequence[str]) -> list[DeliveryDocument]:
    found = (DELIVERIES.get(work, each) for each in ids)
    return [delivery for delivery in found if delivery is not None and delivery["about"] == "recall"]


def _may_have_arrived(delivery: DeliveryDocument) -> bool:
    """``left`` also of one that is under way, or was when its sender died: a partner may answer before we know."""
    return delivery["attempts"] > 0 or delivery["possibly_sent"]
