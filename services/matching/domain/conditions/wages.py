"""Money: the law's floor and the person's own."""

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.condition_answer import ASK, NO, YES, Answer
from services.matching.domain.conditions.base import Condition, condition
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts

ROUNDING = 1e-9  # only what floating point does: a month's floor divided by its hours is the floor


@condition
class MinimumWage(Condition):
    """Paid work under the legal floor of the day never matches, whatever the person would take.

    No wage stated: the law holds all the same, so yes. A day before the pack's table begins: ask.
    """

    name = "minimum-wage"
    cost = 4
    opens = "advert"
    of_person = ()
    of_opening = ("paid", "hourly_min")

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        if not opening.paid or opening.hourly_min is None:
            return YES
        if context.minimum_hourly is None:
            return ASK
        return YES if opening.hourly_min >= context.minimum_hourly * (1 - ROUNDING) else NO

    def variant(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer) -> str:
        if not opening.paid:
            return "yes_none"
        return "yes_unsaid" if opening.hourly_min is None else answer.value

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        unknown, money = context.word("unknown", language), context.pack.money
        return {
            "offered": unknown if opening.hourly_min is None else money(opening.hourly_min, language),
            "minimum": unknown if context.minimum_hourly is None else money(context.minimum_hourly, language),
        }


@condition
class WageFloor(Condition):
    """The person's own floor, in the person's own period.

    Somebody who needs an amount a month needs it as a month's pay: an opening of fewer hours is measured by what a
    month of it brings, however good the hour. A floor between the advert's least and most is asked about, so is paid
    work that states no wage. What is not paid work has no wage to measure.
    """

    name = "wage-floor"
    cost = 12
    opens = "wish"
    of_person = ("floor",)
    of_opening = ("paid", "hourly_min", "hourly_max", "hours", "hours_per_day")

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        floor = person.floor
        if floor is None or not opening.paid:
            return YES
        if opening.hourly_min is None or opening.hourly_max is None:
            return ASK
        # hourly(1, per, hours) is the reciprocal of the paid hours of that period
        needed = floor.amount * context.pack.hourly(1, floor.per, opening.hours, opening.hours_per_day) * (1 - ROUNDING)
        if opening.hourly_min >= needed:
            return YES
        return ASK if opening.hourly_max >= needed else NO

    def free_opening(self, opening: OpeningFacts) -> bool:
        return not opening.paid

    def chance(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer) -> float:
        """Of somebody who states no floor: how many have one that this pay meets, by the pack's ``usual_floors``."""
        least, pays = context.minimum_hourly, opening.hourly_min
        if person.floor is not None or not opening.paid or least is None or pays is None:
            return super().chance(person, opening, context, answer)
        floors = context.pack.matching.usual_floors
        if not floors:
            return super().chance(person, opening, context, answer)
        met = (one.share for one in reversed(floors) if pays >= one.times * least * (1 - ROUNDING))
        return next(met, 0.0)  # below the first step nobody's is met

    def variant(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer) -> str:
        if answer is ASK and opening.hourly_min is not None:
            return "ask_between"
        if answer is YES and opening.paid and person.floor is None:
            return "yes_any"
        return super().variant(person, opening, context, answer)

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        floor = person.floor
        return {
            "wanted": context.wage(floor.amount, floor.per, language) if floor else context.word("any", language),
            "offered": context.offered(opening.wage, language),
        }
