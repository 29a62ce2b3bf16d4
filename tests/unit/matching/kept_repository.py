"""A repository of one person and some openings, and who asks, for the tests of `MatchQueries`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, cast

from services.matching.documents import StoredPerson
from services.matching.next_steps_search import NextStepsSearch
from services.matching.people_access import PeopleAccess
from services.matching.queries import MatchQueries
from shared.events import Event
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import PERSON_UPDATED, Person
from shared.events.topics.prohibitions import Floor, Floors
from shared.kit.base.clock import Clock
from tests.support.matching import SEOUL, TODAY, a_job, a_person, numbered
from tests.unit.matching.asking import PACK

CALLER, PARTNER = (
    cast(
        Any,
        SimpleNamespace(
            agency=SimpleNamespace(agency=agency, recipient_class=kind),
            key_id="key",
            must_read=lambda _: None,
            must=lambda *_: None,
        ),
    )
    for agency, kind in (("hanawon", "case"), ("gjf", "service"))
)
ALIAS, GJF_ALIAS = numbered(0xAA1), numbered(0xAA2)
ALIASES = [{"agency": "hanawon", "alias": ALIAS}, {"agency": "gjf", "alias": GJF_ALIAS}]
CONSENTS = [
    {"purpose": "matching", "until": "2027-05-15"},
    {"purpose": "profile", "recipient": "gjf", "until": "2027-05-15"},
]
NEAR, FAR = a_job(1), a_job(2, region=SEOUL)
HOMELESS = a_person(
    1, residence=None, consents=CONSENTS, aliases=ALIASES, wants={"kinds": ["job"]}
)  # also where nothing stands: what waits for the answer counts


def told(person: Person) -> Event[Person]:
    """The event by which this state of a person is told."""
    return Event(
        id="1", source="/services/intake", type=PERSON_UPDATED.name, version=1, time=datetime(2026, 11, 22, tzinfo=UTC),
        key=person.person, data=person, sequence=1, correlationid="1", recordedtime=datetime(2026, 11, 22, tzinfo=UTC),
    )  # fmt: skip


class Kept:
    """A repository of one person and some openings. ``meanwhile`` is done while openings or matches are read."""

    def __init__(self, *openings: Opportunity, consents: Sequence[Mapping[str, Any]] = CONSENTS) -> None:
        person = a_person(1, consents=consents, aliases=ALIASES, wants={"kinds": ["job"], "commute_minutes": 60})
        self.person = StoredPerson.of(told(person), 1)
        self.held = {one.opportunity: one for one in openings}
        self.revisions = dict.fromkeys(self.held, 1)
        self.raised = Floors(person=person.person)
        self.meanwhile: Callable[[], None] = lambda: None
        self.read: list[str] = []
        self.looked = True
        self.standing: list[Any] = []
        self.audited: list[Any] = []

    def withdraw(self, purpose: str, recipient: str | None = None) -> None:
        consents = (Floor(purpose=purpose, recipient=recipient, below=2),)
        self.raised = Floors(person=self.person.id, consents=consents)

    async def person_by_alias(self, agency: str, alias: str) -> StoredPerson:
        return self.person

    async def people(self, ids: Iterable[str]) -> list[StoredPerson]:
        return [self.person] if self.person.id in set(ids) else []

    async def floors(self, ids: Iterable[str]) -> dict[str, Floors]:
        return dict.fromkeys(ids, self.raised)

    async def newest_open(self, today: date, most: int) -> list[tuple[str, int]]:
        self.meanwhile()
        return sorted(self.revisions.items())[:most]

    async def best_of_list(self, person: str, most: int) -> list[str] | None:
        return [*list(self.held)[:most], numbered(0xDEAD)][:most] if self.looked else None

    async def opportunities(self, ids: Sequence[str]) -> dict[str, Opportunity]:
        self.read += ids
        return {id: self.held[id] for id in ids if id in self.held}

    async def opportunity(self, id: str) -> Opportunity:
        return self.held[id]

    async def fitting(self, opportunity: str, limit: int) -> set[str]:
        return {self.person.id}

    async def matches_of_person(self, person: str) -> list[Any]:
        self.meanwhile()
        return list(self.standing)

    async def matches_of_people(self, people: Iterable[str]) -> dict[str, list[Any]]:
        self.meanwhile()
        return {id: [] for id in people}

    async def gives_way(self, opening: str) -> float:
        return 0.0

    async def audit(self, entries: Sequence[Any]) -> None:
        self.audited += entries


def queries(kept: Kept, search: NextStepsSearch | None = None) -> MatchQueries:
    """The use cases on this repository."""
    repository: Any = kept
    people = PeopleAccess(repository, lambda: TODAY, Clock())
    return MatchQueries(repository, PACK, people, search or NextStepsSearch(PACK))
