"""What is checked, held and refused: by the employer's number, by the operator's list, by an operator's word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.intake.domain.vetting import Judgement, ListedEmployer, employer_key, judged, status_of, stricter
from services.intake.opportunity_documents import EMPLOYERS
from services.intake.service import Door
from shared.events.topics.opportunities import Employer
from tests.unit.intake.memory import House, agency, example, pack

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 28, tzinfo=UTC)
NUMBER = {"name": "예시제과", "number": "124-81-00998"}  # as that of a well-known company, by the published formula
WRONG = {"name": "예시제과", "number": "124-81-00997"}


@pytest.fixture
def house() -> House:
    house = House()
    house.add(agency("jobaba", "public"))
    return house


@pytest.fixture
def strict(house: House) -> House:
    """Where wrong numbers are held."""
    house.dependencies = replace(house.dependencies, hold_wrong_numbers=True)
    house.door = Door(house.store, house.dependencies)  # type: ignore[arg-type]  # stands in for the real store
    return house


async def post(house: House, by: str = "gjf", type: str = "job-posted", **changes: Any) -> Any:
    return await house.send(type, example(type, **changes), by)


async def vet(house: House, opportunity: str, verdict: str, reason: str | None = None) -> Any:
    data = {"opportunity": opportunity, "verdict": verdict, **({} if reason is None else {"reason": reason})}
    return await house.send("opportunity-vetted", data, by="gjf")


def block(house: House, key: str, verdict: str | None = "refused", reason: str | None = "employer-blocked") -> None:
    at = datetime.now(UTC)
    entry = {"_id": f"employer/{key}", "verdict": verdict, "reason": reason, "by": "ops", "at": at, "applied": False}
    house.store.put(EMPLOYERS.name, entry)


class TestNumbers:
    @pytest.mark.parametrize(
        ("number", "fits"),
        [
            ("124-81-00998", True),
            ("1248100998", True),
            ("124-81-00997", False),
            ("220-81-62517", True),
            ("220-81-62571", False),
            ("000-00-00000", True),
            ("123-45-67890", False),
            ("124-81-0099", False),
            ("A24-81-00998", False),
            ("", False),
        ],
    )
    def test_of_businesses_have_ten_digits_of_which_the_last_checks_the_others(self, number: str, fits: bool) -> None:
        assert pack().employer_number_fits(number) is fits

    def test_an_employer_goes_by_its_number_however_it_is_written(self) -> None:
        keys = {employer_key(Employer(name="x", number=number)) for number in ("12-ab", "12AB", "1-2-A-B")}
        assert keys == {"12AB"}
        assert employer_key(None) == employer_key(Employer(name="x")) == ""

    async def test_a_wrong_one_is_warned_about_and_the_advert_open(self, house: House) -> None:
        receipt = await post(house, employer=WRONG)
        assert (receipt.status, receipt.vetting, house.newest.status) == ("accepted", None, "open")
        assert [one.rule for one in receipt.warnings] == ["employer-number-doubtful"]

    async def test_a_wrong_one_is_held_where_the_operator_wants_it_until_the_right_one_comes(
        self, strict: House
    ) -> None:
        receipt = await post(strict, employer=WRONG)
        assert (receipt.status, receipt.withheld) == ("accepted", ["open"])
        assert receipt.vetting.model_dump() == {"verdict": "held", "reason": "employer-number"}
        assert [one.rule for one in receipt.warnings] == ["employer-number-doubtful", "vetted-employer-number"]
        assert (strict.told, strict.newest.status) == (["opportunity-vetted"], "held")
        mended = await post(strict, type="job-updated", employer=NUMBER)
        assert (mended.vetting, mended.withheld) == (None, None)
        assert (strict.told[1:], strict.newest.status, strict.newest.vetting) == (["opportunity-vetted"], "open", None)


class TestAnOperatorsWord:
    async def test_released_is_told_open_once(self, strict: House) -> None:
        held = await post(strict, employer=WRONG)
        first = await vet(strict, held.opportunity, "checked")
        again = await vet(strict, held.opportunity, "checked")
        assert (first.status, again.status) == ("accepted", "duplicate")
        assert [event.data.status for event in strict.store.emitted] == ["held", "open"]
        assert strict.newest.vetting.verdict == "checked"
        said = await post(strict, type="job-updated", employer=WRONG, places=9)
        assert (said.vetting.verdict, strict.newest.status) == ("checked", "open")
        other = await post(strict, type="job-updated", employer={**WRONG, "number": "124-81-00996"})
        assert (other.vetting.verdict, strict.newest.status) == ("held", "held")  # another employer was not looked at

    @pytest.mark.parametrize(("verdict", "status"), [("held", "held"), ("refused", "closed")])
    async def test_held_and_refused_hold_whatever_the_agency_says(
        self, house: House, verdict: str, status: str
    ) -> None:
        posted = await post(house)
        await vet(house, posted.opportunity, verdict, "not-a-job")
        assert (house.told[-1], house.newest.status) == ("opportunity-vetted", status)
        said = await post(house, type="job-updated", employer=NUMBER, places=3)
        assert (said.status, said.withheld, said.vetting.reason) == ("accepted", ["open"], "not-a-job")
        assert house.newest.status == status
        await vet(house, posted.opportunity, "checked")
        assert (house.newest.status, house.newest.places) == ("open", 3)

    async def test_what_its_agency_has_closed_is_not_opened_by_it(self, house: House) -> None:
        posted = await post(house)
        await vet(house, posted.opportunity, "held", "other")
        await post(house, type="job-closed")
        assert (house.told[-1], house.newest.status) == ("job-closed", "closed")
        await vet(house, posted.opportunity, "checked")
        assert house.newest.status == "closed"

    async def test_one_that_is_held_is_one_with_the_next_source_and_one_that_was_refused_is_not(
        self, house: House
    ) -> None:
        posted = await post(house)
        await vet(house, posted.opportunity, "held", "wrong-terms")
        second = await post(house, "jobaba", reference="J-1")
        assert (second.opportunity, second.withheld) == (posted.opportunity, ["open"])
        await vet(house, posted.opportunity, "refused", "no-longer-open")
        third = await post(house, "acme", reference="A-1")
        assert (third.opportunity == posted.opportunity, third.withheld) == (False, None)

    @pytest.mark.parametrize(
        ("data", "rule"),
        [
            ({"verdict": "held"}, "reason-missing"),
            ({"verdict": "checked", "reason": "other"}, "reason-missing"),
            ({"verdict": "checked"}, "unknown-opportunity"),
            ({"verdict": "good"}, "unknown-value"),
        ],
    )
    async def test_what_cannot_be_taken_is_named(self, house: House, data: dict[str, Any], rule: str) -> None:
        receipt = await house.send("opportunity-vetted", {"opportunity": "0f" * 16, **data}, by="gjf")
        assert receipt.problem is not None
        assert receipt.problem.rule == rule


class TestTheList:
    async def test_an_employer_on_it_is_refused_and_its_agency_told_why(self, house: House) -> None:
        block(house, "1248100998")
        receipt = await post(house, employer=NUMBER)
        assert (receipt.status, receipt.withheld, receipt.vetting.reason) == ("accepted", ["open"], "employer-blocked")
        assert [one.rule for one in receipt.warnings] == ["vetted-employer-blocked"]
        assert (house.told, house.newest.status) == (["opportunity-vetted"], "closed")
        block(house, "1248100998", None, None)
        assert (await post(house, type="job-updated", employer=NUMBER, places=3)).vetting is None
        assert house.newest.status == "open"

    @pytest.mark.parametrize(
        ("held", "listed", "verdict"),
        [
            (None, None, None),
            (None, ("refused", 0), "refused"),
            (("checked", 1), ("refused", 0), "checked"),
            (("checked", 0), ("refused", 1), "refused"),
            (("held", 0), ("refused", 1), "held"),
            (("refused", 1), None, "refused"),
        ],
    )
    def test_the_later_word_on_an_employer_holds_and_none_weakens_what_was_held(
        self, held: Any, listed: Any, verdict: str | None
    ) -> None:
        before = None if held is None else Judgement(held[0], "other", True, "1", NOW + timedelta(held[1]))
        entry = None if listed is None else ListedEmployer(listed[0], "employer-blocked", NOW + timedelta(listed[1]))
        found = judged(before, "1", entry, number_fits=True, now=NOW)
        assert (None if found is None else found.verdict) == verdict

    def test_of_two_that_become_one_the_stricter_holds(self) -> None:
        held, checked = Judgement("held", "other", True, "", NOW), Judgement("checked", None, True, "", NOW)
        assert stricter(None, None) is None
        assert stricter(None, checked) is checked
        assert stricter(held, checked) is stricter(checked, held) is held

    @pytest.mark.parametrize(
        ("live", "verdict", "status"),
        [
            (True, None, "open"), (True, "checked", "open"), (True, "held", "held"), (True, "refused", "closed"),
            (False, None, "closed"), (False, "held", "closed"),
        ],
    )  # fmt: skip
    def test_only_what_its_agency_says_is_open_can_be(self, live: bool, verdict: Any, status: str) -> None:
        found = None if verdict is None else Judgement(verdict, None, True, "", NOW)
        assert status_of(live, found) == status
