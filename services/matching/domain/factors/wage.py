"""What an hour of it pays."""

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.factors.base import SPEAKS, Factor, factor, level, within
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts

WELL_PAID = 1.25  # a quarter above what the group earns today counts in full


@factor
class Wage(Factor):
    """Pay per hour, from the higher of legal floor and own floor (0) to well above today's average (1)."""

    name = "wage"
    of_person = ("floor_hourly",)
    of_opening = ("hourly_min", "paid")
    speaks = SPEAKS | {"strong_any": "for", "some_any": "for", "unpaid": "open"}

    def is_unsaid(self, opening: OpeningFacts) -> bool:
        return opening.hourly_min is None or not opening.paid

    def is_same_for_all(self, opening: OpeningFacts) -> bool:
        return self.is_unsaid(opening)

    def value(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> float | None:
        if opening.hourly_min is None or not opening.paid:
            return None
        low = max(context.minimum_hourly or 0.0, person.floor_hourly or 0.0)
        return within(opening.hourly_min, low, WELL_PAID * max(context.average_hourly, low))

    def variant(
        self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, value: float | None
    ) -> str:
        if not opening.paid:
            return "unpaid"
        found = level(value)
        return f"{found}_any" if found in ("strong", "some") and person.floor_hourly is None else found

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        return {"offered": context.offered(opening.wage, language)}
