"""Which question about a person should be asked first: one that decides several of their best openings at once, whether
these stand as matches or wait for an answer. What waits need not have a condition that asks: work at the legal floor
waits for who states no least pay, since most who state one want more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from math import prod
from typing import NamedTuple

from services.matching.domain.assessment import Assessment
from services.matching.domain.condition_answer import ASK, NO, YES
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts
from shared.events.field_types import WageFloor
from shared.reference import Pack

LOOKED_AT = 10  # openings that are not nearly the same, the best by score
READ = 2 * LOOKED_AT  # of a list, since some are closed or nearly the same; where more are, fewer are looked at
SEVERAL = 2
ANY_WAY = 24 * 60  # minutes: somebody to whom no way is too long
LONG_AGO = 1900  # a year of birth at no border of any rule of age


class FirstQuestion(NamedTuple):
    """``what`` is not known of the person (its sentence: `first.<what>`), and so many of ``of`` openings hang on it."""

    what: str
    decides: int
    of: int


class Missing(NamedTuple):
    """Something a profile may not say. ``answers``: the person as they would be after answers that could decide about
    an opening; none when it is known."""

    what: str
    answers: Callable[[PersonFacts, OpeningFacts, Pack], Iterable[PersonFacts]]


def _kinds(person: PersonFacts, opening: OpeningFacts, pack: Pack) -> Iterator[PersonFacts]:
    if not person.kinds:
        yield replace(person, kinds=frozenset((opening.kind,)))


def _residence(person: PersonFacts, opening: OpeningFacts, pack: Pack) -> Iterator[PersonFacts]:
    """Also of somebody of whom only a wider area is known: there no way can be told from it."""
    known = person.residence
    for code in (opening.region, *opening.rules.residence):
        if code is not None and (known is None or (code != known and pack.lies_in(code, known))):
            yield replace(person, residence=code, areas=frozenset(pack.lists.ancestors(code)))


def _way(person: PersonFacts, opening: OpeningFacts, pack: Pack) -> Iterator[PersonFacts]:
    if person.commute_wish is None:
        yield replace(person, commute_wish=ANY_WAY)


def _lodging(person: PersonFacts, opening: OpeningFacts, pack: Pack) -> Iterator[PersonFacts]:
    if person.lodging is None and opening.lodging:
        yield replace(person, lodging=True)


def _pay(person: PersonFacts, opening: OpeningFacts, pack: Pack) -> Iterator[PersonFacts]:
    if person.floor is None and opening.wage is not None:
        least = WageFloor(per=opening.wage.per, amount=opening.wage.minimum, currency=opening.wage.currency)
        yield replace(person, floor=least, floor_hourly=opening.hourly_min)


def _car(person: PersonFacts, opening: OpeningFacts, pack: Pack) -> Iterator[PersonFacts]:
    if person.car is None:
        yield from (replace(person, car=car) for car in (True, False))


def _licence(person: PersonFacts, opening: OpeningFacts, pack: Pack) -> Iterator[PersonFacts]:
    if person.driving is None:
        yield replace(person, driving=True)
        yield replace(person, driving=False, car=False)  # as `person_facts` has it


def _times(person: PersonFacts, opening: OpeningFacts, pack: Pack) -> Iterator[PersonFacts]:
    if not person.shifts and (opening.shifts or opening.title_shifts):
        yield replace(person, shifts=opening.title_shifts.union(*opening.shifts))


def _skills(person: PersonFacts, opening: OpeningFacts, pack: Pack) -> Iterator[PersonFacts]:
    if person.blank:
        yield replace(person, blank=False)


def _education(person: PersonFacts, opening: OpeningFacts, pack: Pack) -> Iterator[PersonFacts]:
    if person.education is None:
        yield replace(person, education=opening.education)


def _situation(person: PersonFacts, opening: OpeningFacts, pack: Pack) -> Iterator[PersonFacts]:
    if person.income is None:
        yield replace(person, income=0)
    if person.jobless is None:
        yield replace(person, jobless=True)


def _birth(person: PersonFacts, opening: OpeningFacts, pack: Pack) -> Iterator[PersonFacts]:
    if person.year_of_birth is None:
        yield replace(person, year_of_birth=LONG_AGO)


def _sex(person: PersonFacts, opening: OpeningFacts, pack: Pack) -> Iterator[PersonFacts]:
    if person.sex is None:
        yield replace(person, sex=opening.rules.sex)


MISSING = (
    Missing("kinds", _kinds),
    Missing("residence", _residence),
    Missing("way", _way),
    Missing("lodging", _lodging),
    Missing("pay", _pay),
    Missing("car", _car),
    Missing("licence", _licence),
    Missing("times", _times),
    Missing("skills", _skills),
    Missing("education", _education),
    Missing("situation", _situation),
    Missing("birth", _birth),
    Missing("sex", _sex),
)
"""In the order in which they are asked where they decide as much."""


def first_questions(best: Iterable[Assessment]) -> list[FirstQuestion]:
    """What to ask the person first, what decides the most first. ``best``: openings of one person, best first by
    score; those that may match are looked at, one of those that are nearly the same. What only an employer can answer
    is not among it, nor what decides one of several."""
    first: dict[tuple[str, ...], Assessment] = {}
    for each in best:
        if each.state != "no":
            first.setdefault(each.opening.crowd.alike, each)
        if len(first) == LOOKED_AT:
            break
    found = [
        FirstQuestion(one.what, sum(_decides(one, each) for each in first.values()), len(first)) for one in MISSING
    ]
    telling = (one for one in found if one.decides and one.decides >= min(SEVERAL, one.of))
    return sorted(telling, key=lambda one: -one.decides)


def _decides(missing: Missing, now: Assessment) -> bool:
    """Whether after one of the answers something need not be asked any more, or what nobody said no longer makes the
    opening unlikely, whatever else is asked; tried, so that nothing here knows a second time when a condition asks or
    how likely it is."""
    opening, context = now.opening, now.context
    asks = [result.condition for result in now.answers if result.answer is ASK]
    others = [result.condition for result in now.answers if result.answer is YES]

    def unlikely(person: PersonFacts) -> bool:
        answers = ((one, one.answer(person, opening, context)) for one in others)
        chances = (0 if answer is NO else one.chance(person, opening, context, answer) for one, answer in answers)
        return prod(chances) < context.pack.matching.likely_from

    waits = unlikely(now.person)
    return any(
        (waits and not unlikely(then)) or any(one.answer(then, opening, context) is not ASK for one in asks)
        for then in (missing.answers(now.person, opening, context.pack) if waits or asks else ())
    )
