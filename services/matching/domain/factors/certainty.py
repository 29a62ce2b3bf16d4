"""How likely it is that nothing stands in the way, once the open questions are answered."""

from math import prod

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.condition_answer import ASK, NO
from services.matching.domain.conditions import CONDITIONS
from services.matching.domain.factors.base import SPEAKS, Factor, factor, level
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts


def likelihood(person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> float:
    """How likely it is that every condition holds once all is known, of a pair that none refuses."""
    answers = ((one, one.answer(person, opening, context)) for one in CONDITIONS)
    return prod(one.chance(person, opening, context, answer) for one, answer in answers if answer is not NO)


@factor
class Certainty(Factor):
    """1 when all is said and holds; an open question counts by how often it is answered yes, and a yes that stands only
    since nobody said otherwise by how often it turns out so (`Condition.chance`).

    So within one person's list certain openings come first. Between people it counts nothing: what is not known of
    somebody never puts them behind others (`Assessment.fit`).
    """

    name = "certainty"
    between_people = False
    speaks = SPEAKS | {"some": "open", "weak": "open", "unsaid": "open"}  # what is to be asked is nothing against it

    def value(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> float | None:
        return likelihood(person, opening, context)

    @staticmethod
    def _questions(person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> int:
        return sum(one.answer(person, opening, context) is ASK for one in CONDITIONS)

    def variant(
        self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, value: float | None
    ) -> str:
        found = level(value)
        return "unsaid" if found != "strong" and not self._questions(person, opening, context) else found

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        return {"questions": self._questions(person, opening, context)}
