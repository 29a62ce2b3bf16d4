"""What matching needs of a person, worked out once per change and not once per pair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import NamedTuple

from shared.events.field_types import WageFloor
from shared.events.topics.people import Experience, Person
from shared.reference import Pack
from shared.reference.matching_data import NeedRule

CONSENT_TO_MATCHING = "matching"
WANTED = 0.5  # an interest from here on is a wish
MONTHS_OF_A_TRADE = 24  # by then somebody knows a trade: more months do not bring an opening nearer


class Wishes(NamedTuple):
    """Work that is wanted: occupations with how much each speaks for an opening near it, groups with how far an opening
    inside one counts towards a full hit."""

    occupations: tuple[tuple[str, float], ...]
    interests: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class PersonFacts:
    """A person's facts in the pack's own context.

    ``None`` means not known or not asked for; an empty set of wishes means no limit. ``occupations`` holds codes with
    how much each one speaks for an opening near it (0 to 1), ``interests`` groups with how far an opening inside one
    counts towards a full hit; ``usual_way``: minutes one way that need not be asked about; ``stays``: a need bounds the
    way, so neither lodging nor a bus makes work near that is far; ``blank`` says that nothing about skills was
    recorded, ``trained`` that a course or certificate was.
    """

    id: str
    active: bool
    consent_until: date | None
    kinds: frozenset[str]
    employment: frozenset[str]
    floor: WageFloor | None
    floor_hourly: float | None
    shifts: frozenset[str]
    hours_min: int | None
    hours_max: int | None
    commute_wish: int | None
    usual_way: int
    available: str | None
    avoided: frozenset[str]
    growth: bool
    residence: str | None
    areas: frozenset[str]
    car: bool | None
    driving: bool | None
    certificates: frozenset[str]
    courses: frozenset[str]
    strengths: frozenset[str]
    education: int | None
    year_of_birth: int | None
    sex: str | None
    jobless: bool | None
    income: int | None
    occupations: tuple[tuple[str, float], ...]
    interests: tuple[tuple[str, float], ...]
    experience: tuple[tuple[str, int], ...]
    needs: tuple[tuple[str, NeedRule], ...]
    stays: bool
    lodging: bool | None
    blank: bool
    trained: bool

    @property
    def wishes(self) -> Wishes:
        """Which work is wanted."""
        return Wishes(self.occupations, self.interests)

    @property
    def wishes_of_trained(self) -> Wishes | None:
        """The same, of somebody who learned a trade and wants growth weighed."""
        return self.wishes if self.trained and self.growth else None

    @property
    def way(self) -> tuple[int | None, int | None]:
        """Minutes one way that are wished, and without a wish those that need not be asked about."""
        return self.commute_wish, None if self.commute_wish else self.usual_way

    @property
    def home_of_needs(self) -> tuple[str | None, bool]:
        """From where, and whether by car, when a need counts the minutes of the way; of anybody else nothing."""
        return (self.residence, self.car is True) if self._need_bounds_way else (None, False)

    @property
    def wish_of_needs(self) -> int | None:
        """The wish for the way of whom a need counts its minutes; of anybody else nothing."""
        return self.commute_wish if self._need_bounds_way else None

    @property
    def _need_bounds_way(self) -> bool:
        return any(rule.commute_minutes_max is not None for _, rule in self.needs)

    def takes_part(self, today: date) -> bool:
        """Has not left, and the consent to matching holds, its last day included."""
        return self.active and self.consent_until is not None and today <= self.consent_until


def person_facts(person: Person, pack: Pack) -> PersonFacts:
    """The facts of a person; never fails on codes the pack does not know (they count as not known)."""
    wants = person.wants
    hours = wants.hours_per_week if wants else None
    floor = wants.wage_min if wants else None
    if floor is not None and floor.currency != pack.currency:
        floor = None
    rules = pack.matching.needs
    drives = _drives(person, pack)
    needs = tuple((code, rules[code]) for code in dict.fromkeys(person.counselling.needs) if code in rules)
    stays = any(True for _ in _usual_ways(rule for _, rule in needs))
    wants_lodging = wants.lodging if wants else None
    return PersonFacts(
        id=person.person,
        active=person.status == "active",
        consent_until=max((c.until for c in person.consents if c.purpose == CONSENT_TO_MATCHING), default=None),
        kinds=frozenset(wants.kinds if wants else ()),
        employment=frozenset(wants.employment if wants else ()),
        floor=floor,
        floor_hourly=None if floor is None else pack.hourly(floor.amount, floor.per, hours.max if hours else None),
        shifts=frozenset[str]().union(*(pack.means(code) for code in wants.shifts)) if wants else frozenset(),
        hours_min=hours.min if hours else None,
        hours_max=hours.max if hours else None,
        commute_wish=wants.commute_minutes if wants else None,
        usual_way=min([pack.matching.usual_commute_minutes, *_usual_ways(rule for _, rule in needs)]),
        available=wants.start if wants else None,
        avoided=frozenset(plain_number(mark.partition(":")[2]) for mark in wants.not_to) if wants else frozenset(),
        growth=wants.growth if wants else True,
        residence=person.residence,
        areas=frozenset(pack.lists.ancestors(person.residence)) if person.residence else frozenset(),
        car=False if drives is False else person.has.car,  # no use to who does not drive, whoever's it is
        driving=drives,
        certificates=frozenset(person.certificates),
        courses=frozenset(course.code for course in person.courses),
        strengths=frozenset(person.counselling.strengths),
        # rank 0 asks for nothing where an advert says it; of a person it says nothing
        education=(pack.education_rank(person.education) or None) if person.education else None,
        year_of_birth=person.year_of_birth,
        sex=person.sex,
        jobless=person.situation.jobless,
        income=person.situation.income_percent_of_median,
        occupations=tuple((e.code, _pull(e)) for e in person.occupations if e.interest > 0),
        interests=tuple((group, _inside(group, person, pack)) for group in person.counselling.interests),
        experience=tuple((e.code, e.months) for e in person.occupations if e.months > 0),
        needs=needs,
        stays=stays,
        lodging=False if wants_lodging is None and stays else wants_lodging,
        blank=not (person.certificates or person.courses or person.occupations),
        trained=bool(person.certificates or person.courses),
    )


def _drives(person: Person, pack: Pack) -> bool | None:
    """Whether there is a driving licence: a certificate that proves one says so, else the person."""
    licences = (pack.matching.licence_certificates.get(code, ()) for code in pack.matching.driving_licences)
    proved = not frozenset(person.certificates).isdisjoint(chain(*licences))
    return True if proved else person.has.driving_licence


def _pull(known: Experience) -> float:
    """How much a known or wanted occupation speaks for an opening: as much as it is wanted; months of it add to a wish,
    and never make one."""
    wanted = known.interest if known.interest < WANTED else 0.5 + 0.5 * known.interest
    return min(1.0, wanted * (1 + 0.2 * min(known.months / MONTHS_OF_A_TRADE, 1.0)))


def _inside(group: str, person: Person, pack: Pack) -> float:
    """How far an opening inside a group of interest counts towards a full hit: half the way; a quarter where a wished
    occupation says which part of the group is meant."""
    path = pack.occupations.path
    wished = (known.code for known in person.occupations if known.interest >= WANTED)
    return 0.25 if any(path(code).startswith(path(group)) for code in wished if path(group)) else 0.5


def _usual_ways(needs: Iterable[NeedRule]) -> Iterator[int]:
    for rule in needs:
        yield from (most for most in (rule.commute_minutes_max, rule.usual_commute_minutes) if most is not None)


def plain_number(number: str) -> str:
    """An employer's number as it compares: without hyphens."""
    return number.replace("-", "").casefold()
