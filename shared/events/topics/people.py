"""Topic ``people`` (key: person): who is looking for work and what they allow.

On the bus every event carries the person's whole pseudonymous state, live consents and aliases included. At the door
the same event comes with identity and the agency's own reference; both stay in intake.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.events.data_classification import FEATURE, IDENTITY, PSEUDONYMOUS, Model
from shared.events.field_types import BirthDate, Code, Day, Id, Month, Reference, Sex, Slug, Title, WageFloor
from shared.events.registry import EventType, Topic, register

PEOPLE = register(Topic(name="people", key="person", written_by="intake"))

Months = Annotated[int, Field(ge=0, le=720)]
Share = Annotated[float, Field(ge=0, le=1)]


class Course(Model):
    """A finished course; ``code`` is what the pack made of its title."""

    code: Annotated[Code, FEATURE]
    hours: Annotated[int | None, FEATURE, Field(ge=1, le=5000)] = None
    completed: Annotated[Month | None, FEATURE] = None


class Experience(Model):
    """An occupation somebody has worked in (``months``) or wants (``interest``, 0 to 1)."""

    code: Annotated[Code, FEATURE]
    months: Annotated[Months, FEATURE] = 0
    interest: Annotated[Share, FEATURE] = 0.5


class HoursPerWeek(Model):
    """Bounds on working hours per week, both inclusive."""

    min: Annotated[int | None, FEATURE, Field(ge=1, le=80)] = None
    max: Annotated[int | None, FEATURE, Field(ge=1, le=80)] = None


class Wants(Model):
    """A person's own wishes and floors. What is absent is not asked for; an empty list means no limit."""

    kinds: Annotated[tuple[Slug, ...], FEATURE, Field(min_length=1, max_length=10)]
    employment: Annotated[tuple[Code, ...], FEATURE, Field(max_length=10)] = ()
    wage_min: Annotated[WageFloor | None, FEATURE] = None
    shifts: Annotated[tuple[Code, ...], FEATURE, Field(max_length=10)] = ()
    hours_per_week: Annotated[HoursPerWeek | None, FEATURE] = None
    commute_minutes: Annotated[int | None, FEATURE, Field(ge=5, le=300)] = None
    start: Annotated[Month | None, FEATURE, Field(alias="from")] = None
    not_to: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^employer:[A-Za-z0-9-]{1,40}$")], ...],
        FEATURE,
        Field(max_length=50),
    ] = ()
    growth: Annotated[bool, FEATURE] = True
    lodging: Annotated[
        bool | None,
        FEATURE,
        Field(description="Would live in lodging that comes with the work. Absent: not asked yet."),
    ] = None


class Has(Model):
    """What somebody can use to get to work; None: not asked yet."""

    driving_licence: Annotated[bool | None, FEATURE] = None
    car: Annotated[bool | None, FEATURE] = None


class Counselling(Model):
    """Results of career counselling, as codes only: no free text about a person."""

    interests: Annotated[tuple[Code, ...], FEATURE, Field(max_length=20)] = ()
    strengths: Annotated[tuple[Code, ...], FEATURE, Field(max_length=20)] = ()
    needs: Annotated[tuple[Code, ...], FEATURE, Field(max_length=20)] = ()


class Situation(Model):
    """What programme rules ask about; None: not known, so a rule that needs it answers "ask"."""

    jobless: Annotated[bool | None, FEATURE] = None
    income_percent_of_median: Annotated[int | None, FEATURE, Field(ge=0, le=1000)] = None


class Consent(Model):
    """A live consent: ``purpose``, for whom, and the last day it holds."""

    purpose: Annotated[Slug, PSEUDONYMOUS]
    recipient: Annotated[Slug | None, PSEUDONYMOUS] = None
    until: Annotated[Day, PSEUDONYMOUS]


class Alias(Model):
    """The name by which one agency, and no other, knows this person."""

    agency: Annotated[Slug, PSEUDONYMOUS]
    alias: Annotated[Id, PSEUDONYMOUS]


class Person(Model):
    """The whole pseudonymous state of one person on the bus."""

    person: Annotated[Id, PSEUDONYMOUS]
    status: Annotated[Literal["active", "left"], PSEUDONYMOUS]
    owner: Annotated[Slug, PSEUDONYMOUS]
    year_of_birth: Annotated[int | None, FEATURE, Field(ge=1900, le=2100)] = None
    sex: Annotated[Sex | None, FEATURE] = None
    residence: Annotated[Code | None, FEATURE] = None
    education: Annotated[Code | None, FEATURE] = None
    courses: Annotated[tuple[Course, ...], FEATURE, Field(max_length=50)] = ()
    counselling: Annotated[Counselling, FEATURE] = Counselling()
    certificates: Annotated[tuple[Code, ...], FEATURE, Field(max_length=50)] = ()
    occupations: Annotated[tuple[Experience, ...], FEATURE, Field(max_length=30)] = ()
    wants: Annotated[Wants | None, FEATURE] = None
    has: Annotated[Has, FEATURE] = Has()
    situation: Annotated[Situation, FEATURE] = Situation()
    consents: Annotated[tuple[Consent, ...], PSEUDONYMOUS, Field(max_length=200)] = ()
    aliases: Annotated[tuple[Alias, ...], PSEUDONYMOUS, Field(max_length=200)] = ()


class Identity(Model):
    """Who it is. Enters at the door, is sealed in intake under a key of this person, appears nowhere else."""

    name: Annotated[str, IDENTITY, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
    birth_date: Annotated[BirthDate, IDENTITY]
    sex: Annotated[Sex, IDENTITY]
    # these in any form that people write: intake sets aside with a warning what it cannot read
    phone: Annotated[
        Annotated[str, StringConstraints(max_length=200)] | Annotated[int, Field(ge=0, le=10**15)] | None, IDENTITY
    ] = None
    email: Annotated[str | None, IDENTITY, StringConstraints(max_length=200)] = None
    address: Annotated[str | None, IDENTITY, StringConstraints(max_length=200)] = None


class CourseAtDoor(Model):
    """A finished course by its title, or by its code when the sender knows it."""

    title: Annotated[Title, FEATURE]
    ncs: Annotated[Code | None, FEATURE] = None
    hours: Annotated[int | None, FEATURE, Field(ge=1, le=5000)] = None
    completed: Annotated[Month | None, FEATURE] = None


class ConsentAtDoor(Model):
    """A consent the person gave the sending agency for Ieum: one purpose, one recipient, one last day."""

    purpose: Annotated[Slug, PSEUDONYMOUS]
    recipient: Annotated[Slug | None, PSEUDONYMOUS] = None
    until: Annotated[Day, PSEUDONYMOUS]


class Profile(Model):
    """What an agency tells about a person besides who it is."""

    residence: Annotated[Code | None, FEATURE] = None
    education: Annotated[Code | None, FEATURE] = None
    courses: Annotated[tuple[CourseAtDoor, ...], FEATURE, Field(max_length=50)] = ()
    counselling: Annotated[Counselling, FEATURE] = Counselling()
    certificates: Annotated[tuple[Title, ...], FEATURE, Field(max_length=50)] = ()
    occupations: Annotated[tuple[Experience, ...], FEATURE, Field(max_length=30)] = ()
    wants: Annotated[Wants, FEATURE]
    has: Annotated[Has, FEATURE] = Has()
    situation: Annotated[Situation, FEATURE] = Situation()


class PersonAtDoor(Profile):
    """A person as the agency that brings them describes them: profile, identity and the first consents."""

    reference: Annotated[Reference, IDENTITY]
    identity: Annotated[Identity, IDENTITY]
    consents: Annotated[tuple[ConsentAtDoor, ...], PSEUDONYMOUS, Field(max_length=50)] = ()


class PersonUpdatedAtDoor(Profile):
    """The whole profile as it is now (it replaces the old one); identity only where it changed."""

    reference: Annotated[Reference, IDENTITY]
    identity: Annotated[Identity | None, IDENTITY] = None


class PersonLeftAtDoor(Model):
    """The person no longer wants to be helped, or the agency no longer serves them."""

    reference: Annotated[Reference, IDENTITY]
    reason: Annotated[Literal["found-work", "moved-away", "own-wish", "service-ended"], FEATURE]


class ConsentGivenAtDoor(Model):
    """One or more consents given; a purpose and recipient that already stands gets the new last day."""

    reference: Annotated[Reference, IDENTITY]
    consents: Annotated[tuple[ConsentAtDoor, ...], PSEUDONYMOUS, Field(min_length=1, max_length=50)]


class ConsentKey(Model):
    """Which consent: its purpose and, where it has one, its recipient."""

    purpose: Annotated[Slug, PSEUDONYMOUS]
    recipient: Annotated[Slug | None, PSEUDONYMOUS] = None


class ConsentWithdrawnAtDoor(Model):
    """Consents taken back: what they allowed stops now, and those who received something are told to forget it."""

    reference: Annotated[Reference, IDENTITY]
    consents: Annotated[tuple[ConsentKey, ...], PSEUDONYMOUS, Field(min_length=1, max_length=50)]


_PROFILE = {
    "residence": "legal-dong-2026:41270",
    "education": "work24-2024-education:02",
    "courses": [{"title": "제과제빵", "ncs": "ncs-2026:21", "hours": 120, "completed": "2026-11"}],
    "counselling": {"interests": ["keco-2018:53"], "strengths": ["kr-gyeonggi-1:precision"]},
    "certificates": ["제과기능사"],
    "occupations": [{"code": "work24-2024-occupation:871100", "months": 18, "interest": 0.8}],
    "wants": {
        "kinds": ["job", "internship", "training"],
        "employment": ["work24-2024-employment:10"],
        "wage_min": {"per": "month", "amount": 2400000, "currency": "KRW"},
        "shifts": ["kr-gyeonggi-1:day"],
        "hours_per_week": {"max": 40},
        "commute_minutes": 60,
        "from": "2026-12",
        "not_to": ["employer:123-45-67890"],
        "growth": True,
    },
    "has": {"driving_licence": True, "car": False},
}
_CONSENTS = [
    {"purpose": "matching", "until": "2027-05-15"},
    {"purpose": "notice", "recipient": "gjf", "until": "2027-05-15"},
]
_DOOR = {
    "reference": "HW-8841",
    "identity": {"name": "예시 사람", "birth_date": "1991-03-02", "sex": "female", "phone": "+82-10-0000-0000"},
    **_PROFILE,
    "consents": _CONSENTS,
}
_BUS = {
    "person": "0f" * 16,
    "status": "active",
    "owner": "hanawon",
    "year_of_birth": 1991,
    "sex": "female",
    **_PROFILE,
    "courses": [{"code": "ncs-2026:21", "hours": 120, "completed": "2026-11"}],
    "certificates": ["kr-certificate-2020:7892"],
    "consents": _CONSENTS,
    "aliases": [{"agency": "hanawon", "alias": "a1" * 16}, {"agency": "gjf", "alias": "b2" * 16}],
}


def _people_event(
    name: str,
    summary: str,
    door: type[Model] | None,
    door_example: Mapping[str, object] | None,
    *,
    forbids: bool = False,
) -> EventType:
    return register(
        EventType(
            name=name,
            version=1,
            topic=PEOPLE,
            summary=summary,
            bus=Person,
            example=_BUS,
            door=door,
            door_example=door_example,
            forbids=forbids,
        )
    )


TRAINEE_GRADUATED = _people_event(
    "trainee-graduated", "Somebody finished the settlement training centre.", PersonAtDoor, _DOOR
)
PERSON_ENROLLED = _people_event(
    "person-enrolled", "A counsellor brings somebody, years after graduation or never a trainee.", PersonAtDoor, _DOOR
)
PERSON_UPDATED = _people_event(
    "person-updated", "The profile changed.", PersonUpdatedAtDoor, {"reference": "HW-8841", **_PROFILE}
)
PERSON_LEFT = _people_event(
    "person-left", "The person leaves.", PersonLeftAtDoor, {"reference": "HW-8841", "reason": "own-wish"}, forbids=True
)
CONSENT_GIVEN = _people_event(
    "consent-given",
    "The person allows something, with a last day.",
    ConsentGivenAtDoor,
    {"reference": "HW-8841", "consents": _CONSENTS},
)
CONSENT_WITHDRAWN = _people_event(
    "consent-withdrawn",
    "The person takes an allowance back.",
    ConsentWithdrawnAtDoor,
    {"reference": "HW-8841", "consents": [{"purpose": "notice", "recipient": "gjf"}]},
    forbids=True,
)
CONSENT_LAPSED = _people_event(
    "consent-lapsed", "The last day of a consent has passed (said by the clock).", None, None
)
