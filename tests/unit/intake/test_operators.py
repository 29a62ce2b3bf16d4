"""What an operator answers has its effect on the bus in the same transaction, and stands in the audit; what has ended
by the calendar, and the list of employers, have theirs without anybody speaking."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from services.intake import advert_expiry
from services.intake.advert_expiry import AdvertExpiryJob
from services.intake.documents import AUDIT, OPPORTUNITIES
from services.intake.event_handlers.vacancies import Vacancies
from services.intake.operators import Operators
from services.intake.opportunity_documents import EMPLOYERS, QUESTIONS, StoredOpportunity
from services.intake.schemas import Question
from shared.events.refusal import Refused
from shared.kit.web.problems import Problem
from tests.unit.intake.memory import House, agency, example, today

pytestmark = pytest.mark.unit
NIGHT = {"title": "제과제빵원 (야간)"}


def over(rows: Sequence[Any], today: str, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
    """As the repository finds whose last day is over."""
    ended = sorted((row["ends"], row["_id"]) for row in rows if row["ends"] is not None and row["ends"] < today)
    return [one for one in ended if one > after][:limit]


def unreadable(broken: set[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """No adverts of these can be looked at; what looked at them before."""
    look = Vacancies.look_again

    def fails(self: Vacancies, id: str) -> None:
        if id in broken:
            raise AssertionError("a document that cannot be read")
        look(self, id)

    monkeypatch.setattr(Vacancies, "look_again", fails)
    return look


class Kept:
    """The reads of a repository, from a store in memory."""

    def __init__(self, house: House) -> None:
        self._store = house.store

    async def questions(self, limit: int, before: tuple[datetime, str] | None) -> list[Any]:
        rows = sorted(self._store.all(QUESTIONS.name, answer=None), key=lambda row: row["_id"])
        rows = [row | {"at": row["at"].replace(tzinfo=UTC)} for row in rows]
        return [row for row in rows if before is None or row["_id"] > before[1]][:limit]

    async def opportunities(self, ids: Sequence[str]) -> dict[str, StoredOpportunity]:
        found = [self._store.get(OPPORTUNITIES, id) for id in ids]
        return {each["_id"]: StoredOpportunity.kept_in(each) for each in found if each is not None}

    async def adverts_ended(self, today: str, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        return over(self._store.all(OPPORTUNITIES), today, after, limit)

    async def employers_to_apply(self, after: str) -> list[Any]:
        rows = [row for row in self._store.all(EMPLOYERS.name, applied=False) if row["_id"].startswith("employer/")]
        rows = sorted((row for row in rows if row["_id"] > after), key=lambda row: row["_id"])[:2]
        return [row | {"at": row["at"].replace(tzinfo=UTC)} for row in rows]

    async def adverts_of(self, employer: str, after: str, limit: int) -> list[str]:
        rows = sorted(self._store.all(OPPORTUNITIES), key=lambda row: row["_id"])
        numbers = {row["_id"]: row["state"]["employer"].get("number", "").replace("-", "") for row in rows}
        return [id for id, number in numbers.items() if id > after and number == employer][:limit]


@pytest.fixture
def house() -> House:
    house = House()
    house.add(agency("jobaba", "public"))
    return house


def operators(house: House) -> Operators:
    return Operators(cast(Any, house.store), cast(Any, Kept(house)), house.dependencies)


def job(house: House) -> AdvertExpiryJob:
    return AdvertExpiryJob(cast(Any, house.store), cast(Any, Kept(house)), house.dependencies)


def last_told(house: House) -> dict[str, str]:
    return {event.data.opportunity: event.data.status for event in house.store.emitted}


async def asked(house: House) -> tuple[str, str, Question]:
    """Two that may be one."""
    one = await house.send("job-posted", example("job-posted"), by="gjf")
    other = await house.send("job-posted", example("job-posted", reference="J-1", **NIGHT), by="jobaba")
    (question,) = (await operators(house).questions(10, None)).questions
    assert sorted(question.opportunities) == sorted([str(one.opportunity), str(other.opportunity)])
    assert one.opportunity is not None
    assert other.opportunity is not None
    return one.opportunity, other.opportunity, question


class TestAQuestion:
    async def test_answered_the_same_they_are_one_from_here_on(self, house: House) -> None:
        first, second, question = await asked(house)
        assert not question.stale
        assert sorted(one.title for one in question.adverts) == ["제과제빵원 (야간)", "제과제빵원 (주간)"]
        ops = operators(house)
        told = await ops.answer(question.question, "same", house.callers["ops"])
        assert told.answer == "same"
        assert last_told(house) == {first: "open", second: "closed"}
        assert house.told == ["job-posted", "job-posted", "job-closed"]
        again = await ops.answer(question.question, "same", house.callers["ops"])
        assert (again.answer, len(house.told)) == ("same", 3)
        assert (await ops.questions(10, None)).questions == []
        said = await house.send("job-updated", example("job-updated", reference="J-1", **NIGHT, places=3), by="jobaba")
        assert (said.opportunity, len(house.told)) == (first, 3)
        await house.send("job-closed", example("job-closed"), by="gjf")
        await house.send("job-closed", example("job-closed", reference="J-1"), by="jobaba")
        assert last_told(house)[first] == "closed"
        entries = [(row["agency"], row["action"]) for row in house.store.all(AUDIT)]
        assert entries == [("ops", "question-same")] * 2

    async def test_answered_apart_they_are_neither_merged_nor_asked_about_again(self, house: House) -> None:
        first, second, question = await asked(house)
        await operators(house).answer(question.question, "apart", house.callers["ops"])
        said = await house.send("job-updated", example("job-updated", reference="J-1"), by="jobaba")
        assert said.opportunity == second
        assert last_told(house) == {first: "open", second: "open"}
        assert (await operators(house).questions(10, None)).questions == []

    async def test_once_one_is_closed_they_cannot_be_one(self, house: House) -> None:
        first, _, question = await asked(house)
        await house.send("job-closed", example("job-closed"), by="gjf")
        (stale,) = (await operators(house).questions(10, None)).questions
        assert stale.stale
        with pytest.raises(Refused) as refused:
            await operators(house).answer(question.question, "same", house.callers["ops"])
        assert [one.rule for one in refused.value.refusals] == ["not-one-vacancy"]
        assert house.store.all(AUDIT) == []
        assert last_told(house)[first] == "closed"

    async def test_is_for_who_administers_at_that_moment_and_of_what_exists(self, house: House) -> None:
        _, _, question = await asked(house)
        for id, caller, status in ((question.question, "gjf", 403), ("0f" * 16, "ops", 404)):
            with pytest.raises(Problem) as problem:
                await operators(house).answer(id, "same", house.callers[caller])
            assert problem.value.status == status
        assert len(house.told) == 2

    async def test_the_list_goes_on_after_the_last_one_seen(self, house: House) -> None:
        await asked(house)
        for number in range(2):
            more = example("job-posted", reference=f"A-{number}", title="제과제빵원 (주말)")
            await house.send("job-posted", more, by="acme")
        seen, before = list[str](), None
        while True:
            page = await operators(house).questions(2, before)
            seen += [one.question for one in page.questions]
            if (before := page.next) is None:
                break
        assert len(seen) == len(set(seen)) == len(house.store.all(QUESTIONS.name))
        with pytest.raises(ValueError, match="cursor"):
            await operators(house).questions(2, "eA==")


class TestASplit:
    async def test_takes_a_source_out_for_good(self, house: House) -> None:
        first = await house.send("job-posted", example("job-posted"), by="gjf")
        await house.send("job-posted", example("job-posted", reference="J-1", places=7), by="jobaba")
        assert first.opportunity is not None
        ops = operators(house)
        source = next(one for one in (await ops.vacancy(first.opportunity)).sources if one.agency == "jobaba")
        apart = await ops.split(first.opportunity, source.source, house.callers["ops"])
        assert (apart.status, [one.agency for one in apart.sources]) == ("open", ["jobaba"])
        assert house.told == ["job-posted", "job-posted"]
        assert last_told(house) == {first.opportunity: "open", apart.opportunity: "open"}
        said = await house.send("job-updated", example("job-updated", reference="J-1"), by="jobaba")
        assert said.opportunity == apart.opportunity
        with pytest.raises(Refused):
            await ops.split(apart.opportunity, source.source, house.callers["ops"])
        with pytest.raises(Problem):
            await ops.split(first.opportunity, source.source, house.callers["ops"])
        assert [row["action"] for row in house.store.all(AUDIT)] == ["source-split"]


class TestTheLastDay:
    """An agency that never closes keeps nothing open."""

    async def test_is_over_and_the_next_sources_words_are_told_then_nobodys(self, house: House) -> None:
        one = await house.send("job-posted", example("job-posted", closes=today(5), until_filled=False), by="gjf")
        longer = example("job-posted", reference="J-1", closes=today(20), until_filled=False, places=7)
        await house.send("job-posted", longer, by="jobaba")
        house.later(5)
        assert await job(house).expire() == 0
        house.later(6)
        assert await job(house).expire() == 1
        assert (house.told[-1], house.newest.owner, house.newest.places) == ("job-updated", "jobaba", 7)
        house.later(21)
        assert await job(house).expire() == 1
        assert (house.told[-1], house.newest.opportunity) == ("job-closed", one.opportunity)
        assert await job(house).expire() == 0
        assert all(not document["entries"] for document in house.store.all("adverts"))
        await house.send("job-updated", example("job-updated", closes=today(40), until_filled=False), by="gjf")
        assert (house.told[-1], house.newest.owner) == ("job-posted", "gjf")

    async def test_of_an_advert_without_one_is_180_days_after_its_agency_last_spoke(self, house: House) -> None:
        said = example("job-posted", closes=None)
        await house.send("job-posted", said, by="gjf")
        house.later(100)
        assert (await house.send("job-posted", said, by="gjf")).status == "duplicate"
        house.later(280)
        assert await job(house).expire() == 0
        house.later(281)
        assert await job(house).expire() == 1
        assert house.told == ["job-posted", "job-closed"]

    async def test_of_one_that_cannot_be_looked_at_keeps_nobody_elses_open(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(advert_expiry, "AT_ONCE", 2)
        for number in range(7):
            more = {"reference": f"G-{number}", "title": f"공고 {number}", "closes": today(5), "until_filled": False}
            await house.send("job-posted", example("job-posted", **more), by="gjf")
        house.later(6)
        broken = {row["_id"] for row in house.store.all(OPPORTUNITIES)[:3]}
        look = unreadable(broken, monkeypatch)
        with pytest.raises(AssertionError, match="cannot be read"):
            await job(house).expire()
        assert {id for id, status in last_told(house).items() if status == "open"} == broken
        monkeypatch.setattr(Vacancies, "look_again", look)
        assert await job(house).expire() == 3

    async def test_that_fails_keeps_nobody_from_the_list(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        await house.send("job-posted", example("job-posted", employer={"name": "가", "number": "1248100998"}), by="gjf")
        await operators(house).list_employer("1248100998", "held", "other", house.callers["ops"])

        async def fails(*_: Any) -> list[str]:
            raise AssertionError("nothing can be read")

        monkeypatch.setattr(Kept, "adverts_ended", fails)
        with pytest.raises(AssertionError):
            await job(house).run(1, asyncio.Event())
        assert list(last_told(house).values()) == ["held"]


class TestTheList:
    async def test_is_applied_to_what_is_there_already_and_undone_when_the_employer_is_taken_off(
        self, house: House
    ) -> None:
        one = await house.send("job-posted", example("job-posted"), by="gjf")
        other = {"name": "다른제과", "number": "124-81-00998"}
        two = await house.send("job-posted", example("job-posted", reference="G-2", employer=other), by="gjf")
        ops, caller = operators(house), house.callers["ops"]
        listed = await ops.list_employer("1248100998", "refused", "employer-unlicensed", caller)
        assert listed is not None
        assert not listed.applied
        assert await job(house).apply_list() == 1
        assert last_told(house) == {one.opportunity: "open", two.opportunity: "closed"}
        assert house.told[-1] == "opportunity-vetted"
        assert house.newest.vetting.reason == "employer-unlicensed"
        assert await job(house).apply_list() == 0
        await ops.list_employer("1248100998", None, None, caller)
        assert await job(house).apply_list() == 1
        assert last_told(house)[two.opportunity] == "open"
        assert [row for row in house.store.all(EMPLOYERS.name) if row["_id"].startswith("employer/")] == []
        with pytest.raises(Problem):
            await ops.list_employer("1248100998", None, None, caller)
        assert [row["action"] for row in house.store.all(AUDIT)] == ["employer-listed", "employer-taken-off"]

    async def test_of_one_whose_adverts_fail_keeps_nobody_elses_open_and_counts_as_applied_when_all_are(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each entry is gone through to its end, whatever failed in those before it."""
        monkeypatch.setattr(advert_expiry, "AT_ONCE", 1)
        numbers = ("1248100998", "2208162517", "3018107653")
        for number in numbers:
            for one in range(3):
                more = {"reference": f"{number}-{one}", "title": f"공고 {one}"}
                employer = {"name": f"예시{number[:3]}", "number": number}
                await house.send("job-posted", example("job-posted", **more, employer=employer), by="gjf")
            await operators(house).list_employer(number, "held", "other", house.callers["ops"])
        rows = house.store.all(OPPORTUNITIES)
        broken = {row["_id"] for row in rows if row["state"]["employer"]["number"] == numbers[0]}
        look = unreadable(broken, monkeypatch)
        with pytest.raises(AssertionError, match="cannot be read"):
            await job(house).apply_list()
        assert {id for id, status in last_told(house).items() if status == "open"} == broken
        assert [row["_id"] for row in house.store.all(EMPLOYERS.name, applied=False)] == [f"employer/{numbers[0]}"]
        monkeypatch.setattr(Vacancies, "look_again", look)
        assert await job(house).apply_list() == 3
        assert set(last_told(house).values()) == {"held"}
        assert house.store.all(EMPLOYERS.name, applied=False) == []

    async def test_stands_in_the_audit_with_which_employer_it_was_by_a_keyed_hash(self, house: House) -> None:
        ops, caller = operators(house), house.callers["ops"]
        for key in ("1248100998", "2208162517", "1248100998"):
            await ops.list_employer(key, "held", "other", caller)
        one, other, again = (row["employer"] for row in house.store.all(AUDIT))
        assert one == again != other
        assert "1248100998" not in str(house.store.all(AUDIT))
