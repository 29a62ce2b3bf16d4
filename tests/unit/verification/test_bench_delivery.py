"""What the benchmark of deliveries tells on Kafka, and what it makes of what it saw."""

from __future__ import annotations

import pytest

from verification.benchmarks.command import InvalidTrial, size_from
from verification.benchmarks.delivery.__main__ import Size, result
from verification.benchmarks.delivery.receiver import Arrivals
from verification.benchmarks.delivery.trial import longest_pause, per_second, percentiles_ms
from verification.benchmarks.delivery.world import Told, in_turn

pytestmark = pytest.mark.unit
_HEAD = b"POST /1 HTTP/1.1\r\nWebhook-Id: n%d\r\n"
_BODY = b'{"data":{"opportunity":"%032d"}}'


class TestTold:
    def test_a_person_has_four_matches_and_allows_one_agency(self) -> None:
        told = Told("a", in_turn(range(2), 10))
        persons = list(told.persons())
        assert told.people == len(persons) == 4  # five matches of each endpoint: four of one person, one of another
        named = [[c.recipient for c in event.data.consents if c.recipient] for event in persons]
        assert named == [["partner-0"], ["partner-1"], ["partner-0"], ["partner-1"]]
        of = [told.match(n).data.person for n in range(10)]
        assert [of.count(event.data.person) for event in persons] == [4, 4, 1, 1]

    def test_two_phases_share_nothing(self) -> None:
        one, other = Told("a", [0]), Told("b", [0])
        assert one.opportunity(0) != other.opportunity(0)
        assert one.match(0).data.person != other.match(0).data.person


class TestArrivals:
    def test_the_first_of_an_opening_counts_and_a_notice_that_came_twice_is_counted_once(self) -> None:
        arrivals = Arrivals()
        for n, about in ((1, 7), (1, 7), (2, 8), (1, 7)):
            arrivals.take(_HEAD % n, _BODY % about)
        assert list(arrivals.first) == [f"{7:032d}", f"{8:032d}"]
        assert b'"notices": 2, "requests": 4, "again": {"n1": 3}' in arrivals.hand_out()
        assert arrivals.first == {}


class TestLongestPause:
    def test_is_between_two_that_came_one_after_the_other_of_what_was_told(self) -> None:
        told = Told("a", in_turn(range(2), 4))
        seen = {told.opportunity(n): at for n, at in enumerate((1.0, 9.5, 2.0))} | {"of another phase": 5.0}
        assert longest_pause(told, seen) == 7.5

    def test_of_one_or_none_is_none(self) -> None:
        told = Told("a", in_turn(range(2), 4))
        assert longest_pause(told, {}) == longest_pause(told, {told.opportunity(1): 3.0}) == 0.0


class TestPercentiles:
    def test_are_of_what_arrived_in_milliseconds(self) -> None:
        due = {"a": 1.0, "b": 1.0, "c": 1.0, "late": 1.0}
        assert percentiles_ms(due, {"a": 1.25, "b": 1.5, "c": 2.0}) == (500.0, 1000.0)

    def test_of_nothing_are_none(self) -> None:
        with pytest.raises(InvalidTrial):
            percentiles_ms({"a": 1.0}, {})
        with pytest.raises(InvalidTrial):
            per_second({"a": 1.0}, {})

    def test_a_rate_counts_from_when_the_first_was_due_until_the_last_came(self) -> None:
        assert per_second({"a": 1.0, "b": 2.0, "late": 2.0}, {"a": 1.1, "b": 5.0}) == 0.5


class TestResult:
    def test_ratios_are_taken_within_a_round(self) -> None:
        ours = [{"per_s": 300.0, "cpu": 1.0}, {"per_s": 10.0, "cpu": 3.0}, {"per_s": 400.0, "cpu": 2.0}]
        bare = [{"per_s": 1000.0, "cpu": 0.2}, {"per_s": 100.0, "cpu": 0.4}, {"per_s": 1000.0, "cpu": 0.3}]
        two = [{"per_s": 2 * each["per_s"], "cpu": each["cpu"] + 0.5} for each in ours]
        paced = {"p50": 10.04, "p99": 20.06, "cpu": 5.0}
        ratios = {"hanging": 1.1, "hanging_throughput": 0.98, "flood": 2.0, "fan_out": 2000.4}
        found = result(ours, bare, paced, {**paced, "cpu": 7.0}, ratios, {"sent_twice": 0, "lost": 0}, two)
        assert (found["vs_bare"], found["two_replicas_vs_bare"]) == (0.3, 0.6)
        assert found["two_replicas_cpu_s_per_1000"] == 2.5
        assert (found["hanging_p99_ratio"], found["hanging_throughput_ratio"]) == (1.1, 0.98)
        assert (found["cpu_s_per_1000"], found["bare_cpu_s_per_1000"]) == (2.0, 0.3)
        assert (found["p50_ms"], found["p99_ms"], found["fan_out_per_s"]) == (10.0, 20.1, 2000)
        assert (found["cpu_s_per_1000_at_50"], found["sent_twice"], found["lost"]) == (7.0, 0, 0)


def test_sizes_come_from_the_command_line() -> None:
    assert size_from(Size, "bench", ["--events", "200", "--hang-seconds", "1.5"]) == Size(events=200, hang_seconds=1.5)
