"""What a person wants at all: kinds of opening, kinds of contract, and employers who must never be told."""

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.condition_answer import ASK, NO, YES, Answer
from services.matching.domain.conditions.base import Condition, condition
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts


@condition
class Kind(Condition):
    """A kind that is wanted; somebody whose wishes are not known is asked."""

    name = "kind"
    cost = 4
    opens = "wish"
    of_person = ("kinds",)
    of_opening = ("kind",)

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        if not person.kinds:
            return ASK
        return YES if opening.kind in person.kinds else NO

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        return {"kind": context.pack.sentence(f"kind.{opening.kind}", language)}


@condition
class ExcludedEmployer(Condition):
    """Not an employer the person ruled out, by business number.

    Paid work whose employer is not named is asked about as soon as the person ruled anybody out: it could be the one.
    """

    name = "excluded-employer"
    cost = 6
    opens = "wish"
    of_person = ("avoided",)
    of_opening = ("employer", "paid")

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        if not person.avoided:
            return YES
        if opening.employer is None:
            return ASK if opening.paid else YES
        return NO if opening.employer in person.avoided else YES

    def free_person(self, person: PersonFacts) -> bool:
        return not person.avoided


@condition
class Employment(Condition):
    """The type of contract. A wish and no floor: another type, or none stated for paid work, is asked about."""

    name = "employment"
    cost = 20
    opens = "wish"
    of_person = ("employment",)
    of_opening = ("paid", "employment")

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        if not person.employment or not opening.paid or opening.employment in person.employment:
            return YES
        return ASK

    def free_opening(self, opening: OpeningFacts) -> bool:
        return not opening.paid

    def free_person(self, person: PersonFacts) -> bool:
        return not person.employment

    def variant(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer) -> str:
        if answer is YES and opening.paid and not person.employment:
            return "yes_any"
        return super().variant(person, opening, context, answer)

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        offered = context.pack.label(opening.employment, language) if opening.employment else None
        return {
            "wanted": context.labels(person.employment, language),
            "offered": offered or context.word("unknown", language),
        }
