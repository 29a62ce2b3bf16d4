"""The score of a pair, fast: what `assessment.assess` says, without saying why.

Only a no counts here, so of 23 conditions those are left out that cannot say no to a person whatever the opening, or at
an opening whoever comes: what is left for a pair is the common part of two bit masks. What a table below does not name
is always asked, so that a new condition is right without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from services.matching.domain.answers import NO, Answer
from services.matching.domain.assessment import DIGITS
from services.matching.domain.conditions import CONDITIONS
from services.matching.domain.context import AssessmentContext
from services.matching.domain.factors import FACTORS
from services.matching.domain.factors.base import NEUTRAL
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts

_NEVER_NO = frozenset({"employment", "needs"})
_BY_OPENING = frozenset({"open", "places", "minimum-wage"})  # the person has no say in it
_BY_PERSON = frozenset({"active", "consent"})
# Conditions by name, those first that say no most often for what they cost. The second: no opening makes it a no to
# this person; the third: nobody gets a no from it at this opening.
_TABLE: Mapping[str, tuple[Callable[[PersonFacts], bool], Callable[[OpeningFacts], bool]]] = {
    "kind": (lambda p: not p.kinds, lambda o: False),
    "commute": (
        lambda p: p.commute_wish is None or p.residence is None,
        lambda o: o.region is None,
    ),
    "wage-floor": (lambda p: p.floor is None, lambda o: not o.paid or o.hourly_max is None),
    "education": (lambda p: p.education is None, lambda o: o.education == 0),
    "shifts": (lambda p: not p.shifts, lambda o: not o.shifts),
    "certificate": (lambda p: p.blank, lambda o: not o.certificates),
    "licence": (lambda p: False, lambda o: not (o.needs_driving or o.needs_car or o.other_licences)),
    "hours": (lambda p: p.hours_min is None and p.hours_max is None, lambda o: o.hours is None),
    "experience": (lambda p: p.blank, lambda o: not o.rules.experience_months),
    "age": (lambda p: p.year_of_birth is None, lambda o: o.rules.age_min is None and o.rules.age_max is None),
    "sex": (lambda p: p.sex is None, lambda o: o.rules.sex is None),
    "jobless": (lambda p: p.jobless is None, lambda o: not o.rules.jobless),
    "income": (lambda p: p.income is None, lambda o: o.rules.income_max_percent_of_median is None),
    "region": (lambda p: p.residence is None or not p.areas, lambda o: not o.rules.residence),
    "dates": (lambda p: p.available is None, lambda o: o.starts is None),
    "excluded-employer": (lambda p: not p.avoided, lambda o: o.employer is None),
}
_ALONE = _NEVER_NO | _BY_OPENING | _BY_PERSON
_ORDER = {name: place for place, name in enumerate(_TABLE)}
_PAIR = sorted((one for one in CONDITIONS if one.name not in _ALONE), key=lambda one: _ORDER.get(one.name, -1))
_OPENING = tuple(one.answer for one in CONDITIONS if one.name in _BY_OPENING)
_ALWAYS: tuple[Callable[[Any], bool], Callable[[Any], bool]] = (lambda p: False, lambda o: False)
_PERSON_FREE = tuple(_TABLE.get(one.name, _ALWAYS)[0] for one in _PAIR)
_OPENING_FREE = tuple(_TABLE.get(one.name, _ALWAYS)[1] for one in _PAIR)
_WHOEVER = cast(PersonFacts, None)  # conditions of the opening alone do not look at the person
_AnswerOf = Callable[[PersonFacts, OpeningFacts, AssessmentContext], Answer]
_ValueOf = Callable[[PersonFacts, OpeningFacts, AssessmentContext], float | None]
_Shares = tuple[tuple[_ValueOf, float, bool], ...]


class Score(NamedTuple):
    """``total`` orders the openings of one person, ``fit`` the people of one opening (`Assessment.fit`)."""

    total: float
    fit: float


class PreparedPerson(NamedTuple):
    """A person who takes part, made ready for many openings. ``revision``: which change of the person this is;
    ``shares``: each factor's value, its share of the score, and whether it counts between people."""

    facts: PersonFacts
    revision: int
    mask: int
    shares: _Shares


class PreparedOpening(NamedTuple):
    """An opening that takes people, made ready for many of them. ``barred``: nobody may match it."""

    facts: OpeningFacts
    revision: int
    mask: int
    barred: bool


class Scoring:
    """Scores pairs of those who take part and openings that take people, in this context."""

    def __init__(self, context: AssessmentContext) -> None:
        self.context = context
        self._threshold = context.pack.matching.threshold
        self._checks: dict[int, tuple[_AnswerOf, ...]] = {}
        self._shares: dict[tuple[str, ...], _Shares] = {}

    def person(self, facts: PersonFacts, revision: int) -> PreparedPerson:
        """What is worked out once for this person."""
        wanted = tuple(factor for factor in FACTORS if factor.wanted_by(facts))
        names = tuple(factor.name for factor in wanted)
        if names not in self._shares:
            weights = self.context.pack.weights
            whole = sum(weights[name] for name in names)
            self._shares[names] = tuple(
                (factor.value, weights[factor.name] / whole, factor.between_people) for factor in wanted
            )
        mask = sum(1 << bit for bit, free in enumerate(_PERSON_FREE) if not free(facts))
        return PreparedPerson(facts, revision, mask, self._shares[names])

    def opening(self, facts: OpeningFacts, revision: int) -> PreparedOpening:
        """What is worked out once for this opening."""
        mask = sum(1 << bit for bit, free in enumerate(_OPENING_FREE) if not free(facts))
        barred = any(answer(_WHOEVER, facts, self.context) is NO for answer in _OPENING)
        return PreparedOpening(facts, revision, mask, barred)

    def score(self, person: PreparedPerson, opening: PreparedOpening) -> Score | None:
        """The score; None when the pair may not match, or its fit is below the threshold."""
        if opening.barred:
            return None
        context, one, other = self.context, person.facts, opening.facts
        mask = person.mask & opening.mask
        checks = self._checks.get(mask)
        if checks is None:
            checks = self._checks[mask] = tuple(each.answer for bit, each in enumerate(_PAIR) if mask >> bit & 1)
        for answer in checks:
            if answer(one, other, context) is NO:
                return None
        total = fit = whole = 0.0
        for value_of, share, between_people in person.shares:
            value = value_of(one, other, context)
            part = round(share * (NEUTRAL if value is None else value), DIGITS)
            total += part
            if between_people:
                fit += part
                whole += share
        fit = round(fit / whole, DIGITS)
        return Score(round(total, DIGITS), fit) if fit >= self._threshold else None
