"""What is hurt is drawn by lot from a seed, and covers everything that there is to hurt."""

from __future__ import annotations

from collections import Counter

import pytest

from verification.chaos.failpoints import ALL, EVERY, POINTS, named
from verification.chaos.plan import DECK, plan_of

pytestmark = pytest.mark.unit


class TestPlanOf:
    def test_is_the_same_for_the_same_seed_and_another_for_another(self) -> None:
        assert plan_of(1, 20_000, 60) == plan_of(1, 20_000, 60)
        assert plan_of(1, 20_000, 60) != plan_of(2, 20_000, 60)

    @pytest.mark.parametrize("kills", [1, 6, 15, 60, 100])
    def test_makes_exactly_as_many_kills_as_are_asked_for(self, kills: int) -> None:
        assert sum(blow.kills for blow in plan_of(3, 20_000, kills)) == kills

    def test_falls_while_events_flow_in_their_order(self) -> None:
        at = [blow.at for blow in plan_of(1, 20_000, 100)]
        assert at == sorted(at)
        assert 0 < at[0] < at[-1] < 20_000

    def test_hurts_everything_in_every_way(self) -> None:
        plan = plan_of(1, 20_000, 100)
        assert {blow.way for blow in plan} == set(DECK)
        assert {blow.victim for blow in plan} == {*EVERY, "broker", "database"}
        assert {blow.signal for blow in plan} == {"SIGKILL", "SIGTERM", "SIGSTOP"}
        assert {blow.long for blow in plan if blow.way == "pause"} == {True, False}

    def test_hurts_each_service_about_as_often_as_the_others(self) -> None:
        victims = Counter(blow.victim for blow in plan_of(1, 20_000, 60) if blow.way in ("kill", "term", "take-over"))
        assert max(victims.values()) - min(victims.values()) <= 3

    def test_comes_to_every_point_within_three_seeds_of_a_hundred_kills(self) -> None:
        struck = {blow.point for seed in (1, 2, 3) for blow in plan_of(seed, 20_000, 100) if blow.point}
        assert {point.name for point in POINTS} <= {point.name for point in struck}

    def test_sends_a_service_only_to_points_that_it_passes(self) -> None:
        assert all(blow.victim in blow.point.services for blow in plan_of(5, 20_000, 100) if blow.point)


class TestNamed:
    def test_finds_every_point_by_its_own_name(self) -> None:
        assert [named(point.name) for point in ALL] == list(ALL)
