"""Whom a caller may see at this moment, and the audit of every look at a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

from pymongo.errors import PyMongoError

from services.matching.documents import StoredPerson
from services.matching.domain.apply_prohibitions import permitted
from services.matching.domain.visibility import Visibility, visibility_of
from services.matching.repository import Repository
from shared.access.api_keys import Caller
from shared.events.topics.agencies import RECEIVING_CLASSES
from shared.events.topics.people import Person
from shared.kit.base.clock import Clock
from shared.kit.base.cpu_slices import in_slices
from shared.kit.base.ids import is_id, random_id
from shared.kit.base.logs import logger
from shared.kit.web.problems import not_found, unavailable

_log = logger("people_access")


def may_see_people(caller: Caller) -> None:
    """Raises the 403 problem."""
    caller.must_read("matches")
    caller.must(caller.agency.recipient_class in RECEIVING_CLASSES, "class of recipient: case or service")


class PeopleAccess:
    """From committed state and the floors of prohibitions. Every answer about a person is in the audit before it
    leaves: no audit, no answer."""

    def __init__(self, repository: Repository, today: Callable[[], date], clock: Clock) -> None:
        self._repository = repository
        self.today = today
        self._clock = clock

    async def visible(self, caller: Caller, alias: str) -> tuple[Person, Visibility]:
        """The person whom the caller knows by this alias. Raises 403, and 404 for whoever the caller may not see."""
        may_see_people(caller)
        stored = await self._repository.person_by_alias(caller.agency.agency, alias) if is_id(alias) else None
        if stored is not None:
            seen = (await self.visible_of(caller, [stored])).get(stored.id)
            if seen is not None and seen[1].alias == alias:
                return seen
        raise not_found()

    async def visible_of(self, caller: Caller, people: Iterable[StoredPerson]) -> dict[str, tuple[Person, Visibility]]:
        """Those of these people whom the caller may see, by id."""
        today, agency = self.today(), caller.agency.agency
        held = await self.permitted(people)
        seen = ((id, person, visibility_of(person, agency, today)) for id, person in held.items())
        return {id: (person, visibility) for id, person, visibility in seen if visibility is not None}

    async def permitted(self, people: Iterable[StoredPerson]) -> dict[str, Person]:
        """These people with as much as their states still allow at this moment, whatever waits on `people`."""
        held = {stored.id: stored for stored in people}
        floors = await self._repository.floors(held)
        found = {}
        async for id, stored in in_slices(held.items()):
            found[id] = permitted(stored.person, stored.sequence, floors[id])
        return found

    async def audit(self, caller: Caller, what: str, about: Iterable[tuple[str, str | None]]) -> None:
        """Write down that the caller looked at these: person, and opening if one was named. Raises 503."""
        who = {"at": self._clock.trusted(), "agency": caller.agency.agency, "key_id": caller.key_id, "what": what}
        entries = [{"_id": random_id(), **who, "person": person, "opportunity": to} for person, to in about]
        try:
            await self._repository.audit(entries)
        except PyMongoError as error:
            _log.error("audit_failed", error=type(error).__name__)
            raise unavailable() from None
