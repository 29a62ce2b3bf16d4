"""Place: where a programme's people must live, and how long the way to work is."""

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.condition_answer import ASK, NO, YES, Answer
from services.matching.domain.conditions.base import Condition, condition
from services.matching.domain.derived_attribute import WAY
from services.matching.domain.lodging import lives_there, might_live_there
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts

NEAR_WISH, NEAR_USUAL, FARTHER, NEAR_MEAN = 0.9, 0.8, 1.25, 0.75
"""From which share of the way on that is wished, or that is usual, it may turn out too long; of the usual way what is
much farther; and from which share of a mean on a wish is not much shorter than it."""


@condition
class Region(Condition):
    """A programme's rule of residence: the person lives in one of its areas.

    A residence that is not known, or known only as a wider area around the rule's, is asked about.
    """

    name = "region"
    cost = 8
    opens = "rule"
    of_person = ("residence", "areas")
    of_opening = ("rules.residence",)

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        areas = opening.rules.residence
        if not areas or not person.areas.isdisjoint(areas):
            return YES
        if person.residence is None or not person.areas:
            return ASK
        return ASK if any(context.pack.lies_in(area, person.residence) for area in areas) else NO

    def free_opening(self, opening: OpeningFacts) -> bool:
        return not opening.rules.residence

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        return {"wanted": context.labels(opening.rules.residence, language)}


@condition
class Commute(Condition):
    """The way to work is not longer than the person wants.

    A way that is not known is asked about; what is not paid work and names no place may be anywhere, or anywhere in the
    wide area around the person's home that it names. Too long a way
    is asked about when the advert has lodging or a commuter bus and the way is not longer than the pack's
    ``way_out_reach`` times the wish, when a car would make it short enough and nobody asked for one yet, or when only a
    mean is known (inside one's own town) and the way may be as short as the wish; else no.
    Of somebody who states no wish a way longer than usual is asked about, up to ``way_out_reach`` times as long;
    farther is a matter of moving, and asked about where there is lodging. For somebody with a need that bounds the way
    (small children, close to home) neither lodging nor a bus makes work near that is far, unless they say themselves
    that they would live there. Who says so lives where there is lodging, whatever the way; who says no is not asked.
    """

    name = "commute"
    cost = 13
    opens = "wish"
    of_person = ("way", "residence", "areas", "car", "stays", "lodging")
    of_opening = ("region", "paid", "learning", "lodging", "commuter_bus", "rules.residence")
    derived_attribute = WAY

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        if opening.region is None and not opening.paid:
            return YES
        if lives_there(person, opening):
            return YES
        minutes, (wish, usual) = context.minutes_of(person, opening.region), person.way
        if minutes is None:
            return YES if _somewhere_around_home(person, opening) else ASK
        if wish is None and usual is not None and minutes > usual:
            near = minutes <= context.pack.matching.way_out_reach * usual
            return ASK if near or might_live_there(person, opening) else NO
        if wish is None or minutes <= wish:
            return YES
        return ASK if self._way_out(person, opening, context, minutes, wish) else NO

    @staticmethod
    def _way_out(
        person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, minutes: int, wish: int
    ) -> str | None:
        way = context.way_of(person, opening.region)
        may_be_near = way is not None and way.least <= wish
        if minutes <= context.pack.matching.way_out_reach * wish:
            if might_live_there(person, opening) and not may_be_near:
                return "lodging"
            if opening.commuter_bus and not person.stays:
                return "bus"
        if person.car is None:
            by_car = context.minutes(person.residence, opening.region, True)
            if by_car is not None and by_car <= wish:
                return "car"
        return "mean" if may_be_near else None

    def variant(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer) -> str:
        minutes = context.minutes_of(person, opening.region)
        if answer is YES and lives_there(person, opening):
            return "yes_lodging"
        if answer is YES:
            return "yes_any" if minutes is None else "yes"
        wish, usual = person.way
        if answer is NO and wish is None:
            return "no_moving"
        if answer is not ASK or minutes is None:
            return answer.value
        if wish is None:
            return "ask_far" if minutes <= context.pack.matching.way_out_reach * (usual or 0) else "ask_moving"
        return f"ask_{self._way_out(person, opening, context, minutes, wish)}"

    def case(
        self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer
    ) -> str | None:
        if lives_there(person, opening):
            return None  # which is certain, also where no place is named
        if answer is ASK and might_live_there(person, opening) and context.minutes_of(person, opening.region) is None:
            return "ask_anywhere"  # who would live there may come from anywhere
        if answer is YES and context.minutes_of(person, opening.region) is None:  # a programme that names no place
            if _somewhere_around_home(person, opening) or not person.areas.isdisjoint(opening.rules.residence):
                return "unsaid_area"  # it is for people of an area, so somewhere there
            return "unsaid" if opening.learning else "unsaid_support"  # nobody goes to a grant every day
        return self._edge(person, opening, context, answer) or super().case(person, opening, context, answer)

    def _edge(
        self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer
    ) -> str | None:
        """Minutes are rough, and what is usual is not everybody's: a way near its limit may turn out too long."""
        minutes, (wish, usual) = context.minutes_of(person, opening.region), person.way
        if minutes is None or answer is NO:
            return None
        if wish is not None and minutes > wish:
            mean = self._way_out(person, opening, context, minutes, wish) == "mean"
            return "ask_mean_far" if mean and wish < NEAR_MEAN * minutes else None
        if wish is not None:
            return "edge" if minutes > NEAR_WISH * wish else None
        assert usual is not None, "there is one where no way is wished"
        if minutes > usual:
            return "ask_farther" if FARTHER * usual < minutes <= context.pack.matching.way_out_reach * usual else None
        if minutes <= NEAR_USUAL * usual:
            return None
        return "edge_stays" if person.stays else "edge_usual"

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        unknown = context.word("unknown", language)
        minutes = context.minutes_of(person, opening.region)
        return {
            "minutes": unknown if minutes is None else minutes,
            "wanted": context.word("any", language) if person.commute_wish is None else person.commute_wish,
            "place": context.pack.label(opening.region, language) if opening.region else unknown,
        }


def _somewhere_around_home(person: PersonFacts, opening: OpeningFacts) -> bool:
    """What is not paid work and names an area in which the person lives."""
    return not opening.paid and opening.region in person.areas
