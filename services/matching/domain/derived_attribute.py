"""Derived attributes of a pair: what comes of a person and an opening together and takes few different values, as the
way to work, or whether the work is beneath somebody."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts


@dataclass(frozen=True)
class DerivedAttribute:
    """A rule that names one looks at these facts of both sides through ``value`` alone. So it need not be asked for
    every home and every place of work, but once for each value and what else it looks at."""

    of_person: tuple[str, ...]
    of_opening: tuple[str, ...]
    value: Callable[[PersonFacts, OpeningFacts, AssessmentContext], Hashable]


def _minutes(person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Hashable:
    return opening.region is None, context.way_of(person, opening.region)


def _way(person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Hashable:
    """With those by car where nobody asked for one; where no place is named, whether it is for other areas, and where
    the way is not known whether it is somewhere around the home."""
    if opening.region is None:
        return "nowhere", person.areas.isdisjoint(opening.rules.residence)
    by_car = context.minutes(person.residence, opening.region, True) if person.car is None else None
    way = context.way_of(person, opening.region)
    return way, by_car, way is None and opening.region in person.areas


def _minutes_for_needs(person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Hashable:
    home, by_car = person.home_of_needs
    return context.minutes(home, opening.region, by_car)


MINUTES = DerivedAttribute(("residence", "car"), ("region",), _minutes)
WAY = DerivedAttribute(("residence", "car", "areas"), ("region", "rules.residence"), _way)
MINUTES_FOR_NEEDS = DerivedAttribute(("home_of_needs",), ("region",), _minutes_for_needs)
