from __future__ import annotations

import asyncio

import pytest

from shared.kit.base.backoff import Backoff

pytestmark = pytest.mark.unit


class TestDelay:
    def test_doubles_up_to_the_longest_and_never_falls_below_half(self) -> None:
        backoff = Backoff(first=1.0, longest=8.0)
        for full in (1, 2, 4, 8, 8, 8):
            assert full / 2 <= backoff.delay() <= full

    def test_stays_bounded_after_very_many_attempts(self) -> None:
        backoff = Backoff(first=1.0, longest=8.0, attempts=100_000)
        assert backoff.delay() <= 8.0

    def test_begins_again_after_a_reset(self) -> None:
        backoff = Backoff(first=1.0, longest=8.0, attempts=9)
        backoff.reset()
        assert backoff.delay() <= 1.0


class TestWait:
    async def test_ends_when_somebody_wants_to_stop(self) -> None:
        stopping = asyncio.Event()
        stopping.set()
        async with asyncio.timeout(5):
            await Backoff(first=3_600, longest=3_600).wait(stopping)
        assert stopping.is_set()
