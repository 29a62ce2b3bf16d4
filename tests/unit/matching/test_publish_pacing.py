"""How much of the time goes into telling while much waits."""

from __future__ import annotations

import pytest

from services.matching.publish_pacing import SHARE_IN_A_FLOOD, PublishPacing

pytestmark = pytest.mark.unit


class TestPublishPacing:
    def test_as_long_as_no_more_waits_than_a_batch_it_is_always_time(self) -> None:
        now = [0.0]
        pacing = PublishPacing(200, lambda: now[0])
        for _ in range(10):
            assert pacing.may_publish(200)
            now[0] += 5
            pacing.published(now[0] - 5)

    def test_in_a_flood_it_is_a_share_of_the_time_and_goes_on_at_once_when_that_is_over(self) -> None:
        now, told = [0.0], 0.0
        pacing = PublishPacing(200, lambda: now[0])
        while now[0] < 1_000:
            if pacing.may_publish(201):
                began = now[0]
                now[0] += 0.5
                told += 0.5
                pacing.published(began)
                assert not pacing.may_publish(201)
                assert pacing.seconds_left() == pytest.approx(4.5)
            else:
                now[0] += 0.1
        assert told / now[0] == pytest.approx(SHARE_IN_A_FLOOD, rel=0.05)
        assert pacing.may_publish(200)
