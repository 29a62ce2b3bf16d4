"""What counselling found that somebody needs: an advert that goes against it is asked about, never ruled out."""

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.condition_answer import ASK, YES, Answer
from services.matching.domain.conditions.base import Condition, condition
from services.matching.domain.derived_attribute import MINUTES_FOR_NEEDS
from services.matching.domain.lodging import lives_there
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts
from shared.reference.matching_data import NeedRule


@condition
class Needs(Condition):
    """The advert says nothing that goes against a need; which needs ask what of an advert is data of the pack.

    A way that is longer than a need says counts only where it is within the person's own wish: of any longer one
    `Commute` asks, and of who states no wish the need is the limit there.
    """

    name = "needs"
    cost = 21
    opens = "advert"
    of_person = ("needs", "home_of_needs", "wish_of_needs", "lodging")
    of_opening = ("needs_car", "shifts", "title_shifts", "strength", "region", "lodging")
    derived_attribute = MINUTES_FOR_NEEDS

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        if not person.needs:
            return YES
        return ASK if self._unmet(person, opening, context) else YES

    def free_person(self, person: PersonFacts) -> bool:
        return not person.needs

    def _unmet(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> tuple[str, ...]:
        return tuple(code for code, rule in person.needs if _against(rule, person, opening, context))

    def case(
        self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer
    ) -> str | None:
        """A way that is longer than a need says is another matter than work that goes against one."""
        if answer is ASK and not any(_against_work(rule, opening) for _, rule in person.needs):
            return "ask_way"
        return super().case(person, opening, context, answer)

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        return {"needs": context.labels(self._unmet(person, opening, context), language)}


def _against(rule: NeedRule, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> bool:
    if _against_work(rule, opening):
        return True
    if rule.commute_minutes_max is None or lives_there(person, opening):
        return False
    home, by_car = person.home_of_needs
    minutes = context.minutes(home, opening.region, by_car)
    return minutes is not None and rule.commute_minutes_max < minutes <= (person.wish_of_needs or 0)


def _against_work(rule: NeedRule, opening: OpeningFacts) -> bool:
    if rule.no_car and opening.needs_car:
        return True
    if rule.shifts_not and any(not one.isdisjoint(rule.shifts_not) for one in (*opening.shifts, opening.title_shifts)):
        return True
    return rule.strength_max is not None and opening.strength is not None and opening.strength > rule.strength_max
