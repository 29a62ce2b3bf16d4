"""How likely it is that nothing stands in the way, once the open questions are answered."""

from services.matching.domain.answers import ASK
from services.matching.domain.conditions import CONDITIONS
from services.matching.domain.context import AssessmentContext, Words
from services.matching.domain.factors.base import Factor, factor
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts


@factor
class Certainty(Factor):
    """1 without an open question; each one counts by how often it is answered yes.

    So within one person's list certain openings come first. Between people it counts nothing: what is not known of
    somebody never puts them behind others (`Assessment.fit`).
    """

    name = "certainty"
    between_people = False

    def value(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> float | None:
        value = 1.0
        for condition in CONDITIONS:
            if condition.answer(person, opening, context) is ASK:
                value *= condition.answered_yes(person, opening, context)
        return value

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        asks = [one for one in CONDITIONS if one.answer(person, opening, context) is ASK]
        return {"questions": len(asks)}
