"""What matching needs of an opportunity, worked out once per change and not once per pair."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from services.matching.domain.person_facts import plain_number
from shared.events.field_types import Wage
from shared.events.topics.opportunities import Opportunity, Rules
from shared.reference import Pack
from shared.reference.title_folding import folded

_ROUND = re.compile(r"(제\s*)?\d+\s*(기|회차|차수|차)(?!\w)")


class Crowd(NamedTuple):
    """Of what an opening is one of many; each lies within the one before it: its sort (its kind, or what is beneath a
    person), what one employer has of that (None: nobody says whose it is), what is nearly the same."""

    sort: str
    employer: str | None
    alike: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class OpeningFacts:
    """An opportunity's facts in the pack's own context.

    ``None`` means the advert does not say. ``paid``: paid work (a job, an internship), for which the legal wage floor
    holds; ``last_day``: the last day it is open, None: open-ended; ``shifts``: for each stated shift the plain shifts
    it needs, an empty one says nothing; ``unusual_shifts``: one of them is not among the pack's ordinary ones;
    ``title_shifts``: plain shifts that are not ordinary and that only its title names;
    ``named_...``: codes that the words of its title name, with how well; ``taught_occupations``: groups that what it
    teaches is for; ``elementary``: paid work that needs no training;
    ``leads_to_certificates``: of teaching those that its title names in full;
    ``usual_certificates_of``: of paid work that asks for no certificate or licence the group of occupations that
    usually needs one;
    ``crowd``: of what it is one of many (who hires: by number or else by name); ``bounded``: people are shown a few of
    its kind only; ``leads_on``: a kind that leads to other work; ``helpful_...``: what helps and is not asked for.
    """

    id: str
    owner: str
    kind: str
    paid: bool
    learning: bool
    open: bool
    last_day: date | None
    places: int | None
    employer: str | None
    employer_name: str
    crowd: Crowd
    bounded: bool
    leads_on: bool
    employment: str | None
    secure: bool | None
    occupation: str | None
    named_occupations: tuple[tuple[str, float], ...]
    named_skills: tuple[tuple[str, float], ...]
    taught_occupations: tuple[str, ...]
    elementary: bool
    strength: float | None
    region: str | None
    areas: frozenset[str]
    lodging: bool
    commuter_bus: bool
    wage: Wage | None
    hourly_min: float | None
    hourly_max: float | None
    hours: int | None
    hours_per_day: float | None
    shifts: tuple[frozenset[str], ...]
    shift_codes: tuple[str, ...]
    unusual_shifts: bool
    title_shifts: frozenset[str]
    starts: date | None
    rules: Rules
    needs_car: bool
    needs_driving: bool
    other_licences: tuple[str, ...]
    education: int
    certificates: frozenset[str]
    usual_certificates_of: str | None
    leads_to_certificates: frozenset[str]
    helpful_certificates: frozenset[str]
    helpful_courses: frozenset[str]
    helpful_strengths: frozenset[str]
    teaches: frozenset[str]

    @property
    def works(self) -> tuple[tuple[str, float], ...]:
        """The occupations it is about, with how well it says so: its code; without one what its title names; without
        that what it teaches."""
        if self.occupation is not None:
            return ((self.occupation, 1.0),)
        return self.named_occupations or tuple((group, 1.0) for group in self.taught_occupations)

    @property
    def named_works(self) -> tuple[tuple[str, float], ...]:
        """The occupations that its title names, without any its code."""
        return self.named_occupations or self.works

    @property
    def elementary_work(self) -> str | None:
        """Its occupation, if that is elementary."""
        return self.occupation if self.elementary else None

    @property
    def apart(self) -> tuple[str, ...] | str | None:
        """Who hires; openings of different ones never stand in each other's way in a list. None: it is of a crowd that
        has bounds whoever hires."""
        return None if self.bounded or self.elementary else self.crowd.employer or self.crowd.alike

    def same_employer(self, other: OpeningFacts) -> bool:
        """By number where both adverts give one, else by name."""
        if self.employer and other.employer:
            return self.employer == other.employer
        return bool(self.employer_name) and self.employer_name == other.employer_name

    def takes_people(self, today: date) -> bool:
        """Not closed, and its last day not over."""
        return self.open and (self.last_day is None or today <= self.last_day)


def opening_facts(opportunity: Opportunity, pack: Pack) -> OpeningFacts:
    """The facts of an opportunity; never fails on codes the pack does not know (they count as not said)."""
    data, rules, o = pack.matching, opportunity.rules, opportunity
    wage = o.wage if o.wage is not None and o.wage.currency == pack.currency else None
    most = None if wage is None else max(wage.minimum, wage.maximum or 0)
    hours = o.hours_per_week
    licences = frozenset(rules.licences)
    number = o.employer.number if o.employer else None
    name = folded(o.employer.name) if o.employer else ""
    employer = plain_number(number) if number else name or None
    ordinary = frozenset(data.ordinary_shifts)
    unusual = any(not pack.means(code) <= ordinary for code in o.shifts)
    by_title = frozenset() if unusual else pack.times_named(o.title) - ordinary  # who states such times is believed
    benefits = pack.benefits_named(o.title).union(o.benefits)
    taught = tuple(dict.fromkeys(group for code in o.teaches for group in data.leads_to.get(code, ())))
    car, driving, paid = frozenset(data.own_car), frozenset(data.driving_licences), o.kind in data.paid_kinds
    return OpeningFacts(
        id=o.opportunity,
        owner=o.owner,
        kind=o.kind,
        paid=paid,
        learning=o.kind in data.learning_kinds,
        open=o.status == "open",
        # a programme with neither a last day nor "until filled" takes people until it begins
        last_day=o.closes or (None if o.until_filled else o.starts),
        places=o.places,
        employer=plain_number(number) if number else None,
        employer_name=name,
        crowd=Crowd(
            o.kind,
            employer,
            (o.kind, employer or "", _what(o, paid), o.region or "", *sorted((*o.shifts, *by_title, *o.teaches))),
        ),
        bounded=o.kind in data.most_of_kind,
        leads_on=o.kind in data.leading_kinds,
        employment=o.employment,
        secure=None if o.employment is None else o.employment in data.secure_employment,
        occupation=o.occupation,
        named_occupations=tuple(one for one in pack.named("occupation", o.title) if _agrees(one[0], taught, pack)),
        named_skills=pack.named("skill", o.title),
        taught_occupations=taught,
        elementary=paid and o.occupation is not None and pack.is_elementary(o.occupation),
        strength=pack.work_strength(o.occupation) if o.occupation else None,
        region=o.region,
        areas=frozenset(pack.lists.ancestors(o.region)) if o.region else frozenset(),
        lodging=not benefits.isdisjoint(data.lodging),
        commuter_bus=not benefits.isdisjoint(data.commuter_bus),
        wage=wage,
        hourly_min=None if wage is None else pack.hourly(wage.minimum, wage.per, hours, o.hours_per_day),
        hourly_max=None if wage is None or most is None else pack.hourly(most, wage.per, hours, o.hours_per_day),
        hours=hours,
        hours_per_day=o.hours_per_day,
        shifts=tuple(pack.means(code) for code in o.shifts),
        shift_codes=o.shifts,
        unusual_shifts=unusual,
        title_shifts=by_title,
        starts=o.starts,
        rules=rules,
        needs_car=rules.car or not licences.isdisjoint(car),
        needs_driving=not licences.isdisjoint(driving),
        other_licences=tuple(code for code in rules.licences if code not in car | driving),
        education=(pack.education_rank(rules.education_min) or 0) if rules.education_min else 0,
        certificates=frozenset(o.certificates),
        leads_to_certificates=_certificates_named(o, pack) if o.kind in data.learning_kinds else frozenset(),
        usual_certificates_of=_usual_certificates_of(o, pack) if paid else None,
        helpful_certificates=frozenset(o.certificates) | frozenset(o.certificates_wanted),
        helpful_courses=frozenset(o.courses_wanted),
        helpful_strengths=frozenset(o.strengths),
        teaches=frozenset(o.teaches),
    )


def _usual_certificates_of(o: Opportunity, pack: Pack) -> str | None:
    """The group of its occupation that usually needs a certificate, where the advert says nothing of any."""
    if o.occupation is None or o.certificates or o.certificates_wanted or o.rules.licences:
        return None
    usual = pack.matching.usual_certificates
    group = pack.occupations.group_of(o.occupation, usual)
    return group if group and usual[group] else None


def _certificates_named(o: Opportunity, pack: Pack) -> frozenset[str]:
    """Certificates that the title names in full."""
    certificates = pack.schemes_for("certificate")
    named = pack.named("skill", o.title)
    return frozenset(code for code, well in named if well == 1 and code.partition(":")[0] in certificates)


def _agrees(occupation: str, taught: tuple[str, ...], pack: Pack) -> bool:
    """Whether an occupation that a title names is one that what is taught is for; where nothing says, it is."""
    path = pack.occupations.path
    return not taught or any(path(occupation).startswith(path(group)) for group in taught)


def _what(o: Opportunity, paid: bool) -> str:
    """What an advert is for, whatever its title adds: work by its occupation when somebody says who hires, all else by
    its title, of which the number of the round does not count."""
    if paid and o.occupation and o.employer and (o.employer.number or folded(o.employer.name)):
        return o.occupation
    return f"{o.occupation or ''}/{folded(_ROUND.sub('', o.title))}"
