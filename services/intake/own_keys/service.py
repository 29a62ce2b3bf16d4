"""Use cases: list, add, end. A change is one transaction: the agency, what every service is told of it, the audit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta

from services.intake.agency_limits import counted, midnight
from services.intake.dependencies import Dependencies
from services.intake.documents import AGENCIES, AUDIT, TALLIES, StoredAgency
from services.intake.domain import key_rules
from services.intake.event_handlers.agencies import KEY_ID
from services.intake.event_handlers.effect import Effect, Emission
from services.intake.event_handlers.publish import publish
from services.intake.last_published import Causation
from shared.access.api_keys import Caller
from shared.events.refusal import Refusal, Refused
from shared.events.topics.agencies import AGENCY_CHANGED, Agency
from shared.kit.base.ids import random_id
from shared.kit.base.logs import logger
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.web.authentication import unauthorised

MOST_ADDED = 20  # keys of one agency in a day: every one is told to every service
_log = logger("keys")
Change = Callable[[Agency, date], Agency | None]


class OwnKeys:
    """Of the caller's agency."""

    def __init__(self, store: Store, dependencies: Dependencies) -> None:
        self._store = store
        self._dependencies = dependencies

    async def add(self, caller: Caller, key_id: str, secret_sha256: str) -> Agency:
        """One more key. Raises Refused."""

        def change(agency: Agency, today: date) -> Agency:
            return key_rules.with_key(agency, key_id, secret_sha256, caller.key_id, today)

        found = await self._store.submit(self._operation(caller, key_id, change, adds=True))
        assert found is not None, "with one more key"
        return found

    async def end(self, caller: Caller, key_id: str, grace_days: int) -> Agency | None:
        """Another key ends, ahead of whatever else waits. None: there is none. Raises Refused."""

        def change(agency: Agency, today: date) -> Agency | None:
            return key_rules.ended(agency, key_id, caller.key_id, today, grace_days)

        (found,) = await self._store.submit_all([self._operation(caller, key_id, change, adds=False)], ahead=True)
        if isinstance(found, Exception):
            raise found
        return found

    def _operation(self, caller: Caller, key_id: str, change: Change, *, adds: bool) -> Operation[Agency | None]:
        name = caller.agency.agency

        def needs(work: UnitOfWork) -> Iterable[Need]:
            return [
                Need.by_id(AGENCIES, name),
                Need(AGENCIES, KEY_ID, key_id),
                TALLIES.by_id(_tally(name, work)),
            ]

        def do(work: UnitOfWork) -> Agency | None:
            document = work.get(AGENCIES, name)
            held = None if document is None else StoredAgency.kept_in(document)
            if held is None or all(key.key_id != caller.key_id for key in held.state.keys):
                raise unauthorised()  # taken away meanwhile
            changed = change(held.state, self._dependencies.day(work.now))
            if changed is None or changed == held.state:
                return changed
            if adds:
                self._check_new(name, key_id, work)
            self._publish(replace(held, sequence=held.sequence + 1, state=changed), work)
            self._audit(caller, key_id, "key-added" if adds else "key-ended", work)
            return changed

        return Operation(needs, do)

    @staticmethod
    def _check_new(name: str, key_id: str, work: UnitOfWork) -> None:
        if any(other["_id"] != name for other in work.find(AGENCIES, KEY_ID, key_id)):
            raise Refused(Refusal("key-taken", "/key_id"))
        tally = counted(_tally(name, work), MOST_ADDED, midnight(work.trusted) + timedelta(days=2), work)
        if tally is None:
            raise Refused(Refusal("too-many-keys-today", "/key_id", {"most": MOST_ADDED}))
        TALLIES.save(work, tally)

    def _publish(self, changed: StoredAgency, work: UnitOfWork) -> None:
        causation = Causation(correlationid=random_id(), causationid=random_id(), time=work.now, recordedtime=work.now)
        emission = Emission(AGENCY_CHANGED, changed.id, changed.sequence, changed.state)
        publish(Effect({}, thing=changed, emitted=[emission]), causation, work, self._dependencies.ids)

    @staticmethod
    def _audit(caller: Caller, key_id: str, action: str, work: UnitOfWork) -> None:
        entry = {"_id": random_id(), "at": work.trusted, "agency": caller.agency.agency, "key_id": caller.key_id}
        work.save(AUDIT, {**entry, "action": action, "key": key_id, "outcome": "done"})
        told = action.replace("-", "_")
        work.after_commit(lambda: _log.info(told, agency=caller.agency.agency, key_id=key_id))


def _tally(agency: str, work: UnitOfWork) -> str:
    return f"{agency}/keys/{midnight(work.trusted).date()}"
