"""One pair: may it match, how well, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.condition_answer import ASK, NO, Answer
from services.matching.domain.conditions import CONDITIONS, Condition
from services.matching.domain.factors import FACTORS, Factor
from services.matching.domain.opening_facts import OpeningFacts, opening_facts
from services.matching.domain.person_facts import PersonFacts, person_facts
from shared.events.topics.matches import Band
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack

DIGITS = 6
State = Literal["eligible", "possible", "no"]


@dataclass(frozen=True, slots=True)
class ConditionResult:
    """One condition of a pair and its answer."""

    condition: Condition
    answer: Answer


@dataclass(frozen=True, slots=True)
class FactorResult:
    """One factor of a pair: its value (None: not known, so neutral), its share of the score, and what it adds."""

    factor: Factor
    value: float | None
    share: float
    contribution: float


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything about one pair, for people to read. ``score`` is there even when a condition says no.

    Without a live consent nothing but the consent (and whether the person takes part) was looked at.
    """

    person: PersonFacts
    opening: OpeningFacts
    context: AssessmentContext
    answers: tuple[ConditionResult, ...]
    factors: tuple[FactorResult, ...]

    @property
    def state(self) -> State:
        """Any no: `no`; else any ask: `possible`; else `eligible`."""
        found = {result.answer for result in self.answers}
        if NO in found:
            return "no"
        return "possible" if ASK in found else "eligible"

    @property
    def score(self) -> float:
        """0 to 1, six digits: the sum of the contributions."""
        return round(sum(result.contribution for result in self.factors), DIGITS)

    @property
    def fit(self) -> float:
        """0 to 1, six digits: the same of the factors that count between people. Below the pack's threshold nothing is
        kept, so that open questions never take an opening away from anybody."""
        counting = [result for result in self.factors if result.factor.between_people]
        return round(sum(one.contribution for one in counting) / sum(one.share for one in counting), DIGITS)


def check_weights(pack: Pack) -> None:
    """ValueError when the pack's weights are not exactly for the factors there are."""
    if set(pack.weights) != {factor.name for factor in FACTORS}:
        raise ValueError(f"{pack.name}: weights must be for {sorted(factor.name for factor in FACTORS)}")


def weigh(person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> tuple[FactorResult, ...]:
    """The factors that this person wants weighed, in the order of their names. Contributions have six digits."""
    weights = context.pack.weights
    wanted = [factor for factor in FACTORS if factor.wanted_by(person)]
    whole = sum(weights[factor.name] for factor in wanted)
    results = []
    for factor in wanted:
        value = factor.value(person, opening, context)
        share = weights[factor.name] / whole
        results.append(
            FactorResult(
                factor,
                value,
                share,
                round(share * (factor.unknown(opening, context) if value is None else value), DIGITS),
            )
        )
    return tuple(results)


def assess(person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Assessment:
    """Every condition and every factor of one pair; after a no to taking part or to consent nothing more."""
    answers: list[ConditionResult] = []
    for condition in CONDITIONS:
        answers.append(ConditionResult(condition, condition.answer(person, opening, context)))
        if answers[-1].answer is NO and condition.name in ("active", "consent"):
            return Assessment(person, opening, context, tuple(answers), ())
    return Assessment(person, opening, context, tuple(answers), weigh(person, opening, context))


def assess_pair(person: Person, opportunity: Opportunity, pack: Pack, today: date) -> Assessment:
    """The same from the models of the bus."""
    context = AssessmentContext(pack, today)
    return assess(person_facts(person, context.pack), opening_facts(opportunity, context.pack), context)


def band_of(score: float, pack: Pack) -> Band:
    """High, medium or low, by the pack's borders (a border belongs to the higher band)."""
    bands = pack.matching.bands
    if score >= bands["high"]:
        return "high"
    return "medium" if score >= bands["medium"] else "low"
