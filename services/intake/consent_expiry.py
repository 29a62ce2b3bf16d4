"""A consent ends the day after its last day, whether anybody says so or not.

A lapse cannot be taken back, so the earlier of two clocks that differ decides it (clock.py of the kit); what is sent or
shown until then is decided by the later one, elsewhere."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date

from services.intake import metrics
from services.intake.dependencies import Dependencies
from services.intake.documents import PEOPLE, StoredPerson
from services.intake.domain import consent_rules
from services.intake.domain.consent_expiry_forecast import endings, until
from services.intake.event_handlers.effect import Effect, Emission
from services.intake.event_handlers.publish import publish
from services.intake.last_published import Causation
from services.intake.repository import BEFORE_ALL, Repository
from shared.events.topics.people import CONSENT_LAPSED
from shared.kit.base.ids import random_id
from shared.kit.base.logs import logger
from shared.kit.base.supervise import regularly
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork

AT_ONCE = 500
_log = logger("consent_expiry")


class ConsentExpiryJob:
    """Says consent-lapsed, and tells operators ahead. Safe to run twice, or in two replicas: the first to write it
    leaves nothing to lapse. One for all beginnings of its loop: it knows what it told today."""

    def __init__(self, store: Store, repository: Repository, dependencies: Dependencies) -> None:
        self._store = store
        self._repository = repository
        self._dependencies = dependencies
        self._foretold: date | None = None

    async def run(self, seconds: float, stopping: asyncio.Event) -> None:
        """Look every so many seconds until told to stop."""
        await regularly((self.lapse, self.foretell), seconds, stopping)

    async def lapse(self) -> int:
        """End every consent whose last day has passed; how many people that concerned. Raises, once the others are
        done, what met one of them: the loop begins again, is counted, and is told when it does so often."""
        today, total, first, after = self._today(), 0, None, BEFORE_ALL
        while ended := await self._repository.ended(today.isoformat(), after, AT_ONCE):
            results = await self._store.perform([self._lapse(person, today) for _, person in ended])
            met = [result for result in results if isinstance(result, Exception)]
            if met:
                kinds = ", ".join(sorted({type(error).__name__ for error in met}))
                _log.error("consents_not_lapsed", people=len(met), error=kinds)
            first = first or next(iter(met), None)
            total += len(ended) - len(met)
            after = ended[-1]
        if total:
            _log.info("consents_lapsed", people=total)
        if first is not None:
            raise first
        return total

    async def foretell(self) -> None:
        """Once a day: how many people's consents end soon, as a metric. Once, so that no single renewal shows."""
        today = self._today()
        if self._foretold == today:
            return
        found = endings(*await self._repository.ending(today.isoformat(), until(today).isoformat()))
        metrics.people_with_consent_ending.of().set(found.people)
        metrics.people_with_consent_ending_share.of().set(found.share)
        self._foretold = today

    def _today(self) -> date:
        return self._dependencies.day(self._dependencies.clock.earliest())

    def _lapse(self, id: str, today: date) -> Operation[None]:
        def do(work: UnitOfWork) -> None:
            document = work.get(PEOPLE, id)
            if document is None:
                return
            held = StoredPerson.kept_in(document)
            after = consent_rules.lapse(held.state, today)
            if after == held.state:
                if document["ends"] is not None and document["ends"] < today.isoformat():
                    raise ValueError("by its last day a consent has ended, by the state none")
                return
            sequence, ids = held.sequence + 1, self._dependencies.ids
            effect = Effect(
                {},
                thing=replace(held, sequence=sequence, state=after),
                emitted=[Emission(CONSENT_LAPSED, id, sequence, after)],
            )
            causation = Causation(
                correlationid=random_id(),
                causationid=ids.derived("lapse", id, sequence),
                time=work.now,
                recordedtime=work.now,
            )
            publish(effect, causation, work, ids)

        return Operation(lambda work: [Need.by_id(PEOPLE, id)], do)
