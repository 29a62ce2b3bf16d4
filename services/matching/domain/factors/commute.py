"""How long the way to work is."""

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.derived_attribute import MINUTES
from services.matching.domain.factors.base import SPEAKS, Factor, factor
from services.matching.domain.lodging import lives_there
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts
from shared.reference.commuting import Way

AT_THE_LIMIT = 0.2  # a way just as long as the person accepts is still better than one beyond


def _limit(person: PersonFacts) -> int:
    wish, usual = person.way
    return wish or usual or 0


def _may_be_near(way: Way, limit: int) -> bool:
    return way.least <= limit < way.minutes


@factor
class Commute(Factor):
    """1 next door, 0.2 at the person's own limit (or the usual one of people with their needs), falling evenly.

    Who has said that they would live there has no way where there is lodging. Else lodging or a commuter bus changes
    nothing here: whether it helps this person has to be asked. A mean above the limit counts as a way at the limit
    where it may be as short as that: where it is too long in truth, nothing comes of the opening anyway.
    """

    name = "commute"
    of_person = ("residence", "car", "way", "lodging")
    of_opening = ("region", "lodging")
    derived_attribute = MINUTES
    speaks = SPEAKS | {"lodging": "for", "mean": "open"}

    def is_unsaid(self, opening: OpeningFacts) -> bool:
        return opening.region is None

    def value(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> float | None:
        way = context.way_of(person, opening.region)
        if way is None:
            return None
        if lives_there(person, opening):
            return 1.0
        limit = _limit(person)
        minutes = limit if _may_be_near(way, limit) else way.minutes
        return max(0.0, 1 - (1 - AT_THE_LIMIT) * minutes / limit)

    def variant(
        self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, value: float | None
    ) -> str:
        if value is not None and lives_there(person, opening):
            return "lodging"
        way = context.way_of(person, opening.region)
        if way is not None and _may_be_near(way, _limit(person)):
            return "mean"
        return super().variant(person, opening, context, value)

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        minutes = context.minutes_of(person, opening.region)
        return {"minutes": context.word("unknown", language) if minutes is None else minutes}
