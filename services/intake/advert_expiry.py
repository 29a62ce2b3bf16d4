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
from services.intake.last_told import Causation
from services.intake.opportunity_documents import EMPLOYERS, EmployerDocument
from services.intake.repository import Repository
from shared.kit.base.ids import random_id
from shared.kit.base.logs import logger
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork

AT_ONCE = 100
MOST_FAILED = 100  # that others do not wait for
_log = logger("advert_expiry")


class AdvertExpiryJob:
    """Safe to run twice, or in two replicas: what was looked at by one is as it should be for the other."""

    def __init__(self, store: Store, repository: Repository, dependencies: Dependencies) -> None:
        self._store = store
        self._repository = repository
        self._dependencies = dependencies

    async def run(self, seconds: float, stopping: asyncio.Event) -> None:
        """Look every so many seconds until told to stop."""
        while not stopping.is_set():
            try:
                await self.expire()
            finally:  # of which one fails does not keep the other
                await self.apply_list()
            try:
                async with asyncio.timeout(seconds):
                    await stopping.wait()
            except TimeoutError:
                continue

    async def expire(self) -> int:
        """Look at every opportunity with a source whose last day is over; how many there were. Raises, once the others
        are done, what met one of them: the loop begins again, is counted, and is told when it does so often."""
        total, failed = 0, dict[str, Exception]()
        today = self._dependencies.day(self._dependencies.clock.earliest())
        while len(failed) < MOST_FAILED:
            ended = await self._repository.adverts_ended(today.isoformat(), AT_ONCE + len(failed))
            if not (left := [id for id in ended if id not in failed]):
                break
            met = await self._look_at(left)
            failed |= met
            total += len(left) - len(met)
        if total:
            _log.info("adverts_ended", opportunities=total)
        _raise_first(failed)
        return total

    async def apply_list(self) -> int:
        """Look at every opportunity of employers whose entry changed; how many there were. An entry counts as applied
        once all of them are: who is killed on the way, or meets one that fails, begins that employer again."""
        total, failed = 0, dict[str, Exception]()
        for entry in await self._repository.employers_to_apply():
            after, before = "", len(failed)
            while found := await self._repository.adverts_of(entry["_id"].partition("/")[2], after, AT_ONCE):
                failed |= await self._look_at(found)
                total += len(found)
                after = found[-1]
                if len(failed) >= MOST_FAILED:
                    break
            if len(failed) == before:
                await self._store.submit(_applied(entry))
        _raise_first(failed)
        return total

    async def _look_at(self, ids: Sequence[str]) -> dict[str, Exception]:
        """What met those that failed."""
        results = await self._store.perform([self._look(id) for id in ids])
        failed = {id: result for id, result in zip(ids, results, strict=True) if isinstance(result, Exception)}
        if failed:
            kinds = ", ".join(sorted({type(error).__name__ for error in failed.values()}))
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


def _raise_first(failed: dict[str, Exception]) -> None:
    for error in failed.values():
        raise error


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
