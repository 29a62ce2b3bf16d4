"""From accepted door events to the people and openings at the end. This file shares no code with the services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.events.data_classification import Model
from shared.events.incoming import read
from shared.events.topics.opportunities import (
    ClosedAtDoor,
    JobAtDoor,
    Opportunity,
    ProgrammeAtDoor,
    Verdict,
    VettedAtDoor,
)
from shared.events.topics.people import (
    Consent,
    ConsentGivenAtDoor,
    ConsentWithdrawnAtDoor,
    Course,
    Person,
    PersonAtDoor,
    PersonLeftAtDoor,
    PersonUpdatedAtDoor,
)
from shared.reference import Pack

Own = tuple[str, str]
"""How an agency calls a thing: agency and its own reference."""

_TITLES = {
    "certificates": "certificate",
    "certificates_wanted": "certificate",
    "courses_wanted": "course",
    "teaches": "course",
}


@dataclass
class State:
    """People and openings by their agency's own references, as the accepted events leave them.

    Ids are placeholders until `expected` puts in the hub's own; aliases are left out. `vetted`: the last word on an
    opportunity, by the hub's id.
    """

    pack: Pack
    people: dict[Own, Person] = field(default_factory=dict)
    openings: dict[Own, Opportunity] = field(default_factory=dict)
    vetted: dict[str, Verdict] = field(default_factory=dict)

    def apply(self, agency: str, event: Mapping[str, Any]) -> None:
        """One accepted event, in the order of acceptance."""
        data = read(event).data
        if isinstance(data, VettedAtDoor):
            self.vetted[data.opportunity] = data.verdict
        reference = getattr(data, "reference", None)
        if reference is None:
            return
        own = (agency, reference)
        if isinstance(data, JobAtDoor | ProgrammeAtDoor):
            self.openings[own] = self._opening(agency, data)
        elif isinstance(data, ClosedAtDoor):
            self.openings[own] = self.openings[own].model_copy(update={"status": "closed"})
        elif isinstance(data, PersonAtDoor):
            self.people[own] = self._arrived(agency, data)
        else:
            self.people[own] = self._changed(self.people[own], data)

    def _arrived(self, agency: str, data: PersonAtDoor) -> Person:
        person = Person(
            person="0" * 32,
            status="active",
            owner=agency,
            year_of_birth=int(data.identity.birth_date[:4]),
            sex=data.identity.sex,
            **self._profile(data),
        )
        return _with_consents(person, {(c.purpose, c.recipient): c.until for c in data.consents})

    def _changed(self, person: Person, data: Model) -> Person:
        if isinstance(data, PersonUpdatedAtDoor):
            return person.model_copy(update=self._profile(data))
        if isinstance(data, PersonLeftAtDoor):
            return person.model_copy(update={"status": "left"})
        consents = {(c.purpose, c.recipient): c.until for c in person.consents}
        if isinstance(data, ConsentGivenAtDoor):
            consents |= {(c.purpose, c.recipient): c.until for c in data.consents}
        elif isinstance(data, ConsentWithdrawnAtDoor):
            for key in data.consents:
                for purpose, recipient in list(consents):  # a purpose without recipient is taken back from everybody
                    if purpose == key.purpose and key.recipient in (None, recipient):
                        del consents[purpose, recipient]
        else:
            raise TypeError(f"what {type(data).__name__} leaves of a person is not said here")
        return _with_consents(person, consents)

    def _profile(self, data: PersonAtDoor | PersonUpdatedAtDoor) -> dict[str, Any]:
        same = ("residence", "education", "counselling", "occupations", "wants", "has", "situation")
        courses = [
            Course(
                code=course.ncs or self._code("course", course.title), hours=course.hours, completed=course.completed
            )
            for course in data.courses
        ]
        return {
            **{name: getattr(data, name) for name in same},
            "courses": tuple(courses),
            "certificates": tuple(dict.fromkeys(self._code("certificate", title) for title in data.certificates)),
        }

    def _opening(self, agency: str, data: JobAtDoor | ProgrammeAtDoor) -> Opportunity:
        same = {name: getattr(data, name) for name in type(data).model_fields if name not in ("reference", "kind")}
        for name, kind in _TITLES.items():
            same[name] = tuple(dict.fromkeys(self._code(kind, title) for title in same[name]))
        kind = data.kind if isinstance(data, ProgrammeAtDoor) else "job"
        return Opportunity(opportunity="0" * 32, owner=agency, kind=kind, status="open", **same)

    def _code(self, kind: str, title: str) -> str:
        found = title if self.pack.accepts(kind, title) else self.pack.find(kind, title)
        assert found is not None, f"the hub accepted a {kind} that the pack does not know"
        return found


def _with_consents(person: Person, consents: Mapping[tuple[str, str | None], Any]) -> Person:
    made = [Consent(purpose=purpose, recipient=to, until=until) for (purpose, to), until in consents.items()]
    return person.model_copy(update={"consents": tuple(made)})
