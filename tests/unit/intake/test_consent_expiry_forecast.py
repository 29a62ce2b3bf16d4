"""The count of consents that end soon warns of a wave and hides a class."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest

from services.intake.domain.consent_expiry_forecast import Endings, endings, until

pytestmark = pytest.mark.unit


class TestEndings:
    @pytest.mark.parametrize("class_size", [0, 1, 2, 19])
    def test_a_class_is_not_told_however_few_others_there_are(self, class_size: int) -> None:
        assert endings(class_size, class_size) == Endings(0, 0.0)

    @pytest.mark.parametrize(
        ("ending", "told"),
        [(20, 20), (49, 20), (50, 50), (99, 50), (100, 100), (499, 200), (500, 500), (20_000, 20_000)],
    )
    def test_people_are_rounded_down_to_a_coarse_step(self, ending: int, told: int) -> None:
        assert endings(ending, 30_000).people == told

    @pytest.mark.parametrize("so_far", [20, 200, 2_000])
    def test_one_person_more_or_less_seldom_shows(self, so_far: int) -> None:
        told = [endings(ending, 30_000) for ending in range(so_far, 10 * so_far)]
        changes = sum(before != after for before, after in pairwise(told))
        assert 0 < changes <= 3 + 7, "20, 50, 100, 200, and the tenths of everybody"

    @pytest.mark.parametrize(
        ("ending", "standing", "share"), [(30, 300, 0.1), (59, 300, 0.1), (90, 300, 0.3), (300, 300, 1.0)]
    )
    def test_the_share_is_in_tenths_rounded_down(self, ending: int, standing: int, share: float) -> None:
        assert endings(ending, standing).share == share

    def test_counts_taken_one_after_the_other_never_make_more_than_all(self) -> None:
        assert endings(120, 119).share == 1.0


class TestUntil:
    def test_soon_is_thirty_days(self) -> None:
        assert until(date(2026, 11, 22)) == date(2026, 12, 22)
