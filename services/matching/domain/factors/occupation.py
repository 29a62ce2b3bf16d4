"""How near the opening is to what somebody has done or wants to do."""

from services.matching.domain.context import AssessmentContext, Words
from services.matching.domain.factors.base import Factor, factor
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts


@factor
class Occupation(Factor):
    """The best of: nearness to a known or wanted occupation times how much that speaks for it, and a counselling
    interest.

    An interest names a group. An opening inside that group is what was meant, so it counts halfway between the
    group's nearness and a full hit; outside of it only the nearness counts.
    """

    name = "occupation"

    def value(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> float | None:
        work = opening.occupation
        if work is None or not (person.occupations or person.interests):
            return None
        best = max((context.nearness(code, work) * pull for code, pull in person.occupations), default=0.0)
        return max(best, *(self._interest(code, work, context) for code in person.interests), 0.0)

    @staticmethod
    def _interest(group: str, work: str, context: AssessmentContext) -> float:
        nearness = context.nearness(group, work)
        paths = context.pack.occupations
        return (nearness + 1) / 2 if nearness and paths.path(work).startswith(paths.path(group)) else nearness

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        work = opening.occupation
        return {"occupation": context.pack.label(work, language) if work else context.word("unknown", language)}
