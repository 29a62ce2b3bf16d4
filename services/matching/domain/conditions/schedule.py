"""Time: which part of the day, and how many hours a week, by the person's bounds and by the law."""

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.condition_answer import ASK, NO, YES, Answer
from services.matching.domain.conditions.base import Condition, condition
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts


@condition
class Shifts(Condition):
    """The times of day at which the person can work.

    Every stated shift fits: yes. Some fit, or one of them says nothing ('other'): ask, since it may be a choice or a
    rotation. None fits: no. Paid work without a word about it is asked about; other kinds fit. Of somebody who states
    no times, only what is not in the pack's ordinary ones (evening, night) is asked about. Where the title names such
    a time and the fields do not, nobody knows which holds: what would fit without it is asked about.
    """

    name = "shifts"
    cost = 10
    opens = "wish"
    of_person = ("shifts",)
    of_opening = ("shifts", "paid", "unusual_shifts", "title_shifts")

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        if not person.shifts:
            return ASK if opening.unusual_shifts or opening.title_shifts else YES
        said = self._as_stated(person, opening)
        return ASK if said is YES and self._otherwise_in_title(person, opening) else said

    @staticmethod
    def _as_stated(person: PersonFacts, opening: OpeningFacts) -> Answer:
        if not opening.shifts:
            return ASK if opening.paid else YES
        fitting = [needed <= person.shifts if needed else None for needed in opening.shifts]
        if all(fitting):
            return YES
        return NO if all(one is False for one in fitting) else ASK

    @staticmethod
    def _otherwise_in_title(person: PersonFacts, opening: OpeningFacts) -> bool:
        return not opening.title_shifts <= person.shifts

    def variant(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer) -> str:
        if answer is ASK and self._otherwise_in_title(person, opening):
            return "ask_title"
        if answer is ASK and not person.shifts:
            return "ask_unusual"
        return "yes_none" if answer is YES and not opening.shifts else answer.value

    def case(
        self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer
    ) -> str | None:
        if answer is ASK and not person.shifts:
            return "ask_unusual"
        if answer is ASK and opening.shifts and not self._otherwise_in_title(person, opening):
            return "ask_some"
        if answer is YES and opening.paid and not (person.shifts or opening.shifts):
            return "unsaid"
        return super().case(person, opening, context, answer)

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        return {
            "wanted": context.labels(person.shifts, language) if person.shifts else context.word("unknown", language),
            "named": context.labels(opening.title_shifts, language),
            "offered": context.labels(opening.shift_codes, language)
            if opening.shift_codes
            else context.word("unknown", language),
        }


@condition
class Hours(Condition):
    """Hours a week within the person's bounds, both included.

    Paid work that states none is taken as full time in the pack's sense when that fits, and asked about when not.
    """

    name = "hours"
    cost = 11
    opens = "wish"
    of_person = ("hours_min", "hours_max")
    of_opening = ("hours", "paid")

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        if person.hours_min is None and person.hours_max is None:
            return YES
        if opening.hours is None:
            if not opening.paid or self._within(person, context.pack.wages.working_time.hours_per_week):
                return YES
            return ASK
        return YES if self._within(person, opening.hours) else NO

    def free_person(self, person: PersonFacts) -> bool:
        return person.hours_min is None and person.hours_max is None

    def variant(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer) -> str:
        return "yes_none" if answer is YES and opening.hours is None else answer.value

    @staticmethod
    def _within(person: PersonFacts, hours: float) -> bool:
        least = person.hours_min if person.hours_min is not None else 0
        return least <= hours and (person.hours_max is None or hours <= person.hours_max)

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        least, most, say = person.hours_min, person.hours_max, context.pack.sentence
        if least is not None and most is not None:
            wanted = say("word.hours_between", language, least=least, most=most)
        elif least is not None:
            wanted = say("word.hours_from", language, hours=least)
        elif most is not None:
            wanted = say("word.hours_to", language, hours=most)
        else:
            wanted = context.word("any", language)
        return {"wanted": wanted, "offered": opening.hours or context.word("unknown", language)}


@condition
class LegalHours(Condition):
    """Paid work of no more hours a week than the pack's law allows as a rule, overtime included.

    More is asked about and never refused: what the law exempts (small businesses, guards, farms) an advert does not
    say. No hours stated: the law holds, so yes.
    """

    name = "legal-hours"
    cost = 11
    opens = "advert"
    of_person = ()
    of_opening = ("hours", "paid")

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        most = context.pack.wages.working_time.most_hours_per_week
        if most is None or not opening.paid or opening.hours is None:
            return YES
        return ASK if opening.hours > most else YES

    def variant(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer) -> str:
        return "yes_none" if answer is YES and (not opening.paid or opening.hours is None) else answer.value

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        most, unknown = context.pack.wages.working_time.most_hours_per_week, context.word("unknown", language)
        return {
            "offered": opening.hours or unknown,
            "most": context.word("any", language) if most is None else f"{most:g}",
        }
