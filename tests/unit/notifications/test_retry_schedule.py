"""When to try again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.retry_schedule import OUTAGE, STANDARD_SCHEDULE, next_attempt, recall_schedule

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


class TestRecalls:
    def test_so_many_attempts_as_show_an_outage_are_made_in_seconds_and_the_rest_as_of_notices(self) -> None:
        found = recall_schedule(STANDARD_SCHEDULE)
        assert list(accumulate(found))[:OUTAGE] == [0, 5, 10, 15, 20]
        assert found[OUTAGE:] == STANDARD_SCHEDULE[2:]

    @given(st.lists(st.floats(0, 86_400), min_size=1, max_size=20).map(sorted))
    def test_no_attempt_comes_later_than_that_of_a_notice_and_there_are_no_fewer(
        self, schedule: Sequence[float]
    ) -> None:
        found = recall_schedule(schedule)
        assert all(recall <= notice for recall, notice in zip(found, schedule, strict=False))
        assert len(found) == len(schedule) + (OUTAGE - 2 if len(schedule) > 1 else 0)
