"""Is there still something to fill: the opening is open, has places, and begins when the person can."""

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.condition_answer import NO, YES, Answer
from services.matching.domain.conditions.base import Condition, condition
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts


@condition
class Open(Condition):
    """Not closed, and its last day not over. A stated last day holds also for an advert 'until filled'."""

    name = "open"
    cost = 2
    opens = "advert"
    of_pairs = False

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        return YES if opening.takes_people(context.today) else NO

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        return {"closes": opening.last_day or context.word("any", language)}


@condition
class Places(Condition):
    """At least one place left; an advert that states no number has one."""

    name = "places"
    cost = 3
    opens = "advert"
    of_person = ()
    of_opening = ("places",)

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        return NO if opening.places == 0 else YES

    def free_opening(self, opening: OpeningFacts) -> bool:
        return opening.places != 0

    def variant(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer) -> str:
        return "yes_none" if opening.places is None else answer.value


@condition
class Dates(Condition):
    """The person is free in the month in which it begins.

    People give a month only, so a beginning within that month fits. A person who names no month is free now; an
    advert without a beginning waits for whoever comes.
    """

    name = "dates"
    cost = 5
    opens = "time"
    of_person = ("available",)
    of_opening = ("starts",)

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        if person.available is None or opening.starts is None:
            return YES
        return YES if person.available <= f"{opening.starts:%Y-%m}" else NO

    def free_opening(self, opening: OpeningFacts) -> bool:
        return opening.starts is None

    def free_person(self, person: PersonFacts) -> bool:
        return person.available is None

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        unknown = context.word("unknown", language)
        return {"available": person.available or unknown, "starts": opening.starts or unknown}
