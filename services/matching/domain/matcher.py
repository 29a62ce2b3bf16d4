"""The plain engine: every person against every opportunity. What it says is right by definition (the tests' oracle)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.matching.domain.assessment import Verdict, band_of, check_weights, verdict_of
from services.matching.domain.context import AssessmentContext
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from shared.events.topics.matches import Band
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack


@dataclass(frozen=True, slots=True)
class Standing:
    """A match that is kept. ``asks`` are the conditions to ask about; ``contributions`` add up to the score; ``rank``
    is its place among the person's best, 1 the best."""

    state: Literal["eligible", "possible"]
    score: float
    band: Band
    asks: tuple[str, ...]
    contributions: tuple[tuple[str, float], ...]
    rank: int


def standing(verdict: Verdict, rank: int, pack: Pack) -> Standing:
    """A verdict with its place among the person's best."""
    return Standing(
        state=verdict.state,
        score=verdict.score,
        band=band_of(verdict.score, pack),
        asks=verdict.asks,
        contributions=verdict.contributions,
        rank=rank,
    )


def matches_of(
    people: Iterable[Person], opportunities: Iterable[Opportunity], pack: Pack, today: date
) -> dict[tuple[str, str], Standing]:
    """All matches that stand on this day: for each person the best openings that they may match, at or above the
    threshold, as many as the pack says; ties go by the opening's id.

    Depends on nothing else: not on the order of the arguments, nor on what was matched before, nor on other people.
    """
    check_weights(pack)
    context, data = AssessmentContext(pack, today), pack.matching
    openings = [opening_facts(opportunity, pack) for opportunity in opportunities]
    kept: dict[tuple[str, str], Standing] = {}
    for facts in (person_facts(person, pack) for person in people):
        verdicts = ((opening.id, verdict_of(facts, opening, context)) for opening in openings)
        able = [
            (-verdict.score, id, verdict) for id, verdict in verdicts if verdict and verdict.score >= data.threshold
        ]
        for rank, (_, id, verdict) in enumerate(sorted(able)[: data.best_of_person], 1):
            kept[facts.id, id] = standing(verdict, rank, pack)
    return kept
