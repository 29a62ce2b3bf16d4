"""What adverts become, and the rules that an advert has to keep."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from services.intake.main import warn_of_an_old_wage_table
from tests.unit.intake.memory import House, example, pack, today

pytestmark = pytest.mark.unit


@pytest.fixture
def house() -> House:
    return House()


def _wage(amount: int, per: str = "month", **more: Any) -> dict[str, Any]:
    return {"per": per, "minimum": amount, "currency": "KRW", **more}


class TestJobs:
    async def test_a_job_goes_on_the_bus_under_an_id_of_ours_without_the_agencys_number(self, house: House) -> None:
        receipt = await house.send("job-posted", example("job-posted"), by="gjf")
        job = house.newest
        assert (receipt.opportunity, receipt.alias) == (job.opportunity, None)
        assert (job.kind, job.owner, job.status) == ("job", "gjf", "open")
        assert [pack().label(code, "ko") for code in job.certificates_wanted] == ["제과기능사"]
        assert "KJKB002611200001" not in job.model_dump_json()
        assert "KJKB002611200001" not in str(list(map(house.store.all, house.store.documents)))

    async def test_the_same_job_again_is_an_update_and_without_a_change_silent(self, house: House) -> None:
        first = await house.send("job-posted", example("job-posted"), by="gjf")
        again = await house.send("job-posted", example("job-posted"), by="gjf")
        assert (again.status, again.opportunity) == ("duplicate", first.opportunity)
        assert house.told == ["job-posted"]
        await house.send("job-updated", example("job-updated", places=3), by="gjf")
        assert (house.told[-1], house.newest.places) == ("job-updated", 3)
        assert house.store.emitted[-1].sequence == 2

    async def test_closed_keeps_the_advert_and_only_a_posting_with_a_higher_number_opens_it(self, house: House) -> None:
        await house.send("job-posted", example("job-posted"), by="gjf")
        title = house.newest.title
        await house.send("job-closed", example("job-closed"), by="gjf", sequence=4)
        assert (house.newest.status, house.newest.title) == ("closed", title)
        await house.send("job-closed", example("job-closed"), by="gjf")
        assert house.told == ["job-posted", "job-closed"]
        for type, attributes, said in (
            ("job-posted", {}, "refused"),
            ("job-updated", {}, "refused"),
            ("job-updated", {"sequence": 5}, "refused"),
            ("job-posted", {"sequence": 4}, "superseded"),
            ("job-updated", {"sequence": 3}, "superseded"),
            ("job-posted", {"sequence": 5}, "accepted"),
        ):
            receipt = await house.send(type, example(type, places=3), by="gjf", **attributes)
            assert receipt.status == said, (type, attributes)
            if said == "refused":
                assert receipt.problem is not None
                assert receipt.problem.rule == "opportunity-closed"
        assert (house.newest.status, house.newest.places) == ("open", 3)
        assert house.told == ["job-posted", "job-closed", "job-posted"]

    async def test_a_close_is_not_outrun_by_an_update_but_by_a_later_posting(self, house: House) -> None:
        await house.send("job-posted", example("job-posted"), by="gjf", sequence=1)
        await house.send("job-updated", example("job-updated", places=3), by="gjf", sequence=5)
        late = await house.send("job-closed", example("job-closed"), by="gjf", sequence=2)
        assert (late.status, house.newest.status) == ("accepted", "closed")
        await house.send("job-posted", example("job-posted", places=9), by="gjf", sequence=3)
        assert (house.newest.status, house.newest.places) == ("open", 3)  # opened by the third, worded by the fifth
        late = await house.send("job-closed", example("job-closed"), by="gjf", sequence=2)
        assert (late.status, house.newest.status) == ("superseded", "open")

    @pytest.mark.parametrize("type", ["job-updated", "job-closed", "programme-updated", "programme-closed"])
    async def test_an_unknown_reference_is_refused(self, house: House, type: str) -> None:
        receipt = await house.send(type, example(type), by="gjf")
        assert receipt.problem is not None
        assert receipt.problem.rule == "unknown-reference" + ("-kept" if type.endswith("closed") else "")

    async def test_jobs_and_programmes_do_not_share_references(self, house: House) -> None:
        await house.send("job-posted", example("job-posted", reference="X-1"), by="gjf")
        receipt = await house.send("programme-closed", example("programme-closed", reference="X-1"), by="gjf")
        assert receipt.status == "refused"

    async def test_an_older_version_has_no_effect(self, house: House) -> None:
        await house.send("job-posted", example("job-posted"), by="gjf", sequence=5)
        receipt = await house.send("job-closed", example("job-closed"), by="gjf", sequence=4)
        assert receipt.status == "superseded"
        assert house.newest.status == "open"


class TestRules:
    @pytest.mark.parametrize(
        ("change", "rule", "field"),
        [
            ({"occupation": "keco-2018:nothing"}, "unknown-code", "/data/occupation"),
            ({"certificates": ["qqqq zzzz"]}, "unknown-title", "/data/certificates/0"),
            ({"teaches": ["qqqq zzzz"]}, "unknown-title", "/data/teaches/0"),
            ({"closes": today(-1)}, "closes-in-the-past", "/data/closes"),
            ({"closes": today(3000)}, "date-too-far", "/data/closes"),
            ({"closes": None, "until_filled": False}, "no-closing-date", "/data/closes"),
            ({"rules": {"age_min": 40, "age_max": 30}}, "numbers-in-wrong-order", "/data/rules/age_max"),
            ({"rules": {"education_min": "keco-2018:53"}}, "unknown-code", "/data/rules/education_min"),
            ({"wage": _wage(3_000_000, maximum=2_900_000)}, "numbers-in-wrong-order", "/data/wage/maximum"),
            ({"wage": {**_wage(20), "currency": "USD"}}, "unknown-currency", "/data/wage/currency"),
        ],
    )
    async def test_what_breaks_a_rule_is_named(
        self, house: House, change: dict[str, Any], rule: str, field: str
    ) -> None:
        receipt = await house.send("job-posted", example("job-posted", **change), by="gjf")
        assert receipt.problem is not None
        assert (receipt.problem.rule, receipt.problem.field) == (rule, field)

    async def test_closing_today_and_open_until_filled_are_fine(self, house: House) -> None:
        changes: list[dict[str, Any]] = [{"closes": today()}, {"closes": None, "until_filled": True}]
        for number, change in enumerate(changes):
            data = example("job-posted", reference=f"J-{number}", **change)
            assert (await house.send("job-posted", data, by="gjf")).status == "accepted"

    @pytest.mark.parametrize("kind", ["job", "lottery"])
    async def test_a_programme_has_a_kind_of_the_pack_that_is_not_job(self, house: House, kind: str) -> None:
        receipt = await house.send("programme-opened", example("programme-opened", kind=kind), by="gjf")
        assert receipt.problem is not None
        assert receipt.problem.rule == "unknown-kind"
        assert "training" in receipt.problem.remedy["en"]


class TestMinimumWage:
    """10,320 won an hour in 2026, 2,156,880 for the full-time month of 209 paid hours."""

    @pytest.fixture(autouse=True)
    def _only_2026(self) -> None:
        if pack().wage_floor(date.fromisoformat(today())) != 10_320:
            pytest.fail("the figures of this class are those of 2026 and of days after it without newer data")

    @pytest.mark.parametrize(
        ("wage", "hours", "fits"),
        [
            (_wage(10_320, "hour"), 40, True),
            (_wage(10_319, "hour"), 40, False),
            (_wage(2_156_880), 40, True),
            (_wage(2_156_000), 40, False),
            (_wage(1_078_440), 20, True),
            (_wage(1_078_440), 40, False),
            (_wage(82_560, "day"), 40, True),
            (_wage(82_000, "day"), 40, False),
        ],
    )
    async def test_a_job_pays_at_least_the_legal_minimum(
        self, house: House, wage: dict[str, Any], hours: int, fits: bool
    ) -> None:
        data = example("job-posted", wage=wage, hours_per_week=hours)
        receipt = await house.send("job-posted", data, by="gjf")
        assert (receipt.status == "accepted") is fits
        if not fits:
            assert receipt.problem is not None
            assert receipt.problem.rule == "wage-below-minimum"
            assert "10,320원" in receipt.problem.remedy["ko"]

    async def test_an_allowance_of_a_training_may_be_lower(self, house: House) -> None:
        data = example("programme-opened", wage=_wage(300_000))
        assert (await house.send("programme-opened", data, by="gjf")).status == "accepted"

    @pytest.mark.parametrize(("day", "said"), [(date(2026, 12, 31), 0), (date(2027, 1, 1), 1)])
    def test_a_table_that_has_ended_is_named_in_the_log(
        self, day: date, said: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        warn_of_an_old_wage_table(pack(), day)
        assert capsys.readouterr().out.count('"event":"wage_table_ended"') == said
