from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from shared.kit.store.lease import Lease

pytestmark = pytest.mark.integration


async def run_out(database: Any, name: str) -> None:
    """As if the holder had been silent for longer than the lease."""
    await database.leases.update_one({"_id": name}, [{"$set": {"until": {"$subtract": ["$$NOW", 1]}}}])


class TestLease:
    async def test_one_holds_it_and_may_renew_it(self, database: Any) -> None:
        first, second = Lease(database, "matcher", "a"), Lease(database, "matcher", "b")
        assert await first.acquire()
        assert not await second.acquire()
        assert await first.acquire()
        assert first.held
        assert not second.held
        assert first.epoch == 1

    async def test_who_ran_out_of_time_is_succeeded_with_a_higher_epoch(self, database: Any) -> None:
        first, second = Lease(database, "matcher", "a"), Lease(database, "matcher", "b")
        await first.acquire()
        await run_out(database, "matcher")
        assert await second.acquire()
        assert second.epoch == 2
        assert not await first.acquire()
        assert not first.held

    async def test_a_released_one_is_free_at_once(self, database: Any) -> None:
        first, second = Lease(database, "matcher", "a"), Lease(database, "matcher", "b")
        await first.acquire()
        await first.release()
        assert not first.held
        assert await second.acquire()

    async def test_a_restarted_owner_need_not_wait_for_itself(self, database: Any) -> None:
        await Lease(database, "matcher", "a").acquire()
        again = Lease(database, "matcher", "a")
        assert await again.acquire()
        assert again.epoch == 2

    async def test_of_two_of_one_name_the_later_holds_it_and_they_do_not_take_turns(self, database: Any) -> None:
        lingering, restarted = Lease(database, "matcher", "a"), Lease(database, "matcher", "a")
        await lingering.acquire()
        assert await restarted.acquire()
        for _ in range(2):
            assert not await lingering.acquire()
            assert not lingering.held
            assert await restarted.acquire()
        assert restarted.epoch == 2

    async def test_of_many_at_once_one_gets_it(self, database: Any) -> None:
        leases = [Lease(database, "matcher", str(n)) for n in range(10)]
        assert sum(await asyncio.gather(*(lease.acquire() for lease in leases))) == 1


class TestKeep:
    async def test_tells_of_gain_and_loss_and_releases_at_the_end(self, database: Any) -> None:
        told: list[str] = []
        gained, stopping = asyncio.Event(), asyncio.Event()

        async def on() -> None:
            told.append("gained")
            gained.set()

        async def off() -> None:
            told.append("lost")

        lease = Lease(database, "matcher", "a", seconds=2.0)
        keeping = asyncio.create_task(lease.keep(on, off, stopping))
        async with asyncio.timeout(10):
            await gained.wait()
            stopping.set()
            await keeping
        assert told == ["gained", "lost"]
        assert await Lease(database, "matcher", "b").acquire()

    async def test_work_that_keeps_the_loop_for_longer_than_the_lease_does_not_lose_it(self, database: Any) -> None:
        told, renewed = await self._keep_the_loop(database, stuck_seconds=60.0)
        assert told == ["gained"]
        assert renewed >= 3

    async def test_a_loop_that_stands_still_for_good_loses_it(self, database: Any) -> None:
        told, _ = await self._keep_the_loop(database, stuck_seconds=0.5)
        assert told[:2] == ["gained", "lost"]

    @staticmethod
    async def _keep_the_loop(database: Any, stuck_seconds: float) -> tuple[list[str], int]:
        """What was told, and how often the lease was renewed, while the loop stood still for three leases."""
        told: list[str] = []
        gained, stopping = asyncio.Event(), asyncio.Event()

        async def on() -> None:
            told.append("gained")
            gained.set()

        async def off() -> None:
            told.append("lost")

        class Counted(Lease):
            count = 0

            def acquire_now(self) -> bool:
                self.count += 1
                return super().acquire_now()

        lease = Counted(database, "matcher", "a", seconds=1.0, stuck_seconds=stuck_seconds)
        keeping = asyncio.create_task(lease.keep(on, off, stopping))
        async with asyncio.timeout(10):
            await gained.wait()
        before = lease.count
        time.sleep(3.0)  # noqa: ASYNC251 - this is the work that keeps the loop
        renewed = lease.count - before
        await asyncio.sleep(0.2)
        found = list(told)
        stopping.set()
        await keeping
        return found, renewed
