"""An assessment in the words of the pack, in every language of it, the pack's first language first."""

from __future__ import annotations

from services.matching.domain.answers import ASK, NO, YES
from services.matching.domain.assessment import Answered, Assessment, Weighed
from services.matching.domain.factors.base import level
from shared.events.topics.matches import Question, Reason

MOST = 20  # reasons or questions that the contract takes


def reasons(assessment: Assessment) -> tuple[Reason, ...]:
    """One reason per factor, the largest contribution first (ties by name); contributions add up to the score."""
    ordered = sorted(assessment.factors, key=lambda weighed: (-weighed.contribution, weighed.factor.name))
    return tuple(
        Reason(factor=one.factor.name, contribution=one.contribution, text=factor_text(assessment, one))
        for one in ordered[:MOST]
    )


def questions(assessment: Assessment) -> tuple[Question, ...]:
    """What has to be asked, in the order of the conditions."""
    asks = [answered for answered in assessment.answers if answered.answer is ASK]
    return tuple(Question(condition=one.condition.name, text=condition_text(assessment, one)) for one in asks[:MOST])


def factor_text(assessment: Assessment, weighed: Weighed) -> dict[str, str]:
    """The sentence of one factor by language."""
    person, opening, terms = assessment.person, assessment.opening, assessment.terms
    key = f"factor.{weighed.factor.name}.{level(weighed.value)}"
    return {
        language: terms.pack.sentence(key, language, **weighed.factor.words(person, opening, terms, language))
        for language in terms.pack.languages
    }


def condition_text(assessment: Assessment, answered: Answered) -> dict[str, str]:
    """The sentence of one condition and its answer by language."""
    person, opening, terms = assessment.person, assessment.opening, assessment.terms
    condition = answered.condition
    variant = condition.variant(person, opening, terms, answered.answer)
    key = f"condition.{condition.name.replace('-', '_')}.{variant}"
    return {
        language: terms.pack.sentence(key, language, **condition.words(person, opening, terms, language))
        for language in terms.pack.languages
    }


def opening_text(assessment: Assessment, answered: Answered) -> dict[str, str] | None:
    """What would turn the answer into a yes, by language; None for a yes."""
    if answered.answer is YES:
        return None
    pack = assessment.terms.pack
    key = f"open.{answered.condition.opens}" if answered.answer is NO else "open.answer"
    return {language: pack.sentence(key, language) for language in pack.languages}
