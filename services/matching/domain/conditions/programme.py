"""A programme's own rules about people: age, sex, income, being without a job."""

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.condition_answer import ASK, NO, YES, Answer
from services.matching.domain.conditions.base import Condition, condition
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts


@condition
class Age(Condition):
    """Age on the day it begins, or today if that is later or not stated; both borders included.

    Only the year of birth is known: somebody is one of two ages. Both fit: yes. None fits: no. One fits: ask.
    """

    name = "age"
    cost = 8
    opens = "rule"
    of_person = ("year_of_birth",)
    of_opening = ("rules.age_min", "rules.age_max", "starts")

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        least, most = opening.rules.age_min, opening.rules.age_max
        if least is None and most is None:
            return YES
        if person.year_of_birth is None:
            return ASK
        year = max(opening.starts or context.today, context.today).year
        older = year - person.year_of_birth
        fitting = sum((least is None or age >= least) and (most is None or age <= most) for age in (older - 1, older))
        return (NO, ASK, YES)[fitting]

    def free_opening(self, opening: OpeningFacts) -> bool:
        return opening.rules.age_min is None and opening.rules.age_max is None

    def variant(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer) -> str:
        if answer is ASK and person.year_of_birth is None:
            return "ask_unknown"
        return super().variant(person, opening, context, answer)

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        least, most, say = opening.rules.age_min, opening.rules.age_max, context.pack.sentence
        if least is not None and most is not None:
            return {"rule": say("word.age_between", language, age_min=least, age_max=most)}
        if least is not None:
            return {"rule": say("word.age_from", language, age=least)}
        if most is not None:
            return {"rule": say("word.age_to", language, age=most)}
        return {"rule": context.word("any", language)}


@condition
class Sex(Condition):
    """A programme for women or for men."""

    name = "sex"
    cost = 7
    opens = "rule"
    of_person = ("sex",)
    of_opening = ("rules.sex",)

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        if opening.rules.sex is None:
            return YES
        if person.sex is None:
            return ASK
        return YES if person.sex == opening.rules.sex else NO

    def free_opening(self, opening: OpeningFacts) -> bool:
        return opening.rules.sex is None

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        sex = opening.rules.sex
        return {"rule": context.pack.sentence(f"sex.{sex}", language) if sex else context.word("any", language)}


@condition
class Income(Condition):
    """Household income in percent of the median, at most the programme's limit."""

    name = "income"
    cost = 8
    opens = "rule"
    of_person = ("income",)
    of_opening = ("rules.income_max_percent_of_median",)

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        limit = opening.rules.income_max_percent_of_median
        if limit is None:
            return YES
        if person.income is None:
            return ASK
        return YES if person.income <= limit else NO

    def free_opening(self, opening: OpeningFacts) -> bool:
        return opening.rules.income_max_percent_of_median is None

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        limit = opening.rules.income_max_percent_of_median
        return {"percent": context.word("any", language) if limit is None else limit}


@condition
class Jobless(Condition):
    """For people without a job."""

    name = "jobless"
    cost = 8
    opens = "rule"
    of_person = ("jobless",)
    of_opening = ("rules.jobless",)

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        if not opening.rules.jobless:
            return YES
        if person.jobless is None:
            return ASK
        return YES if person.jobless else NO

    def free_opening(self, opening: OpeningFacts) -> bool:
        return not opening.rules.jobless
