"""The plain engine: every person against every opportunity. What it says is right by definition (the tests' oracle)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.matching.domain.assessment import Verdict, band_of, check_weights, verdict_of
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from services.matching.domain.ranking import Ranking
from services.matching.domain.terms import Terms
from shared.events.topics.matches import Band
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack

Pair = tuple[str, str]
"""Person, opportunity."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A match that is kept. ``asks`` are the conditions to ask about; ``contributions`` add up to the score.

    A rank of None: not among the best of that side (then it is among the best of the other).
    """

    state: Literal["eligible", "possible"]
    score: float
    band: Band
    asks: tuple[str, ...]
    contributions: tuple[tuple[str, float], ...]
    person_rank: int | None
    opportunity_rank: int | None


def standing(verdict: Verdict, person_rank: int | None, opportunity_rank: int | None, pack: Pack) -> Standing:
    """A verdict with its place on both sides."""
    return Standing(
        state=verdict.state,
        score=verdict.score,
        band=band_of(verdict.score, pack),
        asks=verdict.asks,
        contributions=verdict.contributions,
        person_rank=person_rank,
        opportunity_rank=opportunity_rank,
    )


def matches_of(
    people: Iterable[Person], opportunities: Iterable[Opportunity], pack: Pack, today: date
) -> dict[Pair, Standing]:
    """All matches that are kept on this day: admissible, at or above the threshold, and among the best of either side.

    Depends on nothing else: not on the order of the arguments, nor on what was matched before.
    """
    check_weights(pack)
    terms, data = Terms(pack, today), pack.matching
    openings = [opening_facts(opportunity, pack) for opportunity in opportunities]
    of_person: dict[str, Ranking] = {}
    of_opening = {opening.id: Ranking(data.best_of_opportunity) for opening in openings}
    verdicts: dict[Pair, Verdict] = {}
    for facts in (person_facts(person, pack) for person in people):
        ranking = of_person[facts.id] = Ranking(data.best_of_person)
        for opening in openings:
            verdict = verdict_of(facts, opening, terms)
            if verdict is None or verdict.score < data.threshold:
                continue
            verdicts[facts.id, opening.id] = verdict
            ranking.add(verdict.score, opening.id)
            of_opening[opening.id].add(verdict.score, facts.id)
    kept: dict[Pair, Standing] = {}
    for (person, opening_id), verdict in verdicts.items():
        ranks = (
            of_person[person].rank(verdict.score, opening_id),
            of_opening[opening_id].rank(verdict.score, person),
        )
        if ranks != (None, None):
            kept[person, opening_id] = standing(verdict, *ranks, pack)
    return kept
