"""An endpoint that wants so many a second gets no more."""

from __future__ import annotations

import pytest

from services.notifications.domain.rate_limiter import Pace

pytestmark = pytest.mark.unit


def sent(per_second: float | None, at: list[float], wanted: int = 100) -> list[int]:
    """How many leave at each of these moments."""
    pace = Pace()
    return [pace.allow(per_second, wanted, now) for now in at]


def test_without_a_rate_everything_leaves() -> None:
    assert sent(None, [0.0, 0.0]) == [100, 100]


@pytest.mark.parametrize(
    ("per_second", "at", "allowed"),
    [
        (1.0, [0.0, 0.5, 1.0, 1.5, 3.0], [1, 0, 1, 0, 1]),
        (0.5, [0.0, 1.0, 2.0], [1, 0, 1]),
        (100.0, [0.0, 0.1, 10.0], [25, 10, 25]),
        (10.0, [0.0, 1.0, 1.0], [2, 2, 0]),
    ],
)
def test_a_burst_is_a_quarter_of_a_second_and_at_least_one(
    per_second: float, at: list[float], allowed: list[int]
) -> None:
    assert sent(per_second, at) == allowed


def test_how_long_until_the_next() -> None:
    pace = Pace()
    pace.allow(4.0, 10, 0.0)
    assert pace.wait(4.0) == 0.25
    pace.allow(4.0, 10, 0.1)
    assert pace.wait(4.0) == pytest.approx(0.15)


def test_a_rate_that_is_changed_holds_at_once() -> None:
    pace = Pace()
    assert pace.allow(100.0, 10, 0.0) == 10
    assert [pace.allow(1.0, 10, 0.0), pace.allow(1.0, 10, 1.0)] == [1, 1]
