"""What the siege works out from what it saw."""

from __future__ import annotations

import pytest

from verification.siege.figures import (
    AttackResult,
    Backlog,
    OverloadReport,
    Phase,
    Sample,
    growth_mb,
    judge_phases,
    line_of,
    p99_ms,
    within,
)

pytestmark = pytest.mark.unit
MB = 1024 * 1024
HARMLESS, HOSTILE = Phase(False, 0.0, 10.0), Phase(True, 10.0, 20.0, {"401": 7, "cut": 1})


def sample(at: float, seconds: float, error: str = "") -> Sample:
    return Sample(at, seconds, "intake", "lookup", error)


def seen(**known: object) -> AttackResult:
    return AttackResult("an-attack", ("intake",), "about", **known)  # type: ignore[arg-type]  # the fields of one test


class TestPercentiles:
    def test_the_99th_is_the_largest_of_a_hundred_but_one(self) -> None:
        assert p99_ms([0.001 * number for number in range(1, 101)]) == pytest.approx(99.0)

    def test_of_few_values_it_is_the_largest(self) -> None:
        assert p99_ms([0.1, 0.3, 0.2]) == pytest.approx(300.0)

    def test_of_nothing_there_is_none(self) -> None:
        assert p99_ms([]) is None

    def test_a_sample_belongs_to_the_phase_in_which_it_was_due(self) -> None:
        samples = [sample(9.9, 5.0), sample(10.0, 1.0), sample(19.9, 2.0), sample(20.0, 3.0)]
        assert [one.seconds for one in within(samples, [HOSTILE])] == [1.0, 2.0]


class TestGrowth:
    def test_what_was_reached_before_is_no_growth(self) -> None:
        sizes = [(1.0, 100 * MB), (5.0, 140 * MB), (12.0, 130 * MB), (15.0, 170 * MB), (25.0, 900 * MB)]
        assert growth_mb(sizes, [HARMLESS, HOSTILE]) == pytest.approx(30.0)

    def test_the_worst_hostile_phase_counts(self) -> None:
        phases = [Phase(True, 0.5, 1.0), Phase(True, 2.0, 3.0)]
        assert growth_mb([(0.0, 10 * MB), (0.7, 11 * MB), (2.5, 31 * MB)], phases) == pytest.approx(20.0)

    def test_shrinking_is_none(self) -> None:
        assert growth_mb([(1.0, 100 * MB), (12.0, 50 * MB)], [HOSTILE]) == 0.0


class TestAnAttack:
    def test_is_judged_by_what_was_due_in_its_phases(self) -> None:
        attack = seen()
        samples = [sample(1.0, 0.1), sample(11.0, 0.25), sample(12.0, 0.15, "503"), sample(30.0, 9.0, "500")]
        judge_phases(attack, [HARMLESS, HOSTILE], samples, {"intake": [(1.0, MB), (11.0, 3 * MB)]})
        assert attack.ratio == pytest.approx(2.5)
        assert (attack.errors, attack.requests, attack.growth_mb) == ({"intake lookup: 503": 1}, 8, 2.0)
        assert attack.statuses == {"401": 7, "cut": 1}

    @pytest.mark.parametrize(
        ("under", "beside", "slowed"),
        [(199.0, 1.0, False), (201.0, 100.0, True), (400.0, 200.0, False), (401.0, 200.0, True), (250.0, None, True)],
    )
    def test_p99_may_double_or_be_fast_all_the_same(self, under: float, beside: float | None, slowed: bool) -> None:
        assert seen(p99_ms=under, harmless_p99_ms=beside).slowed is slowed

    def test_holds_when_nothing_is_wrong(self) -> None:
        assert seen(p99_ms=100.0, harmless_p99_ms=90.0, statuses={"400": 9, "503": 3}).verdicts() == []

    @pytest.mark.parametrize(
        ("known", "said"),
        [
            ({"errors": {"intake lookup: 429": 2}}, "intake lookup: 429"),
            ({"live_misses": 1}, "/live"),
            ({"growth_mb": 50.0}, "50 MB"),
            ({"statuses": {"500": 3}}, "3 hostile requests"),
            ({"violations": ["smuggled"]}, "smuggled"),
        ],
    )
    def test_says_what_did_not_hold(self, known: dict[str, object], said: str) -> None:
        (verdict,) = seen(**known).verdicts()
        assert said in verdict


class TestTheFlood:
    def test_holds_within_its_bounds(self) -> None:
        held = OverloadReport(withdrawals_s=[5.0], active_s={"intake": 15.0}, matches_per_person=10, lost=0)
        assert held.verdicts() == []

    @pytest.mark.parametrize(
        ("overload", "said"),
        [
            (OverloadReport(withdrawals_s=[0.1, 5.1]), "a withdrawal took 5.1 s"),
            (OverloadReport(revocations_s=[6.0]), "a revoked key was served for 6.0 s"),
            (OverloadReport(active_s={"matching": 15.1}), "15.1 s until all was served again after matching"),
            (OverloadReport(matches_per_person=11), "11 matches"),
            (OverloadReport(lost=2), "in 2 places"),
        ],
    )
    def test_says_what_did_not_hold(self, overload: OverloadReport, said: str) -> None:
        (verdict,) = overload.verdicts()
        assert said in verdict


class TestTheBacklog:
    def test_the_ratio_is_of_the_largest_against_the_smallest(self) -> None:
        assert Backlog({1_000: 0.004, 20_000: 0.006, 5_000: 0.1}).cpu_ratio == pytest.approx(1.5)

    def test_one_size_has_no_ratio(self) -> None:
        assert Backlog({1_000: 0.004}).cpu_ratio is None

    def test_says_what_did_not_hold(self) -> None:
        found = Backlog({1: 1.0, 2: 1.6}, sent_twice=3).verdicts()
        assert found == ["a delivery of the largest backlog costs 1.6 times one of the smallest", "3 were sent twice"]


class TestTheLastLine:
    def test_names_the_worst_of_those_that_are_slow(self) -> None:
        many = [
            seen(p99_ms=150.0, harmless_p99_ms=10.0),
            seen(p99_ms=300.0, harmless_p99_ms=200.0, live_misses=1, errors={"a": 2}),
        ]
        line = line_of(many, None, None, None)
        assert (line["healthy_p99_ratio"], line["healthy_p99_ms"]) == (1.5, 300.0)
        assert (line["attacks"], line["live_misses"], line["healthy_errors"]) == (2, 1, 2)

    def test_names_the_largest_ratio_when_none_is_slow(self) -> None:
        many = [seen(p99_ms=150.0, harmless_p99_ms=50.0), seen(p99_ms=100.0, harmless_p99_ms=99.0)]
        assert line_of(many, 0, None, None)["healthy_p99_ratio"] == 3.0

    def test_what_was_not_measured_is_null(self) -> None:
        line = line_of([], None, None, None)
        assert {name for name, value in line.items() if value is None} == set(line) - {
            "attacks",
            "healthy_errors",
            "live_misses",
        }

    def test_a_worst_case_is_told_of_few_withdrawals(self) -> None:
        line = line_of([], 0, OverloadReport(withdrawals_s=[0.5, 3.25, 1.0], active_s={"a": 2.0, "b": 7.26}), None)
        assert (line["withdrawal_p99_s"], line["active_after_kill_s"]) == (3.25, 7.3)
