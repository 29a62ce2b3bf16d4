"""Everybody is told the same order: who reads over HTTP, who hears events, and who reads the pages."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any, cast

import pytest

from services.matching.documents import StoredMatch, StoredPerson
from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.diversification import ranking
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from services.matching.next_steps_search import NextStepsSearch
from services.matching.people_access import PeopleAccess
from services.matching.queries import MatchQueries
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.prohibitions import Floors
from shared.kit.base.clock import Clock
from tests.support.matching import BAKER, TODAY, a_job, a_person, numbered, random_opening, random_person
from tests.unit.matching.asking import PACK
from tests.unit.matching.kept_repository import CALLER
from tests.unit.matching.scene import Scene

pytestmark = pytest.mark.unit
CONTEXT = AssessmentContext(PACK, TODAY)
KITCHEN = "keco-2018:5323"
BUSY = {"number": "900-22-33333"}


def test_the_likely_ones_by_score_then_the_others_the_likelier_first_then_what_is_passed_over() -> None:
    standing = [
        (a_job(1, occupation=KITCHEN), 0.9, 1.0),  # beneath who has a certificate
        (a_job(2), 0.6, 0.1),
        (a_job(3, employer=BUSY), 0.4, 0.05),  # the fourth of its employer, by this order
        (a_job(4, employer=BUSY), 0.3, 0.9),
        (a_job(5), 0.2, 1.0),
        (a_job(6, employer=BUSY), 0.35, 0.4),
        (a_job(7, employer=BUSY), 0.35, 0.35),
        (a_job(8), 0.5, 0.3),
    ]
    scored = [(opening_facts(one, PACK), score, chance) for one, score, chance in standing]

    def places(**person: Any) -> list[int]:
        ranked = ranking(person_facts(a_person(**person), PACK), scored, CONTEXT)
        return [1 + [one for one, _, _ in scored].index(opening) for opening in ranked]

    assert places() == [6, 7, 4, 5, 8, 2, 1, 3]
    assert places(certificates=[]) == [1, 6, 7, 4, 5, 8, 2, 3]


def test_the_first_places_are_for_the_surest_in_the_order_of_their_scores() -> None:
    # half of the chance beside the score: 0.85 down to 0.65; the sixth has 0.5, the seventh 0.85
    standing = [(a_job(n), 0.4 - n / 20, 1.0) for n in range(1, 6)] + [(a_job(6), 0.3, 0.4), (a_job(7), 0.6, 0.5)]
    scored = [(opening_facts(one, PACK), score, chance) for one, score, chance in standing]
    ranked = ranking(person_facts(a_person(), PACK), scored, CONTEXT)
    assert [1 + [one for one, _, _ in scored].index(opening) for opening in ranked] == [7, 1, 2, 3, 4, 6, 5]


class Stored:
    """A repository of what a scene stored; it gives matches in another order than any that is told."""

    def __init__(self, scene: Scene, openings: Iterable[Opportunity]) -> None:
        self.people_held = {one["_id"]: StoredPerson.from_document(one) for one in scene.store.all("people")}
        matches = map(StoredMatch.from_document, scene.store.all("matches"))
        self.matches = sorted((one for one in matches if one.standing), key=lambda one: one.match.match)
        self.held = {one.opportunity: one for one in openings}

    async def person_by_alias(self, agency: str, alias: str) -> StoredPerson:
        return self.people_held[numbered(int(alias, 16) - 0xA0000)]

    async def people(self, ids: Iterable[str]) -> list[StoredPerson]:
        return [self.people_held[id] for id in ids]

    async def floors(self, ids: Iterable[str]) -> dict[str, Floors]:
        return {id: Floors(person=id) for id in ids}

    async def best_of_list(self, person: str, most: int) -> list[str]:
        return []

    async def opportunities(self, ids: Sequence[str]) -> dict[str, Opportunity]:
        return {id: self.held[id] for id in ids}

    async def opportunity(self, id: str) -> Opportunity:
        return self.held[id]

    async def fitting(self, opportunity: str, limit: int) -> set[str]:
        return {one.match.person for one in self.matches if one.match.opportunity == opportunity}

    async def matches_of_person(self, person: str) -> list[StoredMatch]:
        return [one for one in self.matches if one.match.person == person]

    async def matches_of_people(self, people: Iterable[str]) -> dict[str, list[StoredMatch]]:
        return {id: await self.matches_of_person(id) for id in people}

    async def gives_way(self, opening: str) -> float:
        return 0.0

    async def audit(self, entries: Sequence[Any]) -> None:
        pass


async def test_over_http_the_ranks_are_those_by_which_the_matcher_chose() -> None:
    dice, scene = random.Random(7), Scene()
    people = [random_person(number, dice) for number in range(20)]
    drawn = [random_opening(number, dice) for number in range(60)]
    kitchens = [a_job(100 + n, occupation=KITCHEN, wage={"minimum": 3_000_000}) for n in range(3)]
    crowd = [a_job(200 + n, employer=BUSY, occupation=BAKER, shifts=[f"kr-gyeonggi-1:{at}"])
             for n, at in enumerate(("day", "evening", "night"))]  # fmt: skip
    openings = [*drawn, *kitchens, *crowd]
    scene.does(*people, *(a_person(n, occupations=[]) for n in range(20, 24)), *openings)
    repository = cast(Any, Stored(scene, openings))
    queries = MatchQueries(repository, PACK, PeopleAccess(repository, lambda: TODAY, Clock()), NextStepsSearch(PACK))
    others = 0
    for person in sorted({id for id, _ in scene.standing()}):
        seen = await queries.of_person(CALLER, numbered(0xA0000 + int(person, 16)))
        chosen = scene.matching.index.best(person)
        assert [(one.person_rank, one.opportunity) for one in seen.matches] == list(enumerate(chosen, 1))
        stored = await repository.matches_of_person(person)
        least = PACK.matching.likely_from
        stored.sort(key=lambda one: (one.chance < least, -one.match.score, one.match.opportunity))
        others += [one.match.opportunity for one in stored] != chosen
        for rank, opening in enumerate(chosen[:2], 1):
            fitting = await queries.of_opportunity(CALLER, opening)
            alias = numbered(0xA0000 + int(person, 16))
            assert [one.person_rank for one in fitting.matches if one.alias == alias] in ([rank], [])
    assert others >= 3  # the world has people for whom something is passed over


async def test_why_not_says_of_equals_that_they_are_as_good_and_of_better_ones_that_they_fit_better() -> None:
    scene, openings = Scene(), [*(a_job(n) for n in range(1, 13)), a_job(20, wage={"minimum": 2_300_000})]
    scene.does(a_person(), *openings)
    repository = cast(Any, Stored(scene, openings))
    queries = MatchQueries(repository, PACK, PeopleAccess(repository, lambda: TODAY, Clock()), NextStepsSearch(PACK))
    standing, said = {opening for _, opening in scene.standing()}, dict[str, str]()
    for one in openings:
        if one.opportunity not in standing:
            why = await queries.why(CALLER, numbered(0xA0000 + int(a_person().person, 16)), one.opportunity)
            said[one.opportunity] = why.opens[0]["en"]
    better = said.pop(a_job(20).opportunity)
    assert better == PACK.sentence("open.score", "en")
    assert list(said.values()) == 2 * [PACK.sentence("open.as_good", "en")]
