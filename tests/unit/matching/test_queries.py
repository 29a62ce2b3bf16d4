"""What somebody wrote in the place of an id never reaches the database: it would stand in the log of slow queries. And
what takes a while is answered by what holds at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.matching.documents import StoredPerson
from services.matching.domain.assessment import assess_pair
from services.matching.next_steps_search import MOST_OF_AGENCY, MOST_WAITING, NextStepsSearch
from services.matching.people_access import PeopleAccess
from services.matching.queries import MatchQueries
from services.matching.repository import Repository
from shared.kit.base.clock import Clock
from shared.kit.web.problems import Problem
from tests.support.matching import TODAY, a_job
from tests.unit.matching.asking import PACK
from tests.unit.matching.kept_repository import (
    ALIAS,
    CALLER,
    CONSENTS,
    FAR,
    GJF_ALIAS,
    HOMELESS,
    NEAR,
    PARTNER,
    Kept,
    queries,
    told,
)

pytestmark = pytest.mark.unit


class Unasked:
    """A repository that must not be asked."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")


PEOPLE = PeopleAccess(cast(Any, Unasked()), lambda: date(2026, 11, 22), Clock())
QUERIES = MatchQueries(cast(Any, Unasked()), cast(Any, None), PEOPLE, cast(Any, None))


class TestAnAliasOrOpeningThatIsNone:
    @pytest.mark.parametrize("name", ["홍길동", "+82-10-0674-9407", "HW-8841"])
    @pytest.mark.parametrize(
        "ask",
        [
            lambda name: QUERIES.of_person(CALLER, name),
            lambda name: QUERIES.of_opportunity(CALLER, name),
            lambda name: QUERIES.why(CALLER, name, name),
            lambda name: QUERIES.opens_more(CALLER, name),
        ],
    )
    async def test_is_not_found_without_asking(self, ask: Callable[[str], Awaitable[Any]], name: str) -> None:
        with pytest.raises(Problem) as problem:
            await ask(name)
        assert problem.value.status == 404


class TestAConsentWithdrawnWhileItIsWorkedOut:
    @pytest.mark.parametrize("consent", [("profile", "gjf"), ("profile", None)])
    async def test_is_not_answered_by(self, consent: tuple[str, str | None]) -> None:
        kept = Kept(FAR)
        kept.meanwhile = lambda: kept.withdraw(*consent)
        with pytest.raises(Problem) as problem:
            await queries(kept).opens_more(PARTNER, GJF_ALIAS)
        assert (problem.value.status, kept.audited) == (404, [])

    async def test_nothing_is_proposed_to_who_may_not_be_matched_any_more(self) -> None:
        kept = Kept(FAR)
        assert (await queries(kept).opens_more(CALLER, ALIAS)).looked_at == 1
        kept.meanwhile = lambda: kept.withdraw("matching")
        found = await queries(kept).opens_more(CALLER, ALIAS)
        assert (found.steps, found.looked_at) == ((), 0)

    async def test_nor_is_a_reason(self) -> None:
        kept = Kept(NEAR)
        assert (await queries(kept).why(PARTNER, GJF_ALIAS, NEAR.opportunity)).state == "eligible"
        kept.meanwhile = lambda: kept.withdraw("profile")
        with pytest.raises(Problem) as problem:
            await queries(kept).why(PARTNER, GJF_ALIAS, NEAR.opportunity)
        assert (problem.value.status, len(kept.audited)) == (404, 1)

    async def test_a_reason_is_of_what_may_be_matched_now(self) -> None:
        kept = Kept(NEAR)
        kept.meanwhile = lambda: kept.withdraw("matching")
        assert (await queries(kept).why(CALLER, ALIAS, NEAR.opportunity)).state == "no"

    async def test_nor_is_who_fits_an_opening(self) -> None:
        kept = Kept(NEAR)
        assert len((await queries(kept).of_opportunity(PARTNER, NEAR.opportunity)).matches) == 1
        kept.meanwhile = lambda: kept.withdraw("matching")
        assert (await queries(kept).of_opportunity(PARTNER, NEAR.opportunity)).matches == ()
        assert len(kept.audited) == 1


class TestWhatToAskFirst:
    """Also where nothing stands: what waits for the answer counts."""

    JOBS = (a_job(1), a_job(2, status="closed"), a_job(3), a_job(4, kind="training"))

    async def test_is_told_of_the_best_that_may_match(self) -> None:
        kept = Kept(*self.JOBS)
        kept.person = StoredPerson.of(told(HOMELESS), 1)
        seen = await queries(kept).of_person(CALLER, ALIAS)
        assert seen.matches == ()
        assert [(one.what, one.decides) for one in seen.ask_first or ()] == [("residence", 2)]

    async def test_reads_on_behind_adverts_that_are_nearly_the_same(self) -> None:
        kept = Kept(*(a_job(n, employer={"number": "111-22-33333"}) for n in range(12)), a_job(20))
        kept.person = StoredPerson.of(told(HOMELESS), 1)
        seen = await queries(kept).of_person(CALLER, ALIAS)
        assert [(one.what, one.decides) for one in seen.ask_first or ()] == [("residence", 2)]

    async def test_is_not_told_of_who_may_not_be_matched(self) -> None:
        kept = Kept(*self.JOBS, consents=[])
        assert (await queries(kept).of_person(CALLER, ALIAS)).ask_first == ()


class TestNearIdenticalAdverts:
    """Of what says the same work again one stands, and the others are named to who may know why."""

    SAME = tuple(a_job(n, employer={"number": "111-22-33333"}) for n in range(3))
    NOTICE = (CONSENTS[0], {"purpose": "notice", "recipient": "gjf", "until": "2027-05-15"})

    def kept(self, consents: Sequence[Mapping[str, Any]] = CONSENTS) -> Kept:
        kept, one = Kept(*self.SAME, consents=consents), self.SAME[0]
        match = SimpleNamespace(opportunity=one.opportunity, kind="job", band="high", state="eligible", score=0.8,
                                reasons=(), questions=(), model="m-1", as_of=TODAY)  # fmt: skip
        kept.standing = [SimpleNamespace(match=match, chance=1.0)]
        return kept

    async def also(self, kept: Kept, caller: Any, alias: str) -> list[tuple[str, ...] | None]:
        return [one.also for one in (await queries(kept).of_person(caller, alias)).matches]

    async def test_are_named_to_who_may_know_why(self) -> None:
        others = tuple(one.opportunity for one in self.SAME[1:])
        assert await self.also(self.kept(), CALLER, ALIAS) == [others]
        assert await self.also(self.kept(), PARTNER, GJF_ALIAS) == [others]

    async def test_to_nobody_else(self) -> None:
        assert await self.also(self.kept(self.NOTICE), PARTNER, GJF_ALIAS) == [None]

    async def test_nor_to_whom_it_was_taken_back_meanwhile(self) -> None:
        kept = self.kept([*self.NOTICE, CONSENTS[1]])
        kept.meanwhile = lambda: kept.withdraw("profile")
        assert await self.also(kept, PARTNER, GJF_ALIAS) == [None]


class TestWhatTakesNobodyAnyMore:
    """Is shown to nobody from that moment, although it is withdrawn by the active matcher, and there may be none."""

    OPEN = a_job(1)

    def kept(self, **changes: Any) -> Kept:
        over = a_job(2, **changes)
        kept = Kept(self.OPEN, over)
        kept.standing = [
            SimpleNamespace(
                match=SimpleNamespace(opportunity=one.opportunity, kind="job", band="high", state="eligible", score=0.8,
                                      reasons=(), questions=(), model="m-1", as_of=TODAY),
                chance=1.0,
            )
            for one in (over, self.OPEN)
        ]  # fmt: skip
        return kept

    @pytest.mark.parametrize("changes", [{"status": "closed"}, {"status": "held"}, {"closes": "2026-11-21"}])
    async def test_in_no_list_and_is_not_called_kept(self, changes: dict[str, Any]) -> None:
        kept = self.kept(**changes)
        seen = await queries(kept).of_person(CALLER, ALIAS)
        assert [(one.opportunity, one.person_rank) for one in seen.matches] == [(self.OPEN.opportunity, 1)]
        why = await queries(kept).why(CALLER, ALIAS, a_job(2).opportunity)
        assert (why.state, why.kept) == ("no", False)
        assert (await queries(kept).why(CALLER, ALIAS, self.OPEN.opportunity)).kept

    async def test_nor_where_it_ends_while_people_for_it_are_looked_for(self) -> None:
        kept = Kept(NEAR)
        standing = self.kept().standing[1:]

        async def and_it_ends(people: Iterable[str]) -> dict[str, list[Any]]:
            kept.held[NEAR.opportunity] = a_job(1, status="closed")
            return dict.fromkeys(people, standing)

        kept.matches_of_people = and_it_ends  # type: ignore[method-assign]  # this repository alone
        [one] = (await queries(kept).of_opportunity(CALLER, NEAR.opportunity)).matches
        assert one.person_rank is None


class TestWhatManyLookAt:
    async def test_gives_way_by_the_model_of_the_day(self) -> None:
        async def gives_way(opening: str) -> float:
            return 0.1

        kept = Kept(FAR, NEAR)
        kept.gives_way = gives_way  # type: ignore[method-assign]  # this repository alone
        repository, tomorrow = cast(Any, kept), TODAY + timedelta(days=1)
        coming = PACK.matching.model_copy(update={"valid_from": tomorrow, "congestion": None})
        packs, said = replace(PACK, coming=coming), list[str]()
        for day in (TODAY, tomorrow):
            people = PeopleAccess(repository, partial(lambda one: one, day), Clock())
            assessment = assess_pair(kept.person.person, NEAR, packs, day)
            worse: Any = SimpleNamespace(
                match=SimpleNamespace(score=assessment.score - 0.2, opportunity=FAR.opportunity)
            )
            said.append(
                await MatchQueries(repository, packs, people, NextStepsSearch(packs))._passed_over(assessment, [worse])
            )
        assert said[0] == "crowded" != said[1]


class TestTheSearchForSteps:
    async def test_reads_only_what_changed_since_the_last_one(self) -> None:
        kept, search = Kept(FAR, NEAR), NextStepsSearch(PACK)
        first = await queries(kept, search).opens_more(CALLER, ALIAS)
        assert sorted(kept.read) == sorted(kept.held)
        kept.read.clear()
        assert await queries(kept, search).opens_more(CALLER, ALIAS) == first
        assert kept.read == []
        kept.revisions[FAR.opportunity] = 2
        del kept.revisions[NEAR.opportunity]
        assert (await queries(kept, search).opens_more(CALLER, ALIAS)).looked_at == 1
        assert kept.read == [FAR.opportunity]

    async def test_knows_nothing_by_a_model_that_decides_no_more(self) -> None:
        kept, tomorrow = Kept(FAR, NEAR), TODAY + timedelta(days=1)
        meanings = PACK.matching.model_copy(update={"valid_from": tomorrow})
        search, repository = NextStepsSearch(replace(PACK, coming=meanings)), cast(Repository, kept)
        await search.search(repository, "hanawon", kept.person.person, TODAY)
        assert {one.opportunity for one in search._known.values()} == {FAR, NEAR}
        kept.read.clear()
        await search.search(repository, "hanawon", kept.person.person, tomorrow)
        assert sorted(kept.read) == sorted(kept.held)
        kept.read.clear()
        await search.search(repository, "hanawon", kept.person.person, tomorrow)
        assert kept.read == []

    async def test_is_one_at_a_time_and_few_wait(self) -> None:
        kept, search, under_way = Kept(FAR), NextStepsSearch(PACK), [0, 0]
        reads = kept.newest_open

        async def counted(today: date, most: int) -> list[tuple[str, int]]:
            under_way[0] += 1
            under_way[1] = max(under_way)
            for _ in range(5):
                await asyncio.sleep(0)
            under_way[0] -= 1
            return await reads(today, most)

        kept.newest_open = counted  # type: ignore[method-assign]  # the same, and it lets others have their turn
        repository = cast(Repository, kept)

        async def asked(*agencies: str) -> list[int]:
            asking = [search.search(repository, each, kept.person.person, TODAY) for each in agencies]
            answers = await asyncio.gather(*asking, return_exceptions=True)
            return [one.status for one in answers if isinstance(one, Problem)]

        assert (await asked(*(["one"] * (MOST_OF_AGENCY + 2))), under_way[1]) == ([503, 503], 1)
        assert await asked(*(["one"] * 9), "two") == [503] * (9 - MOST_OF_AGENCY)  # who asks much delays only itself
        assert await asked(*map(str, range(MOST_WAITING + 2))) == [503, 503]
        assert (await queries(kept, search).opens_more(CALLER, ALIAS)).looked_at == 1
