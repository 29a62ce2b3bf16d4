"""Which sources an opportunity has: whoever leaves it leaves once, days that pass change it, room is for open ones."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from services.intake.documents import OPPORTUNITIES
from services.intake.event_handlers.advert_index import MOST_OF_AN_AGENCY
from services.intake.event_handlers.vacancies import MOST_SOURCES
from tests.unit.intake.memory import House, agency, example, today
from tests.unit.intake.test_operators import job, last_told, operators

pytestmark = pytest.mark.unit
NUMBER = {"name": "예시제과", "number": "123-45-67890"}
SOON: dict[str, Any] = {"closes": today(2), "until_filled": False}
TEN: dict[str, Any] = {"employment": "work24-2024-employment:10"}
TWENTY: dict[str, Any] = {"employment": "work24-2024-employment:20"}


@pytest.fixture
def house() -> House:
    house = House()
    for name in ("pa", "pb", "pc", "pd"):
        house.add(agency(name, "public"))
    return house


async def post(house: House, by: str, reference: str = "1", sequence: int = 1, **changes: Any) -> str:
    data = example("job-posted", reference=f"{by}-{reference}", **changes)
    receipt = await house.send("job-posted", data, by, sequence=str(sequence))
    assert receipt.status == "accepted", receipt.problem
    assert receipt.opportunity is not None
    return receipt.opportunity


async def close(house: House, by: str, reference: str = "1", sequence: int = 2) -> str:
    data = {"reference": f"{by}-{reference}", "reason": "filled"}
    receipt = await house.send("job-closed", data, by, sequence=str(sequence))
    assert receipt.status == "accepted", receipt.problem
    assert receipt.opportunity is not None
    return receipt.opportunity


def sources(house: House) -> dict[str, list[str]]:
    """The agencies by opportunity; each source is of one, and its reference leads there."""
    rows = house.store.all(OPPORTUNITIES)
    found = Counter(source["index"] for row in rows for source in row["sources"])
    assert set(found.values()) <= {1}
    for row in rows:
        for source in row["sources"]:
            reference = house.store.get("references", source["index"])
            assert reference is not None
            assert reference["thing"] == row["_id"]
    return {row["_id"]: [(source["words"] or row["state"])["owner"] for source in row["sources"]] for row in rows}


def open_now(house: House) -> list[str]:
    return sorted(id for id, status in last_told(house).items() if status == "open")


class TestThoseThatLeave:
    async def test_together_into_one_vacancy_are_one_opportunity_told_once(self, house: House) -> None:
        first = await post(house, "pa", employment=None)
        assert {
            await post(house, "pb", **TEN),
            await post(house, "pc", **TWENTY),
            await post(house, "pd", **TWENTY),
        } == {first}
        await close(house, "pa")
        found = sources(house)
        assert sorted(map(sorted, found.values())) == [["pa", "pb"], ["pc", "pd"]]
        assert len(open_now(house)) == 2
        for each in ("pc", "pd"):
            await close(house, each)
        assert open_now(house) == [first]

    async def test_its_agency_lists_two_of_it_open_once_it_opens_an_older_one_again(self, house: House) -> None:
        """Who lists two means two."""
        first = await post(house, "pa")
        await post(house, "pb")
        await close(house, "pa")
        assert await post(house, "pa", "2") == first
        assert await post(house, "pa", sequence=3) != first
        assert len(open_now(house)) == 2
        sources(house)


class TestDaysThatPass:
    @pytest.mark.parametrize(
        "employer", [{**NUMBER, "name": "예시제과 수원공장"}, {"name": "예시제과"}, {**NUMBER, "name": "예시"}]
    )
    async def test_who_joins_one_whose_last_day_is_over_is_told_in_its_place(
        self, house: House, employer: dict[str, str]
    ) -> None:
        first = await post(house, "pa", employer=NUMBER, **SOON)
        house.later(5)
        assert await post(house, "pb", employer=employer) == first
        assert (house.told, house.newest.owner) == (["job-posted", "job-updated"], "pb")
        await job(house).expire()
        assert (house.told, open_now(house)) == (["job-posted", "job-updated"], [first])
        assert await post(house, "pc", employer=employer) == first
        await close(house, "pb")
        await close(house, "pc")
        assert open_now(house) == []
        assert all(not document["entries"] for document in house.store.all("adverts"))

    async def test_the_others_of_one_that_is_joined_then_are_compared_anew(self, house: House) -> None:
        first = await post(house, "pa", employment=None, **SOON)
        assert await post(house, "pb", **TEN) == await post(house, "pc", **TWENTY) == first
        house.later(5)
        assert await post(house, "pd", **TEN) == first
        assert house.newest.owner == "pb"
        await job(house).expire()
        assert sorted(map(sorted, sources(house).values())) == [["pa", "pb", "pd"], ["pc"]]
        assert len(open_now(house)) == 2
        assert await job(house).expire() == 0

    async def test_a_source_that_is_open_goes_on_when_the_first_ones_last_day_is_over(self, house: House) -> None:
        first = await post(house, "pa", **SOON)
        await post(house, "pb", places=7)
        house.later(5)
        await job(house).expire()
        assert (house.told, house.newest.owner, open_now(house)) == (["job-posted", "job-updated"], "pb", [first])

    async def test_an_operator_may_act_on_one_whose_last_day_is_over(self, house: House) -> None:
        first = await post(house, "pa", employer=NUMBER, **SOON)
        await post(house, "pb", employer={**NUMBER, "name": "예시제과 수원공장"})
        house.later(5)
        held = await house.send(
            "opportunity-vetted", {"opportunity": first, "verdict": "held", "reason": "other"}, "pc"
        )
        assert held.status == "accepted"
        row = house.store.get(OPPORTUNITIES, first)
        assert row is not None
        await operators(house).split(first, row["sources"][1]["index"], house.callers["ops"])
        assert sorted(sources(house).values()) == [["pa"], ["pb"]]

    async def test_adverts_that_are_over_leave_room_for_others(self, house: House) -> None:
        for number in range(MOST_OF_AN_AGENCY):
            await post(house, "pa", str(number), closes=today(1), until_filled=False)
        house.later(5)
        await job(house).expire()
        assert await post(house, "pa", "new") == await post(house, "pb")
        assert len(open_now(house)) == 1


class TestRoom:
    async def test_is_taken_by_open_sources_alone(self, house: House) -> None:
        first = await post(house, "pa")
        for number in range(MOST_SOURCES + 3):
            assert await post(house, "pb", str(number)) == first
            await close(house, "pb", str(number))
        told = list(house.told)
        assert await post(house, "pc") == first
        assert house.told == told == ["job-posted"]
        found = sources(house)
        assert len(found[first]) == MOST_SOURCES
        assert sum(map(len, found.values())) == MOST_SOURCES + 5
        assert {"pa", "pc"} <= set(found[first])

    async def test_one_that_had_to_leave_is_opened_again_where_the_vacancy_is(self, house: House) -> None:
        first = await post(house, "pa")
        for number in range(MOST_SOURCES):
            await post(house, "pb", str(number))
            await close(house, "pb", str(number))
        (alone,) = (id for id in sources(house) if id != first)
        again = {"reference": "pb-0", "reason": "filled"}
        assert (await house.send("job-closed", again, "pb", sequence="2")).opportunity == alone
        assert await post(house, "pb", "0", sequence=3) == first
        await close(house, "pa")
        assert (house.newest.opportunity, house.newest.owner) == (first, "pb")
        await close(house, "pb", "0", sequence=4)
        assert await post(house, "pb", "0", sequence=5) != alone


class TestThoseThatBecomeAlike:
    """Two open opportunities, of which one is told in other words because of its sources."""

    @staticmethod
    def paid(amount: int) -> dict[str, Any]:
        """Within 2 % the same, beyond it doubtful."""
        return {"wage": {"per": "month", "minimum": amount, "currency": "KRW"}}

    async def test_once_the_first_source_is_closed_they_are_one(self, house: House) -> None:
        first = await post(house, "pa", **self.paid(2_500_000))
        assert await post(house, "pb", **self.paid(2_530_000)) == first
        second = await post(house, "pc", **self.paid(2_560_000))
        assert second != first
        assert open_now(house) == sorted((first, second))
        assert await close(house, "pa") == second
        assert open_now(house) == [second]
        assert sources(house)[second] == ["pc", "pb", "pa"]
        await close(house, "pc")
        assert (open_now(house), house.newest.owner) == ([second], "pb")
        await close(house, "pb")
        assert open_now(house) == []

    async def test_once_the_last_day_of_the_first_source_is_over(self, house: House) -> None:
        first = await post(house, "pa", **self.paid(2_500_000), **SOON)
        assert await post(house, "pb", **self.paid(2_530_000)) == first
        second = await post(house, "pc", **self.paid(2_560_000))
        house.later(5)
        await job(house).expire()
        assert open_now(house) == [second]
        assert sorted(sources(house)[second]) == ["pa", "pb", "pc"]

    async def test_a_source_that_is_only_perhaps_of_its_vacancy_goes_where_it_surely_is(self, house: House) -> None:
        first = await post(house, "pa", title="제과제빵원 모집")
        assert await post(house, "pb", title="제과제빵원 모집") == first
        second = await post(house, "pc", title="제과제빵원 모집 (야간)")
        assert await post(house, "pa", sequence=2, title="제과제빵원 모집 (야간)") == second
        assert open_now(house) == sorted((first, second))
        assert sources(house) == {first: ["pb"], second: ["pc", "pa"]}

    async def test_where_only_some_are_surely_alike_an_operator_is_asked(self, house: House) -> None:
        first = await post(house, "pa", **TEN)
        assert await post(house, "pb", **TEN) == first
        second = await post(house, "pc", **TWENTY)
        assert house.store.all("questions") == []
        assert await post(house, "pa", sequence=2, employment=None) == first
        assert open_now(house) == sorted((first, second))
        (question,) = house.store.all("questions")
        assert sorted(question["opportunities"]) == sorted((first, second))

    async def test_who_lists_two_means_two_and_an_operators_word_holds(self, house: House) -> None:
        first = await post(house, "pa", **self.paid(2_500_000))
        assert await post(house, "pb", **self.paid(2_530_000)) == first
        second = await post(house, "pb", "2", **self.paid(2_560_000))
        assert await close(house, "pa") == first
        assert open_now(house) == sorted((first, second))

        third = await post(house, "pc", region="legal-dong-2026:41110", **self.paid(2_500_000))
        assert await post(house, "pd", region="legal-dong-2026:41110", **self.paid(2_530_000)) == third
        fourth = await post(house, "pa", "2", region="legal-dong-2026:41110", **self.paid(2_560_000))
        for question in house.store.all("questions", answer=None):
            if {third, fourth} == set(question["opportunities"]):
                await operators(house).answer(question["_id"], "apart", house.callers["ops"])
        assert await close(house, "pc") == third
        assert open_now(house) == sorted((first, second, third, fourth))
