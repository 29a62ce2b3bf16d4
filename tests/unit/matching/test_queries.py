"""What somebody wrote in the place of an id never reaches the database: it would stand in the log of slow queries. And
what takes a while is answered by what holds at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
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
from services.matching.schemas import WhyEmpty
from shared.events import Event
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import PERSON_UPDATED, Person
from shared.events.topics.prohibitions import Floor, Floors
from shared.kit.base.clock import Clock
from shared.kit.web.problems import Problem
from tests.support.matching import SEOUL, TODAY, a_job, a_person, numbered
from tests.unit.matching.asking import DAY, PACK

pytestmark = pytest.mark.unit
CALLER, PARTNER = (
    cast(
        Any,
        SimpleNamespace(
            agency=SimpleNamespace(agency=agency, recipient_class=kind),
            key_id="key",
            must_read=lambda _: None,
            must=lambda *_: None,
        ),
    )
    for agency, kind in (("hanawon", "case"), ("gjf", "service"))
)
ALIAS, GJF_ALIAS = numbered(0xAA1), numbered(0xAA2)
ALIASES = [{"agency": "hanawon", "alias": ALIAS}, {"agency": "gjf", "alias": GJF_ALIAS}]
CONSENTS = [
    {"purpose": "matching", "until": "2027-05-15"},
    {"purpose": "profile", "recipient": "gjf", "until": "2027-05-15"},
]
NEAR, FAR = a_job(1), a_job(2, region=SEOUL)


def told(person: Person) -> Event[Person]:
    return Event(
        id="1", source="/services/intake", type=PERSON_UPDATED.name, version=1, time=datetime(2026, 11, 22, tzinfo=UTC),
        key=person.person, data=person, sequence=1, correlationid="1", recordedtime=datetime(2026, 11, 22, tzinfo=UTC),
    )  # fmt: skip


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


class Kept:
    """A repository of one person and some openings. ``meanwhile`` is done while openings or matches are read."""

    def __init__(self, *openings: Opportunity, consents: Sequence[Mapping[str, Any]] = CONSENTS) -> None:
        person = a_person(1, consents=consents, aliases=ALIASES, wants={"kinds": ["job"], "commute_minutes": 60})
        self.person = StoredPerson.of(told(person), 1)
        self.held = {one.opportunity: one for one in openings}
        self.revisions = dict.fromkeys(self.held, 1)
        self.raised = Floors(person=person.person)
        self.meanwhile: Callable[[], None] = lambda: None
        self.read: list[str] = []
        self.looked = True
        self.standing: list[Any] = []
        self.audited: list[Any] = []

    def withdraw(self, purpose: str, recipient: str | None = None) -> None:
        consents = (Floor(purpose=purpose, recipient=recipient, below=2),)
        self.raised = Floors(person=self.person.id, consents=consents)

    async def person_by_alias(self, agency: str, alias: str) -> StoredPerson:
        return self.person

    async def people(self, ids: Iterable[str]) -> list[StoredPerson]:
        return [self.person] if self.person.id in set(ids) else []

    async def floors(self, ids: Iterable[str]) -> dict[str, Floors]:
        return dict.fromkeys(ids, self.raised)

    async def newest_open(self, today: date, most: int) -> list[tuple[str, int]]:
        self.meanwhile()
        return sorted(self.revisions.items())[:most]

    async def best_of_list(self, person: str, most: int) -> list[str] | None:
        return [*list(self.held)[:most], numbered(0xDEAD)][:most] if self.looked else None

    async def opportunities(self, ids: Sequence[str]) -> dict[str, Opportunity]:
        self.read += ids
        return {id: self.held[id] for id in ids if id in self.held}

    async def opportunity(self, id: str) -> Opportunity:
        return self.held[id]

    async def fitting(self, opportunity: str, limit: int) -> set[str]:
        return {self.person.id}

    async def matches_of_person(self, person: str) -> list[Any]:
        self.meanwhile()
        return list(self.standing)

    async def matches_of_people(self, people: Iterable[str]) -> dict[str, list[Any]]:
        self.meanwhile()
        return {id: [] for id in people}

    async def gives_way(self, opening: str) -> float:
        return 0.0

    async def audit(self, entries: Sequence[Any]) -> None:
        self.audited += entries


def queries(kept: Kept, search: NextStepsSearch | None = None) -> MatchQueries:
    repository: Any = kept
    people = PeopleAccess(repository, lambda: TODAY, Clock())
    return MatchQueries(repository, PACK, people, search or NextStepsSearch(PACK))


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

    HOMELESS = a_person(1, residence=None, consents=CONSENTS, aliases=ALIASES, wants={"kinds": ["job"]})
    JOBS = (a_job(1), a_job(2, status="closed"), a_job(3), a_job(4, kind="training"))

    async def test_is_told_of_the_best_that_may_match(self) -> None:
        kept = Kept(*self.JOBS)
        kept.person = StoredPerson.of(told(self.HOMELESS), 1)
        seen = await queries(kept).of_person(CALLER, ALIAS)
        assert seen.matches == ()
        assert [(one.what, one.decides) for one in seen.ask_first or ()] == [("residence", 2)]

    async def test_reads_on_behind_adverts_that_are_nearly_the_same(self) -> None:
        kept = Kept(*(a_job(n, employer={"number": "111-22-33333"}) for n in range(12)), a_job(20))
        kept.person = StoredPerson.of(told(self.HOMELESS), 1)
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


class TestAnEmptyList:
    """Is never without a word: why, and what there is nevertheless."""

    async def seen(self, kept: Kept) -> WhyEmpty:
        empty = (await queries(kept).of_person(CALLER, ALIAS)).empty
        assert empty is not None
        assert set(empty.text) == set(PACK.languages)
        return empty

    async def test_of_who_may_not_be_matched_says_that_and_names_no_opening(self) -> None:
        empty = await self.seen(Kept(NEAR, consents=[]))
        assert (empty.why, empty.waiting) == ("not_matched", ())

    async def test_of_whom_nobody_looked_at_yet_is_not_called_nothing(self) -> None:
        kept = Kept(FAR)
        kept.looked = False
        assert (await self.seen(kept)).why == "soon"

    async def test_of_who_has_something_likely_is_only_not_told_yet(self) -> None:
        assert (await self.seen(Kept(NEAR))).why == "soon"

    async def test_for_whom_nothing_passes_says_so_and_opens_more_says_what_refuses(self) -> None:
        kept = Kept(FAR, a_job(3, status="closed"))
        empty = await self.seen(kept)
        assert (empty.why, empty.waiting) == ("nothing", ())
        [refused] = (await queries(kept).opens_more(CALLER, ALIAS)).refused[:1]
        assert (refused.condition, refused.openings, refused.alone) == ("commute", 1, 1)

    async def test_shows_what_waits_for_the_employer_although_there_is_no_question_for_the_person(self) -> None:
        """The advert states neither pay nor times of day, and nothing but the employer's word makes it likely."""
        unsaid = a_job(1, wage=None, shifts=[], region=None)
        kept = Kept(unsaid)
        wants = {"kinds": ["job"], "wage_min": {"per": "month", "amount": 2_500_000, "currency": "KRW"},
                 "shifts": [DAY], "commute_minutes": 60}  # fmt: skip
        person = a_person(1, consents=CONSENTS, aliases=ALIASES, wants=wants)
        kept.person = StoredPerson.of(told(person), 1)
        empty = await self.seen(kept)
        assert (empty.why, [one.opportunity for one in empty.waiting]) == ("waits", [unsaid.opportunity])
        [waiting] = empty.waiting
        assert waiting.person_rank is None
        assert {"wage-floor", "shifts", "commute"} <= {one.condition for one in waiting.questions or ()}
        assert (await queries(kept).of_person(CALLER, ALIAS)).ask_first == ()

    async def test_names_what_nobody_said_where_nothing_asks(self) -> None:
        placeless = a_job(1, kind="consulting", region=None, wage=None, shifts=[])
        kept = Kept(placeless)
        person = a_person(1, consents=CONSENTS, aliases=ALIASES, wants={"kinds": ["consulting"]})
        kept.person = StoredPerson.of(told(person), 1)
        [waiting] = (await self.seen(kept)).waiting
        assert waiting.state == "eligible"
        [unsure] = waiting.questions or ()
        assert (unsure.condition, unsure.text["en"]) == ("commute", "No place is named, so it may be out of reach.")

    async def test_names_pay_and_times_that_nobody_asked_about(self) -> None:
        """Work at the legal floor waits for who states no least pay; here times of day are not known either."""
        kept = Kept(a_job(1, shifts=[], wage={"per": "hour", "minimum": 10_320, "currency": "KRW"}))
        kept.person = StoredPerson.of(
            told(a_person(1, consents=CONSENTS, aliases=ALIASES, wants={"kinds": ["job"]})), 1
        )
        [waiting] = (await self.seen(kept)).waiting
        assert {one.condition for one in waiting.questions or ()} == {"shifts", "wage-floor"}

    async def test_shows_of_what_waits_the_three_least_unlikely_one_of_those_that_are_nearly_the_same(self) -> None:
        same = [a_job(n, employer={"number": "111-22-33333"}) for n in range(3)]
        needing = [a_job(n, certificates=["kr-certificate-2020:care-worker"]) for n in (10, 11)]
        kept = Kept(*needing, *same, a_job(20), a_job(21))
        kept.person = StoredPerson.of(told(TestWhatToAskFirst.HOMELESS), 1)
        empty = await self.seen(kept)
        assert empty.why == "waits"
        shown = [one.opportunity for one in empty.waiting]
        assert len(shown) == 3
        assert len({one.opportunity for one in same} & set(shown)) == 1
        assert not {one.opportunity for one in needing} & set(shown)

    async def test_is_told_to_nobody_who_may_not_know_why(self) -> None:
        notice = [CONSENTS[0], {"purpose": "notice", "recipient": "gjf", "until": "2027-05-15"}]
        seen = await queries(Kept(FAR, consents=notice)).of_person(PARTNER, GJF_ALIAS)
        assert (seen.matches, seen.ask_first, seen.empty) == ((), None, None)

    async def test_names_no_opening_to_who_may_not_be_matched_any_more(self) -> None:
        kept = Kept(a_job(1))
        kept.person = StoredPerson.of(told(TestWhatToAskFirst.HOMELESS), 1)
        seen = await queries(kept).of_person(CALLER, ALIAS)
        assert seen.empty is not None
        assert (seen.empty.why, len(seen.ask_first or ())) == ("waits", 1)
        kept.meanwhile = lambda: kept.withdraw("matching")
        seen = await queries(kept).of_person(CALLER, ALIAS)
        assert seen.empty is not None
        assert (seen.empty.why, seen.empty.waiting, seen.ask_first) == ("not_matched", (), ())

    async def test_is_told_to_nobody_who_may_not_see_the_person_any_more(self) -> None:
        kept = Kept(FAR)
        kept.meanwhile = lambda: kept.withdraw("profile")
        with pytest.raises(Problem) as problem:
            await queries(kept).of_person(PARTNER, GJF_ALIAS)
        assert (problem.value.status, kept.audited) == (404, [])


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
