"""For how many hours a wage is, by the law's formula (kr-gyeonggi): worked out by hand."""

from __future__ import annotations

import pytest

from shared.reference import load_pack

pytestmark = pytest.mark.unit
PACK = load_pack("kr-gyeonggi")


@pytest.mark.parametrize(
    ("week", "hours"),
    [
        (40, 209),  # as it is published
        (20, 104.28),  # (20 + 4 of rest) x 4.345
        (15, 78.21),  # (15 + 3) x 4.345
        (14, 60.83),  # no paid rest below 15: 14 x 4.345
        (48, 243.76),  # 209 + 8 x 4.345
    ],
)
def test_a_month_holds_paid_rest_in_proportion_from_fifteen_hours_a_week(week: int, hours: float) -> None:
    """A3"""
    assert PACK.paid_hours("month", week, None) == pytest.approx(hours)
    assert PACK.paid_hours("year", week, None) == pytest.approx(12 * hours)


@pytest.mark.parametrize(
    ("week", "day", "hours"), [(40, None, 8), (20, None, 4), (48, None, 8), (20, 5, 5), (None, 4.5, 4.5)]
)
def test_a_day_is_what_is_said_or_a_fifth_of_the_week(week: int | None, day: float | None, hours: float) -> None:
    """A3"""
    assert PACK.paid_hours("day", week, day) == hours


def test_an_island_without_paid_rest_knows_none() -> None:
    assert load_pack("xx-island").paid_hours("month", 18, None) == pytest.approx(18 * 4.345)
