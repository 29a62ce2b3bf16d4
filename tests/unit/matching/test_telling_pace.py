"""How much of the time goes into telling while much waits."""

from __future__ import annotations

import pytest

from services.matching.telling_pace import SHARE_IN_A_FLOOD, TellingPace

pytestmark = pytest.mark.unit


class TestTellingPace:
    def test_as_long_as_no_more_waits_than_a_batch_it_is_always_time(self) -> None:
        now = [0.0]
        pace = TellingPace(200, lambda: now[0])
        for _ in range(10):
            assert pace.may_tell(200)
            now[0] += 5
            pace.told(now[0] - 5)

    def test_in_a_flood_it_is_a_share_of_the_time_and_goes_on_at_once_when_that_is_over(self) -> None:
        now, told = [0.0], 0.0
        pace = TellingPace(200, lambda: now[0])
        while now[0] < 1_000:
            if pace.may_tell(201):
                began = now[0]
                now[0] += 0.5
                told += 0.5
                pace.told(began)
                assert not pace.may_tell(201)
                assert pace.seconds_left() == pytest.approx(4.5)
            else:
                now[0] += 0.1
        assert told / now[0] == pytest.approx(SHARE_IN_A_FLOOD, rel=0.05)
        assert pace.may_tell(200)
