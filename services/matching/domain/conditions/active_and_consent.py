"""Is there anybody to match, and may we: the person takes part and has a live consent."""

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.condition_answer import NO, YES, Answer
from services.matching.domain.conditions.base import Condition, condition
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts


@condition
class Active(Condition):
    """The person still takes part."""

    name = "active"
    cost = 0
    opens = "wish"
    of_pairs = False

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        return YES if person.active else NO


@condition
class Consent(Condition):
    """A consent to matching that holds today; its last day included. Without one nothing else is looked at."""

    name = "consent"
    cost = 1
    opens = "consent"
    of_pairs = False

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        return YES if person.consent_until is not None and context.today <= person.consent_until else NO

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        return {"until": person.consent_until or context.word("unknown", language)}
