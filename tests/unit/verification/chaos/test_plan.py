"""Faults are drawn at random from a seed, and cover every kind and every failpoint."""

from __future__ import annotations

from collections import Counter

import pytest

from verification.chaos.failpoints import ALL, FAILPOINTS, SERVICES, named
from verification.chaos.plan import MIX, plan_of

pytestmark = pytest.mark.unit


class TestPlanOf:
    def test_is_the_same_for_the_same_seed_and_another_for_another(self) -> None:
        assert plan_of(1, 20_000, 60) == plan_of(1, 20_000, 60)
        assert plan_of(1, 20_000, 60) != plan_of(2, 20_000, 60)

    @pytest.mark.parametrize("kills", [1, 6, 15, 60, 100])
    def test_makes_exactly_as_many_kills_as_are_asked_for(self, kills: int) -> None:
        assert sum(fault.kills for fault in plan_of(3, 20_000, kills)) == kills

    def test_falls_while_events_flow_in_their_order(self) -> None:
        at = [fault.at for fault in plan_of(1, 20_000, 100)]
        assert at == sorted(at)
        assert 0 < at[0] < at[-1] < 20_000

    def test_hurts_everything_in_every_kind(self) -> None:
        plan = plan_of(1, 20_000, 100)
        assert {fault.kind for fault in plan} == set(MIX)
        assert {fault.target for fault in plan} == {*SERVICES, "broker", "database"}
        assert {fault.signal for fault in plan} == {"SIGKILL", "SIGTERM", "SIGSTOP"}
        assert {fault.long for fault in plan if fault.kind == "pause"} == {True, False}

    def test_hurts_each_service_about_as_often_as_the_others(self) -> None:
        targets = Counter(
            fault.target for fault in plan_of(1, 20_000, 60) if fault.kind in ("kill", "term", "take-over")
        )
        assert max(targets.values()) - min(targets.values()) <= 3

    def test_comes_to_every_failpoint_within_three_seeds_of_a_hundred_kills(self) -> None:
        struck = {fault.failpoint for seed in (1, 2, 3) for fault in plan_of(seed, 20_000, 100) if fault.failpoint}
        assert {failpoint.name for failpoint in FAILPOINTS} <= {failpoint.name for failpoint in struck}

    def test_sends_a_service_only_to_failpoints_that_it_passes(self) -> None:
        assert all(fault.target in fault.failpoint.services for fault in plan_of(5, 20_000, 100) if fault.failpoint)


class TestNamed:
    def test_finds_every_failpoint_by_its_own_name(self) -> None:
        assert [named(failpoint.name) for failpoint in ALL] == list(ALL)
