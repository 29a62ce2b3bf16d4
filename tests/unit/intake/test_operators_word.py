"""What an operator said holds, however adverts move from one opportunity to another by themselves."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.documents import OPPORTUNITIES
from services.intake.domain.separated_vacancies import MOST, are_apart, reconciled, sides, with_marks
from tests.unit.intake.memory import House
from tests.unit.intake.test_operators import last_told, operators
from tests.unit.intake.test_vacancy_sources import close, open_now, post, sources
from tests.unit.intake.vetting_scene import (
    ELSEWHERE,
    NIGHT,
    OTHER_HOURS,
    answer,
    asked,
    four_agencies,
    paid,
    split,
    vet,
)

pytestmark = pytest.mark.unit


@pytest.fixture
def house() -> House:
    return four_agencies()


class TestApart:
    def test_are_the_two_sides_of_one_mark_the_last_ones(self) -> None:
        (a, b), (c, d) = sides("x"), sides("y")
        assert are_apart((a, c), (b,))
        assert are_apart((b,), (a,))
        assert not are_apart((a, c), (a, c))
        assert not are_apart((a,), (d,))
        assert reconciled((a, c), (b, c)) == (c,)
        many = tuple(map(str, range(MOST)))
        assert with_marks(many, (a, many[0])) == (*many[2:], a, many[0])

    @pytest.mark.parametrize("by_split", [True, False])
    async def test_holds_of_sources_that_a_third_advert_would_lead_together(self, house: House, by_split: bool) -> None:
        first = await post(house, "pa")
        if by_split:
            assert await post(house, "pb") == first
            second = await split(house, first, "pb")
        else:
            second = await post(house, "pb", **NIGHT)
            await answer(house, "apart", first, second)
            assert await post(house, "pb", sequence=2) == second
        third = await post(house, "pc")
        assert await post(house, "pa", sequence=3, **OTHER_HOURS) == third
        assert await post(house, "pb", sequence=3, **OTHER_HOURS) == second
        assert open_now(house) == sorted((second, third))
        assert {frozenset(each["opportunities"]) for each in asked(house)} == {
            frozenset((first, third)),
            frozenset((second, third)),
        }  # asked when the third came

    async def test_holds_of_whoever_leaves_either_of_them(self, house: House) -> None:
        first = await post(house, "pa")
        assert await post(house, "pb") == await post(house, "pc") == await post(house, "pd") == first
        second = await split(house, first, "pd")
        assert await post(house, "pb", sequence=2, region="legal-dong-2026:41110") not in (first, second)
        assert await post(house, "pd", sequence=2, region="legal-dong-2026:41110") == second
        assert sources(house)[second] == ["pd"]
        assert asked(house) == []

    async def test_holds_of_who_joined_one_of_them_since(self, house: House) -> None:
        first = await post(house, "pa", **paid(2_500_000))
        second = await post(house, "pd", **paid(2_590_000))
        await answer(house, "apart", first, second)
        assert await post(house, "pb", **paid(2_545_000)) not in (first, second)  # it may be either: asked
        (third,) = set(open_now(house)) - {first, second}
        await answer(house, "same", first, third)
        await close(house, "pa")
        assert second in open_now(house)
        assert sources(house)[second] == ["pd"]

    async def test_an_operator_may_say_the_contrary_later(self, house: House) -> None:
        first, second = await post(house, "pa"), await post(house, "pb", **NIGHT)
        (question,) = asked(house)
        words: list[tuple[Any, list[str]]] = [("apart", [first, second]), ("same", [first])]
        for word, left in words:
            await operators(house).answer(question["_id"], word, house.callers["ops"])
            assert open_now(house) == sorted(left)
        row = house.store.get(OPPORTUNITIES, first)
        assert row is not None
        assert row["apart"] == []


class TestVerdicts:
    @staticmethod
    async def two(house: House) -> tuple[str, str]:
        """The second of "pc" is surely that of the first, once "pa" is closed."""
        first = await post(house, "pa", **paid(2_500_000))
        assert await post(house, "pb", **paid(2_530_000)) == first
        return first, await post(house, "pc", **paid(2_560_000))

    @pytest.mark.parametrize("verdict", ["held", "checked"])
    async def test_on_one_alone_leave_the_other_as_it_is_and_an_operator_is_asked(
        self, house: House, verdict: str
    ) -> None:
        first, second = await self.two(house)
        assert (await vet(house, first, verdict)).status == "accepted"
        assert await close(house, "pa") == first
        assert last_told(house)[second] == "open"
        assert last_told(house)[first] == {"held": "held", "checked": "open"}[verdict]
        assert any(set(each["opportunities"]) == {first, second} for each in asked(house))

    async def test_that_are_the_same_on_both_keep_nothing_apart(self, house: House) -> None:
        first, second = await self.two(house)
        await vet(house, first, "held")
        await vet(house, second, "held")
        assert await close(house, "pa") == second
        assert last_told(house) == {first: "closed", second: "held"}

    @pytest.mark.parametrize("chain", [False, True])
    async def test_on_one_that_was_merged_away_name_the_one_that_it_is_now(self, house: House, chain: bool) -> None:
        first, second = await self.two(house)
        assert await close(house, "pa") == second
        now = second
        if chain:
            now = await post(house, "pd", region="legal-dong-2026:41110")
            for by in ("pb", "pc"):
                await post(house, by, sequence=3, region="legal-dong-2026:41110")
            assert sources(house)[now] == ["pd", "pb", "pc"]
        told = list(house.told)
        receipt = await vet(house, first, "refused")
        assert (receipt.problem.rule, house.told) == ("opportunity-merged", told)
        assert now in receipt.problem.remedy["en"]
        assert (await vet(house, now, "refused")).status == "accepted"
        assert last_told(house)[now] == "closed"

    async def test_are_taken_again_on_one_that_is_open_again(self, house: House) -> None:
        first = await post(house, "pa")
        assert await post(house, "pb") == first
        await close(house, "pb")
        second = await post(house, "pc", region="legal-dong-2026:41110")
        assert await post(house, "pa", sequence=3, region="legal-dong-2026:41110") == second
        assert (await vet(house, first, "held")).problem.rule == "opportunity-merged"
        assert await post(house, "pb", sequence=3) == first
        row = house.store.get(OPPORTUNITIES, first)
        assert row is not None
        assert row["merged_into"] is None
        assert (await vet(house, first, "held")).status == "accepted"


class TestWhoeverLeaves:
    """What an operator held or refused goes along with a source that changes its words."""

    @pytest.mark.parametrize(("verdict", "status"), [("held", "held"), ("refused", "closed"), ("checked", "open")])
    async def test_for_a_vacancy_of_its_own_takes_it_along(self, house: House, verdict: str, status: str) -> None:
        first = await post(house, "pa")
        assert await post(house, "pb") == first
        await vet(house, first, verdict)
        second = await post(house, "pb", sequence=2, **ELSEWHERE)
        assert second != first
        assert last_told(house) == {first: status, second: status}
        assert asked(house) == []

    @pytest.mark.parametrize("verdict", ["held", "refused"])
    @pytest.mark.parametrize("alone", [True, False])
    async def test_for_another_that_is_open_is_not_let_in_and_an_operator_is_asked(
        self, house: House, verdict: str, alone: bool
    ) -> None:
        third = await post(house, "pc", **ELSEWHERE)
        first = await post(house, "pa")
        if not alone:
            assert await post(house, "pb") == first
        await vet(house, first, verdict)
        left = await post(house, "pa", sequence=2, **ELSEWHERE)
        assert (left == first) is alone
        assert open_now(house) == [third]
        assert sources(house)[third] == ["pc"]
        assert [set(each["opportunities"]) for each in asked(house)] == [{third, left}]

    async def test_for_another_that_is_held_likewise_is_one_with_it(self, house: House) -> None:
        third = await post(house, "pc", **ELSEWHERE)
        first = await post(house, "pa")
        assert await post(house, "pb") == first
        for id in (first, third):
            await vet(house, id, "held")
        assert await post(house, "pb", sequence=2, **ELSEWHERE) == third
        assert last_told(house) == {first: "held", third: "held"}
        assert asked(house) == []

    async def test_because_the_words_it_was_compared_with_have_changed_takes_it_along(self, house: House) -> None:
        first = await post(house, "pa")
        assert await post(house, "pb") == first
        await vet(house, first, "held")
        await post(house, "pa", sequence=2, **ELSEWHERE)
        assert set(last_told(house).values()) == {"held"}
