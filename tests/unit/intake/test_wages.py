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
