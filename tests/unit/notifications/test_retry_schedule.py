"""When to try again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.retry_schedule import STANDARD_SCHEDULE, next_attempt

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(lambda m: m.replace(tzinfo=UTC))  # noqa: DTZ001 - given a zone at once


class TestNextAttempt:
    def test_the_waits_are_those_of_standard_webhooks(self) -> None:
        waits = [next_attempt(STANDARD_SCHEDULE, n, NOW, NOW, 0.0) for n in range(1, 11)]
        hours = [2, 5, 10, 14, 20, 24]
        assert waits[:3] == [NOW + timedelta(seconds=s) for s in (5, 300, 1800)]
        assert waits[3:9] == [NOW + timedelta(hours=h) for h in hours]
        assert waits[9] is None

    @given(moments, moments, st.integers(1, 9), st.floats(0, 1))
    def test_it_is_never_early_and_never_goes_back(
        self, now: datetime, planned: datetime, attempts: int, jitter: float
    ) -> None:
        found = next_attempt(STANDARD_SCHEDULE, attempts, now, planned, jitter)
        assert found is not None
        assert found >= max(now, planned) + timedelta(seconds=STANDARD_SCHEDULE[attempts])

    def test_a_clock_that_was_set_back_brings_nothing_forward(self) -> None:
        assert next_attempt((0, 5), 1, NOW - timedelta(minutes=10), NOW, 0.0) == NOW + timedelta(seconds=5)
