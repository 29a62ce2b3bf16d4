from __future__ import annotations

import asyncio

import pytest

from shared.kit.base.backoff import Backoff, wait_or_any

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


class TestWaitOrAny:
    @pytest.mark.parametrize("which", [0, 1])
    async def test_ends_as_soon_as_one_of_them_is_set(self, which: int) -> None:
        events = (asyncio.Event(), asyncio.Event())
        asyncio.get_running_loop().call_later(0.01, events[which].set)
        async with asyncio.timeout(5):
            assert await wait_or_any(events, 3_600)

    async def test_ends_when_the_time_is_over_and_leaves_nothing_behind(self) -> None:
        before = asyncio.all_tasks()
        assert not await wait_or_any((asyncio.Event(), asyncio.Event()), 0.01)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before

    async def test_a_cancel_ends_it_and_leaves_nothing_behind(self) -> None:
        before = asyncio.all_tasks()
        waiting = asyncio.create_task(wait_or_any((asyncio.Event(),), 3_600))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.sleep(0)
        assert waiting.cancelled()
        assert asyncio.all_tasks() == before
