"""Looks again at opportunities: when the last day of a source is over, and when its employer was put on the operator's
list or taken off it.

What ends by the calendar ends by the earlier of two clocks that differ (clock.py of the kit); an advert that is told
anew, with a later last day, is open again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from services.intake.dependencies import Dependencies
from services.intake.event_handlers.publish import publish
from services.intake.event_handlers.vacancies import Vacancies
from services.intake.event_handlers.vacancy_needs import needs_of_opportunity, stored
from services.intake.last_published import Causation
from services.intake.opportunity_documents import EMPLOYERS, EmployerDocument
from services.intake.repository import BEFORE_ALL, Repository
from shared.kit.base.ids import random_id
from shared.kit.base.logs import logger
from shared.kit.base.supervise import regularly
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork

AT_ONCE = 100
_log = logger("advert_expiry")


class AdvertExpiryJob:
    """Safe to run twice, or in two replicas: what was looked at by one is as it should be for the other."""

    def __init__(self, store: Store, repository: Repository, dependencies: Dependencies) -> None:
        self._store = store
        self._repository = repository
        self._dependencies = dependencies

    async def run(self, seconds: float, stopping: asyncio.Event) -> None:
        """Look every so many seconds until told to stop."""
        await regularly((self.expire, self.apply_list), seconds, stopping)

    async def expire(self) -> int:
        """Look at every opportunity with a source whose last day is over; how many there were. Raises, once the others
        are done, what met one of them: the loop begins again, is counted, and is told when it does so often."""
        total, first, after = 0, None, BEFORE_ALL
        today = self._dependencies.day(self._dependencies.clock.earliest())
        while ended := await self._repository.adverts_ended(today.isoformat(), after, AT_ONCE):
            met = await self._look_at([id for _, id in ended])
            first = first or next(iter(met), None)
            total += len(ended) - len(met)
            after = ended[-1]
        if total:
            _log.info("adverts_ended", opportunities=total)
        if first is not None:
            raise first
        return total

    async def apply_list(self) -> int:
        """Look at every opportunity of employers whose entry changed; how many there were. An entry counts as applied
        once all of them are: who is killed on the way, or meets one that fails, begins that employer again."""
        total, first, last = 0, None, ""
        while entries := await self._repository.employers_to_apply(last):
            for entry in entries:
                last, after, complete = entry["_id"], "", True
                while found := await self._repository.adverts_of(last.partition("/")[2], after, AT_ONCE):
                    met = await self._look_at(found)
                    first, complete = first or next(iter(met), None), complete and not met
                    total += len(found)
                    after = found[-1]
                if complete:
                    await self._store.submit(_applied(entry))
        if first is not None:
            raise first
        return total

    async def _look_at(self, ids: Sequence[str]) -> list[Exception]:
        """What met those that failed."""
        results = await self._store.perform([self._look(id) for id in ids])
        failed = [result for result in results if isinstance(result, Exception)]
        if failed:
            kinds = ", ".join(sorted({type(error).__name__ for error in failed}))
            _log.error("adverts_not_looked_at", opportunities=len(failed), error=kinds)
        return failed

    def _look(self, id: str) -> Operation[None]:
        def do(work: UnitOfWork) -> None:
            if stored(id, work) is None:
                return
            vacancies = Vacancies(work, self._dependencies)
            vacancies.look_again(id)
            now, ids = work.now, self._dependencies.ids
            causation = Causation(correlationid=random_id(), causationid=random_id(), time=now, recordedtime=now)
            publish(vacancies.effect(id), causation, work, ids)

        return Operation(lambda work: needs_of_opportunity(id, work), do)


def _applied(entry: EmployerDocument) -> Operation[None]:
    """Unless it was changed meanwhile."""

    def needs(work: UnitOfWork) -> Iterable[Need]:
        return [EMPLOYERS.by_id(entry["_id"])]

    def do(work: UnitOfWork) -> None:
        held = EMPLOYERS.get(work, entry["_id"])
        if held is None or held["at"] != entry["at"]:
            return
        if held["verdict"] is None:
            EMPLOYERS.delete(work, entry["_id"])
        else:
            EMPLOYERS.save(work, EmployerDocument(**{**held, "applied": True}))

    return Operation(needs, do)
