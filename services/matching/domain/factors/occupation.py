"""How near the opening is to what somebody has done or wants to do."""

from services.matching.domain.context import AssessmentContext, Words
from services.matching.domain.factors.base import Factor, factor
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts


def wished(person: PersonFacts, work: str, context: AssessmentContext) -> float | None:
    """How much the person's wishes speak for this work: the best of nearness to a known or wanted occupation times how
    much that is wanted, and a counselling interest. None when no wish is known.

    An interest names a group. Work inside that group is what was meant, so it counts some of the way between the
    group's nearness and a full hit (`PersonFacts.interests`); outside of it only the nearness counts.
    """
    if not (person.occupations or person.interests):
        return None
    best = max((context.nearness(code, work) * pull for code, pull in person.occupations), default=0.0)
    for group, inside in person.interests:
        nearness = context.nearness(group, work)
        if nearness and context.is_inside(work, group):
            nearness += (1 - nearness) * inside
        best = max(best, nearness)
    return best


def wished_by_title(person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> float | None:
    """The same of the occupations that the title names, each by how well it names it. None when it names none."""
    found = ((well, wished(person, code, context)) for code, well in opening.named_occupations)
    return max((well * value for well, value in found if value is not None), default=None)


@factor
class Occupation(Factor):
    """The code that the advert stands under, by `wished`; without a code (most programmes) what its title names."""

    name = "occupation"

    def value(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> float | None:
        if opening.occupation is None:
            return wished_by_title(person, opening, context)
        return wished(person, opening.occupation, context)

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        codes = (opening.occupation,) if opening.occupation else tuple(code for code, _ in opening.named_occupations)
        return {"occupation": context.labels(codes, language) if codes else context.word("unknown", language)}
