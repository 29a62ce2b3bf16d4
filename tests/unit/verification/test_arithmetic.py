"""The benchmark's own arithmetic: what it compares is only as good as this."""

from __future__ import annotations

import pytest

from verification.benchmarks.arithmetic import Ratio, percentile, rate, ratio
from verification.benchmarks.bench import floors_held, summary

pytestmark = pytest.mark.unit


class TestRatio:
    def test_is_the_median_of_the_ratios_within_each_round_and_their_spread(self) -> None:
        assert ratio([(8.0, 10.0), (1.0, 1.0), (3.0, 6.0)]) == Ratio(0.8, 0.5, 1.0)

    def test_a_machine_that_was_slow_for_one_round_does_not_count(self) -> None:
        assert ratio([(8_000, 10_000), (8_000, 10_000), (80, 100)]) == Ratio(0.8, 0.8, 0.8)

    def test_of_an_even_number_of_rounds_is_between_the_two_in_the_middle(self) -> None:
        assert ratio([(1, 1), (2, 1), (3, 1), (4, 1)]).median == 2.5

    def test_needs_a_round(self) -> None:
        with pytest.raises(ValueError, match="no rounds"):
            ratio([])


class TestPercentile:
    def test_is_the_smallest_value_that_so_many_do_not_exceed(self) -> None:
        values = [float(n) for n in range(100, 0, -1)]
        assert percentile(values, 0.99) == 99.0
        assert percentile(values, 0.50) == 50.0
        assert percentile(values, 1.0) == 100.0

    def test_of_few_values_is_the_highest(self) -> None:
        assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0

    def test_needs_a_value(self) -> None:
        with pytest.raises(ValueError, match="no values"):
            percentile([], 0.5)


class TestRate:
    def test_counts_from_the_moment_when_the_warm_up_was_through(self) -> None:
        assert rate([(10.0, 400), (10.5, 1_100), (11.5, 2_100), (12.5, 3_100)], warm_up=1_000) == 1_000.0

    def test_says_when_nothing_is_left_to_count(self) -> None:
        with pytest.raises(ValueError, match="after the warm-up"):
            rate([(10.0, 400), (10.5, 1_100)], warm_up=1_000)
        with pytest.raises(ValueError, match="after the warm-up"):
            rate([(10.0, 400)], warm_up=1_000)


def a_round(**changes: float) -> dict[str, float]:
    seen = {"service": 9.0, "bare": 10.0, "group": 18.0, "single": 0.2, "service_p99_ms": 30.0, "bare_p99_ms": 20.0}
    held = {"service_held": 6.0, "bare_held": 8.0, "group_held": 16.0}
    return seen | held | changes


class TestTheLastLine:
    def test_holds_the_ratios_their_spread_and_the_rate(self) -> None:
        found = summary([a_round(), a_round(service=8.0), a_round(bare_p99_ms=10.0)], "embedded")
        assert found == {
            "service_vs_bare": 0.9,
            "service_vs_group_transaction": 0.5,
            "batch_vs_single": 45.0,
            "p99_vs_bare": 1.5,
            "bare_vs_group_transaction": 0.56,
            "service_vs_bare_held": 0.75,
            "service_vs_group_transaction_held": 0.38,
            "bare_vs_group_transaction_held": 0.5,
            "events_per_s": 9,
            "spread": {
                "service_vs_bare": [0.8, 0.9],
                "service_vs_group_transaction": [0.44, 0.5],
                "batch_vs_single": [40.0, 45.0],
                "p99_vs_bare": [1.5, 3.0],
                "bare_vs_group_transaction": [0.56, 0.56],
                "service_vs_bare_held": [0.75, 0.75],
                "service_vs_group_transaction_held": [0.38, 0.38],
                "bare_vs_group_transaction_held": [0.5, 0.5],
            },
            "rounds": 3,
            "kafka": "embedded",
            "floors_held": True,
        }

    @pytest.mark.parametrize(
        "slow", [{"service": 7.0}, {"group": 30.0}, {"single": 1.0}, {"service_p99_ms": 41.0}], ids=str
    )
    def test_says_when_a_floor_is_not_held(self, slow: dict[str, float]) -> None:
        assert not summary([a_round(**slow)], "embedded")["floors_held"]

    def test_a_floor_is_held_when_it_is_just_reached(self) -> None:
        at = {"service_vs_bare": 0.75, "service_vs_group_transaction": 0.45, "batch_vs_single": 20.0, "p99_vs_bare": 2}
        assert floors_held({name: Ratio(value, 0.0, 99.0) for name, value in at.items()})
