"""The answers of intake's API. No personal value: it holds ids that the sender sent, and names of our rules."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from shared.events.field_types import Wage
from shared.kit.web.problem_details import Finding, ProblemDetails
from shared.kit.web.response_model import Answer

ReceiptStatus = Literal["accepted", "refused", "duplicate", "superseded", "failed"]


class Vetted(Answer):
    """What became of an advert when it was looked at: `checked`, `held` (not shown for now) or `refused`, and why."""

    verdict: Literal["checked", "held", "refused"]
    reason: str | None = None


class Receipt(Answer):
    """What became of one event.

    `duplicate`: seen before under this id, this is the first receipt; or another event said the same, and this one has
    no effect and a receipt of its own. `superseded`: older than what is held, no effect. `failed`: nothing of
    this one event was kept, send the same again: a fault of ours (500), or too many at a time (429). `alias`: your own
    name for the person; `opportunity`, `agency`: the thing's id. `withheld`: what of an accepted event does not hold,
    because it was ended or taken back before it came: `active`, `open`, or a consent as `purpose/recipient`.
    `vetting`: what became of the advert when it was looked at.
    `warnings`: what of it was passed over or set aside. `problem` only with `refused`
    and `failed`.
    """

    id: str | None = None
    source: str | None = None
    type: str | None = None
    status: ReceiptStatus
    receipt: str | None = None
    alias: str | None = None
    opportunity: str | None = None
    agency: str | None = None
    vetting: Vetted | None = None
    withheld: list[str] | None = None
    testrun: bool | None = None
    warnings: list[Finding] | None = None
    problem: ProblemDetails | None = None


class BatchAnswer(Answer):
    """One result per event, in the order they came."""

    results: list[Receipt]


class Emitted(Answer):
    """One event on the bus and the version of the thing it told."""

    type: str
    sequence: int


class Times(Answer):
    """How often something happened, first and last."""

    count: int
    first: datetime
    last: datetime


class Partner(Answer):
    """What one recipient was told by one channel because of the event."""

    recipient: str
    channel: str
    delivered: Times | None = None
    acknowledged: Times | None = None
    failed: Times | None = None
    recalled: Times | None = None
    recall_acknowledged: Times | None = None


class Matched(Answer):
    """How many matches were found, changed and withdrawn because of the event."""

    found: int = 0
    changed: int = 0
    withdrawn: int = 0


class Journey(Answer):
    """Everything that followed from one event, to the partner's answer, without anything about a person. `vetting`:
    what holds of the advert today."""

    id: str
    source: str
    type: str | None = None
    status: Literal["accepted", "refused", "superseded"]
    at: datetime
    receipt: str | None = None
    vetting: Vetted | None = None
    emitted: list[Emitted] = Field(default_factory=list)
    matches: Matched = Matched()
    partners: list[Partner] = Field(default_factory=list)
    errors: list[Finding] = Field(default_factory=list)


class Rejection(Answer):
    """A refused event, without any value of it. `more`: so many findings are left out; `GET /events/{id}` has them."""

    agency: str
    id: str | None = None
    type: str | None = None
    at: datetime
    errors: list[Finding]
    more: int | None = None


class Rejections(Answer):
    """Newest first, fewer than asked for when they have many findings. `next`: pass it as `before` to read on; None at
    the end. `full_today`: agencies of these, and your own, of which no more is kept today: what is refused is answered
    in full and does not stand here."""

    rejections: list[Rejection]
    next: str | None = None
    full_today: list[str] | None = None


class HeldConsent(Answer):
    """A consent that holds, to its last day."""

    purpose: str
    recipient: str | None = None
    until: date


class HeldPerson(Answer):
    """A person under your reference, as codes. `alias`: your own; `your_sequence`: your version of the profile;
    `identity`: which fields of it are held, never a value; `known_to`: agencies that may have been told of this person;
    `told`: what followed from your newest events (what an advert that came later led to is not in it), with the right
    `journeys`."""

    alias: str | None = None
    status: str
    your_sequence: int | None = None
    profile: dict[str, Any]
    consents: list[HeldConsent]
    identity: list[str]
    known_to: list[str]
    told: list[Partner] | None = None


class HeldOpportunity(Answer):
    """An advert under your reference. `open`: as you said; `told_as_open`: the vacancy, which may have other sources;
    `advert`: your words; `matches`, `told`: what followed from what was told of it last, with the right `journeys` and
    where that was your own event."""

    opportunity: str
    kind: Literal["job", "programme"]
    open: bool
    told_as_open: bool
    your_sequence: int | None = None
    advert: dict[str, Any]
    matches: Matched | None = None
    told: list[Partner] | None = None


class Held(Answer):
    """What is held under a reference. Jobs, programmes and people have references of their own."""

    person: HeldPerson | None = None
    opportunities: list[HeldOpportunity] = Field(default_factory=list)


class SeenAdvert(Answer):
    """What tells two adverts apart. All of it is public."""

    opportunity: str
    status: str
    agency: str
    title: str
    employer: str | None = None
    region: str | None = None
    occupation: str | None = None
    wage: Wage | None = None
    hours_per_week: int | None = None


class Question(Answer):
    """Two opportunities that two agencies brought and that may be one vacancy. `stale`: one of them is closed or has
    changed, so that they cannot be one any more."""

    question: str
    opportunities: list[str]
    agencies: list[str]
    adverts: list[SeenAdvert]
    at: datetime
    answer: str | None = None
    stale: bool


class Questions(Answer):
    """The newest first. `next`: pass it as `before` to read on; None at the end."""

    questions: list[Question]
    next: str | None = None


class Source(Answer):
    """One agency's advert of an opportunity; `heard`: the day on which the agency last spoke of it."""

    source: str
    agency: str
    open: bool
    heard: date
    title: str


class Vacancy(Answer):
    """An opportunity as its operator sees it: the first source's words are told."""

    opportunity: str
    status: str
    title: str
    employer: str | None = None
    vetting: Vetted | None = None
    sources: list[Source]


class Vacancies(Answer):
    """By id. `next`: pass it as `after` to read on; None at the end."""

    opportunities: list[Vacancy]
    next: str | None = None


class ListedEmployer(Answer):
    """An employer whose adverts are held or refused. `applied`: also those that were there before."""

    number: str
    verdict: Literal["held", "refused"]
    reason: str | None = None
    by: str
    at: datetime
    applied: bool


class Employers(Answer):
    """By number. `next`: pass it as `after` to read on; None at the end."""

    employers: list[ListedEmployer]
    next: str | None = None


class Alias(Answer):
    """Your own name for the person."""

    alias: str
