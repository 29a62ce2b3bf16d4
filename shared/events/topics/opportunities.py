"""Topic ``opportunities`` (key: opportunity): what is open. Jobs, and the programmes of agencies.

On the bus every event carries the opportunity's whole state under a random id; the agency's own number stays in intake.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.events.data_classification import PUBLIC, Model
from shared.events.field_types import Code, Day, Id, Reference, Sex, Slug, Title, Wage
from shared.events.registry import EventType, Topic, register

OPPORTUNITIES = register(Topic(name="opportunities", key="opportunity", written_by="intake"))

Line = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")]
Codes = Annotated[tuple[Code, ...], Field(max_length=20)]
Age = Annotated[int, Field(ge=0, le=120)]


class Employer(Model):
    """Who hires or runs it; ``number`` is the public business number, by which a person can rule an employer out."""

    name: Annotated[Line, PUBLIC]
    number: Annotated[str | None, PUBLIC, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,40}$")] = None


class Rules(Model):
    """Hard conditions besides certificates; None: no such rule."""

    licences: Annotated[Codes, PUBLIC] = ()
    education_min: Annotated[Code | None, PUBLIC] = None
    experience_months: Annotated[int | None, PUBLIC, Field(ge=0, le=720)] = None
    age_min: Annotated[Age | None, PUBLIC] = None
    age_max: Annotated[Age | None, PUBLIC] = None
    sex: Annotated[Sex | None, PUBLIC] = None
    income_max_percent_of_median: Annotated[int | None, PUBLIC, Field(ge=1, le=1000)] = None
    jobless: Annotated[bool | None, PUBLIC] = None
    residence: Annotated[Codes, PUBLIC] = ()
    car: Annotated[bool, PUBLIC] = False


VettingReason = Literal[
    "employer-number", "employer-blocked", "employer-unlicensed", "not-a-job", "wrong-terms", "no-longer-open", "other"
]
Verdict = Literal["checked", "held", "refused"]


class Vetting(Model):
    """What became of an advert when it was looked at, by rules or by an operator; ``reason``: why it is not open."""

    verdict: Annotated[Verdict, PUBLIC]
    reason: Annotated[VettingReason | None, PUBLIC] = None


class _Advert(Model):
    """What is the same at the door and on the bus."""

    title: Annotated[Line, PUBLIC]
    occupation: Annotated[Code | None, PUBLIC] = None
    industry: Annotated[Code | None, PUBLIC] = None
    employer: Annotated[Employer | None, PUBLIC] = None
    region: Annotated[Code | None, PUBLIC] = None
    employment: Annotated[Code | None, PUBLIC] = None
    wage: Annotated[Wage | None, PUBLIC] = None
    hours_per_week: Annotated[int | None, PUBLIC, Field(ge=1, le=80)] = None
    hours_per_day: Annotated[float | None, PUBLIC, Field(ge=1, le=24)] = None
    shifts: Annotated[Codes, PUBLIC] = ()
    benefits: Annotated[Codes, PUBLIC] = ()
    places: Annotated[int | None, PUBLIC, Field(ge=0, le=100_000)] = None
    starts: Annotated[Day | None, PUBLIC] = None
    closes: Annotated[Day | None, PUBLIC] = None
    until_filled: Annotated[bool, PUBLIC] = False
    months: Annotated[int | None, PUBLIC, Field(ge=1, le=120)] = None
    rules: Annotated[Rules, PUBLIC] = Rules()
    strengths: Annotated[Codes, PUBLIC] = ()


class Opportunity(_Advert):
    """The whole state of one opportunity on the bus; ``closes`` is the last day, None with ``until_filled`` open-ended.
    Only what is ``open`` takes people: ``held`` waits for somebody to look at it, and one that was refused is closed.

    ``certificates`` are required, ``certificates_wanted`` and ``courses_wanted`` nice to have, ``teaches`` what a
    training leads to (course codes).
    """

    opportunity: Annotated[Id, PUBLIC]
    owner: Annotated[Slug, PUBLIC]
    kind: Annotated[Slug, PUBLIC]
    status: Annotated[Literal["open", "held", "closed"], PUBLIC]
    vetting: Annotated[Vetting | None, PUBLIC] = None
    certificates: Annotated[Codes, PUBLIC] = ()
    certificates_wanted: Annotated[Codes, PUBLIC] = ()
    courses_wanted: Annotated[Codes, PUBLIC] = ()
    teaches: Annotated[Codes, PUBLIC] = ()


class _AdvertAtDoor(_Advert):
    """At the door certificates and courses come by title or code and are resolved by the pack."""

    reference: Annotated[Reference, PUBLIC]
    certificates: Annotated[tuple[Title, ...], PUBLIC, Field(max_length=20)] = ()
    certificates_wanted: Annotated[tuple[Title, ...], PUBLIC, Field(max_length=20)] = ()
    courses_wanted: Annotated[tuple[Title, ...], PUBLIC, Field(max_length=20)] = ()
    teaches: Annotated[tuple[Title, ...], PUBLIC, Field(max_length=20)] = ()


class JobAtDoor(_AdvertAtDoor):
    """A job advert as the job agency or employer portal sends it; what it says replaces what it said before."""

    occupation: Annotated[Code, PUBLIC]
    region: Annotated[Code, PUBLIC]
    wage: Annotated[Wage, PUBLIC]


class ProgrammeAtDoor(_AdvertAtDoor):
    """An internship, training, start-up support or consulting offer; the kinds are data of the pack."""

    kind: Annotated[Slug, PUBLIC]


class ClosedAtDoor(Model):
    """It is no longer open."""

    reference: Annotated[Reference, PUBLIC]
    reason: Annotated[Literal["filled", "expired", "withdrawn", "other"], PUBLIC]


class VettedAtDoor(Vetting):
    """An operator's word on an opportunity, by the id that receipts name; it holds until the next one."""

    opportunity: Annotated[Id, PUBLIC]


_JOB = {
    "title": "제과제빵원 (주간)",
    "occupation": "work24-2024-occupation:871100",
    "employer": {"name": "예시제과", "number": "000-00-00000"},
    "region": "legal-dong-2026:41270",
    "employment": "work24-2024-employment:10",
    "wage": {"per": "month", "minimum": 2500000, "currency": "KRW"},
    "hours_per_week": 40,
    "shifts": ["kr-gyeonggi-1:day"],
    "benefits": ["work24-2024-welfare:02"],
    "places": 2,
    "closes": "2026-12-31",
    "until_filled": True,
}
_PROGRAMME = {
    "title": "요양보호사 양성과정",
    "region": "legal-dong-2026:41110",
    "places": 20,
    "starts": "2027-01-11",
    "closes": "2026-12-24",
    "months": 2,
    "rules": {"age_min": 18, "residence": ["legal-dong-2026:41000"]},
}
_BUS_JOB = {
    "opportunity": "1c" * 16,
    "owner": "gjf",
    "kind": "job",
    "status": "open",
    **_JOB,
    "certificates_wanted": ["kr-certificate-2020:7892"],
}
_BUS_PROGRAMME = {
    "opportunity": "2d" * 16,
    "owner": "gjf",
    "kind": "training",
    "status": "open",
    **_PROGRAMME,
    "teaches": ["ncs-2026:06"],
}
_JOB_DOOR = {"reference": "KJKB002611200001", **_JOB, "certificates_wanted": ["제과기능사"]}
_PROGRAMME_DOOR = {"reference": "GJF-2026-31", "kind": "training", **_PROGRAMME, "teaches": ["요양보호"]}
_CLOSED_DOOR = {"reference": "KJKB002611200001", "reason": "filled"}


def _opportunity_event(
    name: str, summary: str, example: Mapping[str, object], door: type[Model], door_example: Mapping[str, object]
) -> EventType:
    return register(
        EventType(
            name=name,
            version=1,
            topic=OPPORTUNITIES,
            summary=summary,
            bus=Opportunity,
            example=example,
            door=door,
            door_example=door_example,
        )
    )


JOB_POSTED = _opportunity_event("job-posted", "A job is open.", _BUS_JOB, JobAtDoor, _JOB_DOOR)
JOB_UPDATED = _opportunity_event("job-updated", "A job's advert changed.", _BUS_JOB, JobAtDoor, _JOB_DOOR)
JOB_CLOSED = _opportunity_event(
    "job-closed", "A job is no longer open.", {**_BUS_JOB, "status": "closed"}, ClosedAtDoor, _CLOSED_DOOR
)
PROGRAMME_OPENED = _opportunity_event(
    "programme-opened", "A programme takes people.", _BUS_PROGRAMME, ProgrammeAtDoor, _PROGRAMME_DOOR
)
PROGRAMME_UPDATED = _opportunity_event(
    "programme-updated", "A programme's terms changed.", _BUS_PROGRAMME, ProgrammeAtDoor, _PROGRAMME_DOOR
)
PROGRAMME_CLOSED = _opportunity_event(
    "programme-closed",
    "A programme takes nobody any more.",
    {**_BUS_PROGRAMME, "status": "closed"},
    ClosedAtDoor,
    {"reference": "GJF-2026-31", "reason": "filled"},
)
OPPORTUNITY_VETTED = _opportunity_event(
    "opportunity-vetted",
    "An advert was checked, held or refused.",
    {**_BUS_JOB, "status": "held", "vetting": {"verdict": "held", "reason": "employer-number"}},
    VettedAtDoor,
    {"opportunity": "1c" * 16, "verdict": "checked"},
)
