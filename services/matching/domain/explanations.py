"""An assessment in the words of the pack, in every language of it, the pack's first language first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.matching.domain.assessment import Assessment, ConditionResult, FactorResult
from services.matching.domain.assessment_context import Words
from services.matching.domain.condition_answer import ASK, NO, YES
from services.matching.domain.counterfactuals import Change
from services.matching.domain.first_questions import FirstQuestion
from shared.events.topics.matches import Question, Reason, Speaks
from shared.reference import Pack

MOST = 20  # reasons or questions that the contract takes


_ORDER: tuple[Speaks, ...] = ("for", "against", "open")


def reasons(assessment: Assessment) -> tuple[Reason, ...]:
    """One reason per factor; contributions add up to the score. What speaks for the pair stands first, then what speaks
    against it, then what cannot be told yet; among these the largest contribution first (ties by name)."""
    said = [(speaks(assessment, one), one) for one in assessment.factors]
    said.sort(key=lambda one: (_ORDER.index(one[0]), -one[1].contribution, one[1].factor.name))
    return tuple(
        Reason(factor=one.factor.name, contribution=one.contribution, speaks=speaks, text=factor_text(assessment, one))
        for speaks, one in said[:MOST]
    )


def speaks(assessment: Assessment, result: FactorResult) -> Speaks:
    """Whether what is said of a factor speaks for the pair, against it, or cannot be told yet: by its value, for also
    what speaks against adds something to the score."""
    variant = result.factor.variant(assessment.person, assessment.opening, assessment.context, result.value)
    return result.factor.speaks[variant]


def questions(assessment: Assessment) -> tuple[Question, ...]:
    """What has to be asked, in the order of the conditions."""
    asks = [result for result in assessment.answers if result.answer is ASK]
    return tuple(Question(condition=one.condition.name, text=condition_text(assessment, one)) for one in asks[:MOST])


def unsure(assessment: Assessment) -> tuple[Question, ...]:
    """What makes an opening unlikely, in the order of the conditions: what has to be asked, and
    (`unsure.<condition>.<variant>`) what holds only since nobody said otherwise."""
    person, opening, context = assessment.person, assessment.opening, assessment.context

    def text(result: ConditionResult) -> dict[str, str] | None:
        if result.answer is ASK:
            return condition_text(assessment, result)
        if result.answer is NO or result.condition.chance(person, opening, context, result.answer) == 1:
            return None
        variant = result.condition.variant(person, opening, context, result.answer)
        key = f"unsure.{result.condition.name.replace('-', '_')}.{variant}"
        return {
            language: context.pack.sentence(key, language, **result.condition.words(person, opening, context, language))
            for language in context.pack.languages
        }

    told = ((one.condition.name, text(one)) for one in assessment.answers)
    return tuple(Question(condition=name, text=said) for name, said in told if said is not None)[:MOST]


def first_question_text(question: FirstQuestion, pack: Pack) -> dict[str, str]:
    """What to ask first, and how much hangs on it, by language."""
    values = {"decides": question.decides, "of": question.of}
    return {language: pack.sentence(f"first.{question.what}", language, **values) for language in pack.languages}


def factor_text(assessment: Assessment, result: FactorResult) -> dict[str, str]:
    """The sentence of one factor by language."""
    person, opening, context = assessment.person, assessment.opening, assessment.context
    key = f"factor.{result.factor.name}.{result.factor.variant(person, opening, context, result.value)}"
    return {
        language: context.pack.sentence(key, language, **result.factor.words(person, opening, context, language))
        for language in context.pack.languages
    }


def condition_text(assessment: Assessment, result: ConditionResult) -> dict[str, str]:
    """The sentence of one condition and its answer by language."""
    person, opening, context = assessment.person, assessment.opening, assessment.context
    condition = result.condition
    variant = condition.variant(person, opening, context, result.answer)
    key = f"condition.{condition.name.replace('-', '_')}.{variant}"
    return {
        language: context.pack.sentence(key, language, **condition.words(person, opening, context, language))
        for language in context.pack.languages
    }


def opening_text(
    assessment: Assessment, result: ConditionResult, changes: Mapping[str, Sequence[Change]]
) -> dict[str, str] | None:
    """What would turn the answer into a yes, by language: for a no the changes that were tried (`what_opens`), or on
    whom it depends; None for a yes."""
    if result.answer is YES:
        return None
    pack, own = assessment.context.pack, changes.get(result.condition.name, ())
    if own:
        texts = [change_text(assessment, change) for change in own]
        return {language: " ".join(text[language] for text in texts) for language in pack.languages}
    key = f"open.{result.condition.opens}" if result.answer is NO else "open.answer"
    return {language: pack.sentence(key, language) for language in pack.languages}


def change_text(assessment: Assessment, change: Change) -> dict[str, str]:
    """The sentence of one change by language."""
    context = assessment.context
    return {
        language: context.pack.sentence(
            f"change.{change.what}", language, **_change_words(assessment, change, language)
        )
        for language in context.pack.languages
    }


def _change_words(assessment: Assessment, change: Change, language: str) -> Words:
    context, floor, wage = assessment.context, assessment.person.floor, assessment.opening.wage
    match change.what:
        case "kind":
            return {"codes": context.pack.sentence(f"kind.{change.codes[0]}", language)}
        case "start":
            return {"codes": change.codes[0]}
        case "wage" if floor is not None:
            return {"amount": context.wage(change.number, floor.per, language)}
        case "pay" if wage is not None:
            return {"amount": context.wage(change.number, wage.per, language)}
        case _:
            return {"codes": context.labels(change.codes, language), "number": change.number}
