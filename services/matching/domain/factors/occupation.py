"""How near the opening is to what somebody has done or wants to do."""

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.factors.base import Factor, factor
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts, Wishes


def wished(wishes: Wishes, work: str, context: AssessmentContext) -> float | None:
    """How much somebody's wishes speak for this work: the best of nearness to a known or wanted occupation times how
    much that is wanted, and a counselling interest. None when no wish is known.

    An interest names a group. Work inside that group is what was meant, so it counts some of the way between the
    group's nearness and a full hit (`PersonFacts.interests`); outside of it only the nearness counts.
    """
    if not (wishes.occupations or wishes.interests):
        return None
    best = 0.0
    for code, pull in wishes.occupations:
        if (value := context.nearness(code, work) * pull) > best:
            best = value
    for group, inside in wishes.interests:
        if (value := context.interest(group, inside, work)) > best:
            best = value
    return best


def best_wished(wishes: Wishes, works: tuple[tuple[str, float], ...], context: AssessmentContext) -> float | None:
    """The same of several occupations, each by how well it is named. None when there is none."""
    found = ((well, wished(wishes, code, context)) for code, well in works)
    return max((well * value for well, value in found if value is not None), default=None)


@factor
class Occupation(Factor):
    """The code that the advert stands under, by `wished`; without a code (most programmes) what its title names."""

    name = "occupation"
    of_person = ("wishes",)
    of_opening = ("works",)

    def is_unsaid(self, opening: OpeningFacts) -> bool:
        return not opening.works

    def value(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> float | None:
        return best_wished(person.wishes, opening.works, context)

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        codes = (opening.occupation,) if opening.occupation else tuple(code for code, _ in opening.named_occupations)
        return {"occupation": context.labels(codes, language) if codes else context.word("unknown", language)}
