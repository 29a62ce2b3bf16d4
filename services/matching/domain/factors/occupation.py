"""How near the opening is to what somebody has done or wants to do."""

from collections.abc import Hashable
from typing import NamedTuple

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.factors.base import BestOf, Comparison, Item, factor
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts, Wishes


class Group(NamedTuple):
    """A group of occupations somebody is interested in; inside of it work counts so far towards a full hit."""

    code: str
    inside: float


def wished_items(wishes: Wishes) -> tuple[Item, ...]:
    """Known and wanted occupations by how much each is wanted, and groups of interest."""
    groups = ((Group(group, inside), 1.0) for group, inside in wishes.interests)
    return (*wishes.occupations, *groups)


def near(wish: Hashable, work: Hashable, context: AssessmentContext) -> float:
    """How near work is to an occupation or to a group of interest.

    An interest names a group. Work inside that group is what was meant, so it counts some of the way between the
    group's nearness and a full hit (`PersonFacts.interests`); outside of it only the nearness counts.
    """
    assert isinstance(work, str)
    if isinstance(wish, Group):
        return context.interest(wish.code, wish.inside, work)
    assert isinstance(wish, str)
    return context.nearness(wish, work)


def wished(wishes: Wishes, work: str, context: AssessmentContext) -> float | None:
    """How much somebody's wishes speak for this work: the best of nearness to a known or wanted occupation times how
    much that is wanted, and a counselling interest. None when no wish is known."""
    return max((near(key, work, context) * pull for key, pull in wished_items(wishes)), default=None)


@factor
class Occupation(BestOf):
    """The code that the advert stands under, by `wished`; without a code (most programmes) what its title names, each
    by how well it is named, or what it teaches is for."""

    name = "occupation"
    of_person = ("wishes",)
    of_opening = ("works",)
    comparisons = (Comparison(lambda one: wished_items(one.wishes), lambda one: one.works, near),)

    def is_unsaid(self, opening: OpeningFacts) -> bool:
        return not opening.works

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        codes = tuple(code for code, _ in opening.works)
        return {"occupation": context.labels(codes, language) if codes else context.word("unknown", language)}
