"""A wage that is too high for its period is a slip, and the answer says which period is likely meant."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.intake.memory import House, example

pytestmark = pytest.mark.unit


def wage(per: str, minimum: int, **more: Any) -> dict[str, Any]:
    return {"per": per, "minimum": minimum, "currency": "KRW", **more}


@pytest.mark.parametrize(
    ("given", "field", "likely"),
    [
        (wage("hour", 2_300_000), "minimum", "month"),
        (wage("hour", 310_000_000), "minimum", None),
        (wage("month", 250_000_000), "minimum", None),
        (wage("month", 2_500_000, maximum=250_000_000), "maximum", None),
        (wage("day", 2_500_000), "minimum", "month"),
        (wage("month", 70_000_000), "minimum", "year"),
    ],
)
async def test_an_advert_is_refused_and_the_likely_period_named(
    given: dict[str, Any], field: str, likely: str | None
) -> None:
    receipt = await House().send("job-posted", example("job-posted", wage=given), by="gjf")
    assert receipt.problem is not None
    assert [(one.rule, one.field) for one in receipt.problem.errors] == [("wage-too-high", f"/data/wage/{field}")]
    assert (likely or "amount") in receipt.problem.remedy["en"]


async def test_a_wish_too() -> None:
    """A2"""
    data = example("trainee-graduated")
    data["wants"]["wage_min"] = {"per": "hour", "amount": 2_100_000, "currency": "KRW"}
    receipt = await House().send("trainee-graduated", data)
    assert receipt.problem is not None
    assert (receipt.problem.rule, receipt.problem.field) == ("wage-too-high", "/data/wants/wage_min/amount")
    assert "month" in receipt.problem.remedy["ko"]


@pytest.mark.parametrize("given", [wage("hour", 300_000), wage("month", 60_000_000), wage("year", 700_000_000)])
async def test_a_high_wage_is_taken(given: dict[str, Any]) -> None:
    assert (await House().send("job-posted", example("job-posted", wage=given), by="gjf")).status == "accepted"


@pytest.mark.parametrize(
    ("wrong", "rules"),
    [
        ({"hours_per_week": "20"}, ["int-type"]),
        ({"hours_per_week": None, "hours_per_weak": 20}, ["unknown-field"]),
        ({"wage": wage("month", 1_100_000, maximum="x")}, ["int-type"]),
        ({"places": "2"}, ["int-type", "wage-below-minimum"]),
    ],
)
async def test_nothing_is_said_of_a_wage_whose_hours_or_form_are_wrong(wrong: dict[str, Any], rules: list[str]) -> None:
    """1,100,000 won a month are lawful for 20 hours a week, and not for 40."""
    data = example("job-posted", **{"wage": wage("month", 1_100_000), "hours_per_week": 40, **wrong})
    receipt = await House().send("job-posted", data, by="gjf")
    assert receipt.problem is not None
    assert [one.rule for one in receipt.problem.errors] == rules


@pytest.mark.parametrize(
    ("hours", "given", "fits"),
    [
        ({"hours_per_week": 20}, wage("day", 41_280), True),  # four hours of 10,320
        ({"hours_per_week": 20}, wage("day", 41_279), False),
        ({"hours_per_week": 20, "hours_per_day": 5}, wage("day", 51_600), True),
        ({"hours_per_week": 20, "hours_per_day": 5}, wage("day", 51_599), False),
        ({"hours_per_week": 15}, wage("month", 808_000), True),  # 18 x 4.345 x 10,320 = 807,128
        ({"hours_per_week": 15}, wage("month", 807_000), False),
        ({"hours_per_week": 14}, wage("month", 628_000), True),  # 14 x 4.345 x 10,320 = 627,766
        ({"hours_per_week": 40}, wage("month", 2_156_879), False),
    ],
)
async def test_part_time_and_daily_pay_are_measured_by_the_laws_formula(
    hours: dict[str, Any], given: dict[str, Any], fits: bool
) -> None:
    """A3"""
    receipt = await House().send("job-posted", example("job-posted", wage=given, **hours), by="gjf")
    assert (receipt.status == "accepted") is fits
    assert fits or receipt.problem is not None
    assert fits or receipt.problem.rule == "wage-below-minimum"


@pytest.mark.parametrize(
    ("given", "hours", "said"),
    [
        (wage("month", 1_000_000), 40, ["2,156,880", "per month", "40 hours", "10,320"]),
        (wage("month", 700_000), 15, ["807,128", "per month", "15 hours"]),
        (wage("day", 60_000), 40, ["82,560", "per day"]),
        (wage("year", 20_000_000), 40, ["25,882,560", "per year"]),
        (wage("month", 11_000), 40, ["2,156,880", "what a hour pays", "put hour as per"]),
        (wage("month", 250), 40, ["2,156,880", "units of KRW 10,000"]),
        (wage("month", 2_500), 40, ["units of KRW 1,000"]),
    ],
)
async def test_the_least_is_told_in_the_senders_own_unit_with_what_is_likely_meant(
    given: dict[str, Any], hours: int, said: list[str]
) -> None:
    """A4, A2"""
    receipt = await House().send("job-posted", example("job-posted", wage=given, hours_per_week=hours), by="gjf")
    assert receipt.problem is not None
    assert receipt.problem.remedy is not None
    assert receipt.problem.rule == "wage-below-minimum"
    assert [part for part in said if part not in receipt.problem.remedy["en"]] == []


@pytest.mark.parametrize(
    ("per", "amount", "rule"),
    [
        ("month", 250, "wage-too-low"),
        ("month", 11_000, "wage-too-low"),
        ("month", 0, None),
        ("month", 300_000, None),  # a few hours a week
        ("hour", 9_000, None),
    ],
)
async def test_a_wish_that_is_a_slip_is_asked_back_and_a_modest_one_is_taken(
    per: str, amount: int, rule: str | None
) -> None:
    """A2"""
    data = example("trainee-graduated")
    data["wants"]["wage_min"] = {"per": per, "amount": amount, "currency": "KRW"}
    receipt = await House().send("trainee-graduated", data)
    assert (receipt.problem.rule if receipt.problem else None) == rule


@pytest.mark.parametrize(("week", "day"), [(4, 8), (40, 4)])
async def test_hours_a_day_and_a_week_that_contradict_are_refused(week: int, day: int) -> None:
    """A3"""
    data = example("job-posted", hours_per_week=week, hours_per_day=day)
    receipt = await House().send("job-posted", data, by="gjf")
    assert receipt.problem is not None
    assert [one.rule for one in receipt.problem.errors] == ["hours-do-not-fit"]


@pytest.mark.parametrize(
    ("field", "given", "likely"), [("hours_per_week", 209, "month"), ("hours_per_day", 40, "week")]
)
async def test_hours_of_a_longer_time_are_asked_back(field: str, given: int, likely: str) -> None:
    receipt = await House().send("job-posted", example("job-posted", **{field: given}), by="gjf")
    assert receipt.problem is not None
    assert receipt.problem.remedy is not None
    assert (receipt.problem.rule, likely in receipt.problem.remedy["en"]) == ("too-large", True)


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        (wage("month", 30), True),
        (wage("month", 300), True),
        (wage("day", 6), True),
        (wage("month", 0), False),
        (wage("month", 116_000), False),
        (wage("day", 5_800), False),
    ],
)
async def test_an_allowance_without_its_unit_is_no_amount_of_won(given: dict[str, Any], refused: bool) -> None:
    receipt = await House().send("programme-opened", example("programme-opened", wage=given), by="gjf")
    found = [(one.rule, one.field) for one in receipt.problem.errors] if receipt.problem is not None else []
    assert found == [("allowance-too-low", "/data/wage/minimum")] * refused
