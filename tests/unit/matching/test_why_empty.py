"""An empty list of matches says why it is empty, and what there is nevertheless."""

from __future__ import annotations

import pytest

from services.matching.documents import StoredPerson
from services.matching.schemas import WhyEmpty
from shared.kit.web.problems import Problem
from tests.support.matching import a_job, a_person
from tests.unit.matching.asking import DAY, PACK
from tests.unit.matching.kept_repository import (
    ALIAS,
    ALIASES,
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
        kept.person = StoredPerson.of(told(HOMELESS), 1)
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
        kept.person = StoredPerson.of(told(HOMELESS), 1)
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
