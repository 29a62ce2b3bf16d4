"""Which question about a person should be asked first: one that decides several of what fits them best at once, whether
it stands as a match or waits for an answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from services.matching.domain.person_facts import PersonFacts

LOOKED_AT = 10  # openings, the best by score
SEVERAL = 2


class FirstQuestion(NamedTuple):
    """``what`` is not known of the person (its sentence: `first.<what>`), and so many of ``of`` openings hang on it."""

    what: str
    decides: int
    of: int


class Missing(NamedTuple):
    """Something a profile does not say, and the conditions that ask because of it."""

    what: str
    conditions: frozenset[str]
    of: Callable[[PersonFacts], bool]


MISSING = (
    Missing("residence", frozenset({"commute", "region"}), lambda one: one.residence is None),
    Missing("way", frozenset({"commute"}), lambda one: one.residence is not None and one.commute_wish is None),
    Missing("car", frozenset({"commute", "licence"}), lambda one: one.residence is not None and one.car is None),
    Missing("licence", frozenset({"licence"}), lambda one: one.driving is None),
    Missing("times", frozenset({"shifts"}), lambda one: not one.shifts),
    Missing("skills", frozenset({"certificate", "experience"}), lambda one: one.blank),
    Missing("education", frozenset({"education"}), lambda one: one.education is None),
    Missing("situation", frozenset({"income", "jobless"}), lambda one: one.income is None or one.jobless is None),
)
"""In the order in which they are asked where they decide as much."""


def first_questions(person: PersonFacts, asked: Sequence[Collection[str]]) -> list[FirstQuestion]:
    """What to ask the person first, what decides the most first. ``asked``: of the openings that fit them best, best
    first, the conditions that ask. What only an employer can answer is not among it, nor what decides one of several.
    """
    first = asked[:LOOKED_AT]
    found = [
        FirstQuestion(one.what, sum(not one.conditions.isdisjoint(conditions) for conditions in first), len(first))
        for one in MISSING
        if one.of(person)
    ]
    telling = (one for one in found if one.decides and one.decides >= min(SEVERAL, one.of))
    return sorted(telling, key=lambda one: -one.decides)
