"""What is told of a pair that may match: the one place where an assessment becomes a match of the contract, so that
what is worked out again reads as what was told."""

from __future__ import annotations

from services.matching.domain import explanations
from services.matching.domain.assessment import Assessment, band_of
from shared.events.topics.matches import Match


def match_event(assessment: Assessment, id: str, rank: int | None) -> Match:
    """The match of this id, by the weights and on the day of the assessment."""
    assert assessment.state != "no", "what is told may match"
    opening, context = assessment.opening, assessment.context
    return Match(
        match=id,
        person=assessment.person.id,
        opportunity=opening.id,
        kind=opening.kind,
        region=opening.region,
        state=assessment.state,
        score=assessment.score,
        band=band_of(assessment.score, context.pack),
        person_rank=rank,
        reasons=explanations.reasons(assessment),
        questions=explanations.questions(assessment),
        model=context.pack.weights_version,
        as_of=context.today,
    )
