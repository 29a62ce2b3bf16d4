"""What an operator held or refused binds the same words under another reference, within bounds, and nobody else."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from services.intake.event_handlers.advert_index import (
    KEPT,
    MOST_BINDING,
    MOST_BINDING_OF_AN_AGENCY,
    MOST_OF_AN_AGENCY,
)
from services.intake.opportunity_documents import ADVERTS
from tests.unit.intake.memory import House, agency
from tests.unit.intake.test_operators import last_told
from tests.unit.intake.test_vacancy_sources import close, open_now, post, sources
from tests.unit.intake.vetting_scene import (
    ELSEWHERE,
    OTHER_HOURS,
    asked,
    four_agencies,
    paid,
    vet,
)

pytestmark = pytest.mark.unit


@pytest.fixture
def house() -> House:
    return four_agencies()


class TestANewReference:
    """What an operator held or refused is not got rid of by saying the same under another one."""

    @pytest.mark.parametrize(("verdict", "status"), [("held", "held"), ("refused", "closed")])
    @pytest.mark.parametrize("closed", [True, False])
    async def test_of_the_same_words_is_held_or_refused_likewise(
        self, house: House, verdict: str, status: str, closed: bool
    ) -> None:
        first = await post(house, "pa")
        await vet(house, first, verdict)
        if closed:
            await close(house, "pa")
        second = await post(house, "pa", "2")
        assert second != first
        assert last_told(house)[second] == status
        assert open_now(house) == []
        await close(house, "pa", "2")
        third = await post(house, "pa", "3")
        assert last_told(house)[third] == status

    @pytest.mark.parametrize("verdict", ["held", "refused"])
    async def test_that_comes_to_say_the_same_is_so_too(self, house: House, verdict: str) -> None:
        first = await post(house, "pa")
        await vet(house, first, verdict)
        second = await post(house, "pa", "2", **ELSEWHERE)
        assert open_now(house) == [second]
        assert await post(house, "pa", "2", sequence=2) == second
        assert open_now(house) == []

    async def test_of_other_words_or_of_another_agency_is_open(self, house: House) -> None:
        first = await post(house, "pa")
        await vet(house, first, "refused")
        second, third = await post(house, "pa", "2", **ELSEWHERE), await post(house, "pb")
        assert open_now(house) == sorted((second, third))

    async def test_is_open_once_the_operator_says_so_of_the_first(self, house: House) -> None:
        first = await post(house, "pa")
        for verdict in ("held", "checked"):
            await vet(house, first, verdict)
        second = await post(house, "pa", "2")
        assert open_now(house) == sorted((first, second))

    async def test_is_not_let_in_where_another_agency_has_the_same_open(self, house: House) -> None:
        first = await post(house, "pa")
        await vet(house, first, "refused")
        honest = await post(house, "pb")
        second = await post(house, "pa", "2")
        assert open_now(house) == [honest]
        assert sources(house)[honest] == ["pb"]
        assert [set(each["opportunities"]) for each in asked(house)] == [{honest, second}]

    async def test_of_an_agency_that_was_a_source_of_it_is_so_too(self, house: House) -> None:
        first = await post(house, "pa")
        assert await post(house, "pb") == first
        await vet(house, first, "held")
        second = await post(house, "pb", "2")
        assert last_told(house)[second] == "held"

    async def test_what_is_closed_takes_nobodys_room_and_is_bounded(self, house: House) -> None:
        for number in range(MOST_BINDING_OF_AN_AGENCY + 3):
            await vet(house, await post(house, "pa", str(number), **paid(2_500_000 + 200_000 * number)), "refused")
        for row in house.store.all(ADVERTS.name):
            assert (len(row["entries"]), len(row["bound"])) == (0, MOST_BINDING_OF_AN_AGENCY)
        second = await post(house, "pb")
        assert await post(house, "pc") == second

    @pytest.mark.parametrize(("verdict", "status"), [("held", "held"), ("refused", "closed")])
    @pytest.mark.parametrize("closed", [True, False])
    async def test_of_the_words_that_were_looked_at_is_so_whatever_the_first_says_by_now(
        self, house: House, verdict: str, status: str, closed: bool
    ) -> None:
        first = await post(house, "pa")
        await vet(house, first, verdict)
        assert await post(house, "pa", sequence=2, **ELSEWHERE) == first
        if closed:
            await close(house, "pa", sequence=3)
        assert last_told(house)[first] == ("closed" if closed else status)
        second = await post(house, "pa", "2")
        assert last_told(house)[second] == status
        mended = await post(house, "pa", "3", **ELSEWHERE)
        assert open_now(house) == [mended], "nobody has looked at these words"

    async def test_of_any_words_that_were_looked_at_is_so(self, house: House) -> None:
        first = await post(house, "pa")
        for sequence, change in ((2, ELSEWHERE), (3, paid(3_100_000)), (4, OTHER_HOURS)):
            await vet(house, first, "refused")
            assert await post(house, "pa", sequence=sequence, **change) == first
        for number, change in enumerate(({}, ELSEWHERE, paid(3_100_000))):
            await post(house, "pa", f"again-{number}", **change)
        assert open_now(house) == []
        await vet(house, first, "checked")
        anew = await post(house, "pa", "anew", **ELSEWHERE)
        assert open_now(house) == sorted((first, anew))

    async def test_is_so_when_the_first_has_joined_another_that_is_held_likewise(self, house: House) -> None:
        other = await post(house, "pc", **ELSEWHERE)
        first = await post(house, "pa")
        for id in (first, other):
            await vet(house, id, "held")
        assert await post(house, "pa", sequence=2, **ELSEWHERE) == other
        second = await post(house, "pa", "2")
        assert last_told(house)[second] == "held"

    async def test_binds_for_so_many_days(self, house: House) -> None:
        lasting: dict[str, Any] = {"closes": None, "until_filled": True}
        await vet(house, await post(house, "pa", **lasting), "refused")
        house.later(KEPT.days - 1)
        await post(house, "pa", "2", **lasting)
        assert open_now(house) == []
        house.later(KEPT.days + 1)
        third = await post(house, "pa", "3", **lasting)
        assert open_now(house) == [third]

    async def test_of_what_was_only_filled_is_open(self, house: House) -> None:
        await vet(house, await post(house, "pa"), "refused", "no-longer-open")
        second = await post(house, "pa", "2")
        assert open_now(house) == [second]

    async def test_binds_no_more_what_was_checked_itself(self, house: House) -> None:
        first = await post(house, "pa", **paid(2_500_000))
        await vet(house, first, "held")
        second = await post(house, "pa", "2", **paid(2_500_000))
        await vet(house, first, "checked")
        assert await post(house, "pa", sequence=2, **paid(2_520_000)) == first
        assert open_now(house) == [first]
        assert last_told(house)[second] == "held"

    async def test_that_was_checked_may_be_closed_and_opened_again(self, house: House) -> None:
        await vet(house, await post(house, "pa"), "held")
        second = await post(house, "pa", "2")
        await vet(house, second, "checked")
        await close(house, "pa", "2")
        assert await post(house, "pa", "2", sequence=3) == second
        assert open_now(house) == [second]

    async def test_that_leaves_what_was_checked_is_judged_anew(self, house: House) -> None:
        refused = await post(house, "pa", **ELSEWHERE)
        await vet(house, refused, "refused")
        checked = await post(house, "pb")
        assert await post(house, "pa", "2") == checked
        await vet(house, checked, "checked")
        left = await post(house, "pa", "2", sequence=2, **ELSEWHERE)
        assert left != checked
        assert last_told(house)[left] == "closed"
        assert open_now(house) == [checked]

    async def test_leaves_those_who_did_not_say_what_was_refused(self, house: House) -> None:
        await vet(house, await post(house, "pa", **paid(2_500_000)), "refused")
        honest = await post(house, "pb", **paid(2_540_000))
        assert await post(house, "pa", "2", **paid(2_580_000)) == honest
        left = await post(house, "pa", "2", sequence=2, **paid(2_500_000))
        assert left != honest
        assert (open_now(house), sources(house)[honest]) == ([honest], ["pb"])
        await close(house, "pb")
        assert open_now(house) == []


class TestRoomForWhatBinds:
    """Nobody frees what was refused by pushing it out, and a key's document stays bounded."""

    async def test_is_not_taken_by_copies(self, house: House) -> None:
        await vet(house, await post(house, "pa", **paid(2_500_000)), "refused")
        for number in range(MOST_BINDING_OF_AN_AGENCY + 1):
            await post(house, "pa", f"copy-{number}", **paid(2_545_000))
        await post(house, "pa", "last", **paid(2_455_000))
        assert open_now(house) == []

    @pytest.mark.parametrize("looked_at", [True, False])
    async def test_is_not_taken_by_copies_that_each_pay_a_little_more(self, house: House, looked_at: bool) -> None:
        await vet(house, await post(house, "pa", **paid(2_500_000)), "held")
        for number in range(1, MOST_OF_AN_AGENCY + 8):
            copy = await post(house, "pa", f"copy-{number}", **paid(2_500_000 + 45_000 * number))
            if looked_at:
                await vet(house, copy, "held")
        last = await post(house, "pa", "last", **paid(2_500_000))
        assert last_told(house)[last] == "held"

    async def test_is_not_taken_by_another_agency(self, house: House) -> None:
        await vet(house, await post(house, "pa"), "refused")
        await self.refused(house, "pb", MOST_BINDING_OF_AN_AGENCY + 1)
        await post(house, "pa", "last")
        assert open_now(house) == []

    async def test_is_bounded_over_all_agencies(self, house: House) -> None:
        agencies = [f"p{number}" for number in range(MOST_BINDING // MOST_BINDING_OF_AN_AGENCY + 1)]
        for name in agencies:
            house.add(agency(name, "public"))
            await self.refused(house, name, MOST_BINDING_OF_AN_AGENCY)
        assert {len(row["bound"]) for row in house.store.all(ADVERTS.name)} == {MOST_BINDING}

    async def test_is_not_used_to_be_found_beyond_the_room_of_an_agency(self, house: House) -> None:
        for number in range(MOST_OF_AN_AGENCY):
            await post(house, "pa", str(number))
        one_more = await post(house, "pa", "more", **paid(3_500_000))
        for verdict, listed in (("refused", True), ("checked", False), ("held", True), ("checked", False)):
            await vet(house, one_more, verdict)
            for row in house.store.all(ADVERTS.name):
                assert (len(row["entries"]), len(row["bound"])) == (MOST_OF_AN_AGENCY, listed)

    async def test_binds_where_no_more_are_found(self, house: House) -> None:
        for number in range(MOST_OF_AN_AGENCY):
            await post(house, "pa", str(number))
        receipt = await vet(house, await post(house, "pa", "more", **paid(3_500_000)), "held")
        assert receipt.status == "accepted"
        copy = await post(house, "pa", "copy", **paid(3_500_000))
        assert last_told(house)[copy] == "held"

    @staticmethod
    async def refused(house: House, by: str, many: int) -> None:
        for number in range(many):
            await vet(
                house, await post(house, by, f"refused-{number}", **paid(2_700_000 + 200_000 * number)), "refused"
            )


class TestWhoIsHeldAndSaysAnothersWords:
    """Nobody looked at these; whether they are one is asked."""

    OTHERS: ClassVar[dict[str, Any]] = {"title": "제빵 기사 모집합니다", **paid(3_000_000)}

    @pytest.mark.parametrize("verdict", ["held", "refused"])
    async def test_takes_away_no_advert_that_is_open(self, house: House, verdict: str) -> None:
        first, bad = await post(house, "pb", **self.OTHERS), await post(house, "pa")
        assert first != bad
        await vet(house, bad, verdict)
        await post(house, "pa", sequence=2, **self.OTHERS)
        assert await post(house, "pb", sequence=2, **{**self.OTHERS, **paid(3_010_000)}) == first
        assert last_told(house)[first] == "open"

    async def test_holds_no_new_one(self, house: House) -> None:
        bad = await post(house, "pa")
        await vet(house, bad, "held")
        await post(house, "pa", sequence=2, **self.OTHERS)
        new = await post(house, "pb", **self.OTHERS)
        assert last_told(house)[new] == "open"
        assert [set(each["opportunities"]) for each in asked(house)] == [{bad, new}]
