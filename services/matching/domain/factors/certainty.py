"""How likely it is that nothing stands in the way, once the open questions are answered."""

from collections.abc import Iterable

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.condition_answer import ASK
from services.matching.domain.conditions import CONDITIONS, Condition
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
        asks = self._asks(person, opening, context)
        return self.value_of(one.answered_yes(person, opening, context) for one in asks)

    def value_of(self, answered_yes: Iterable[float]) -> float:
        """By how often each of the open questions is answered yes, in the order of the conditions."""
        value = 1.0
        for share in answered_yes:
            value *= share
        return value

    @staticmethod
    def _asks(person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> list[Condition]:
        return [one for one in CONDITIONS if one.answer(person, opening, context) is ASK]

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        return {"questions": len(self._asks(person, opening, context))}
