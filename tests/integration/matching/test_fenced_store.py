"""A matcher that stood still and wakes up with clocks that stood still too writes nothing once it was succeeded."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.matching.fenced_store import FencedStore, NotActive
from shared.kit.store.lease import Lease, LeaseLost
from shared.kit.store.mongo import Database, DriverSession, connect
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import UnitOfWork

pytestmark = pytest.mark.integration


class Matcher:
    """As much of a replica as writes."""

    def __init__(self, mongo_url: str, name: str, owner: str) -> None:
        self._client = connect(mongo_url)
        database: Database = self._client[name]
        self.plain = Store(database)
        self.lease = Lease(database, "matching", owner)
        self.store = FencedStore(self.plain, self.lease)

    async def __aenter__(self) -> Matcher:
        await self.plain.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.plain.stop()
        self._client.close()

    async def gain(self) -> None:
        """Become the active one, as `ActiveMatcher` does it."""
        assert await self.lease.acquire()
        await self.store.perform([])
        await self.lease.take_over_session(self.store.session_id)

    def believes_in_its_lease(self) -> None:
        """Its clock stood still with it."""
        self.lease._until = math.inf


@asynccontextmanager
async def _both(mongo_url: str, name: str) -> AsyncIterator[tuple[Matcher, Matcher]]:
    async with Matcher(mongo_url, name, "m-1") as first, Matcher(mongo_url, name, "m-2") as second:
        yield first, second


def writing(word: str) -> Operation[None]:
    return Operation(lambda work: (), lambda work: _write(work, word))


def _write(work: UnitOfWork, word: str) -> None:
    work.save("matches", {"_id": "m-1", "by": word})


async def _ran_out(database: Any) -> None:
    await database.leases.update_one({"_id": "matching"}, [{"$set": {"until": "$$NOW"}}])


async def _written(database: Any) -> str | None:
    found = await database.matches.find_one({"_id": "m-1"})
    return None if found is None else str(found["by"])


class TestSuccession:
    async def test_who_was_succeeded_writes_nothing_whatever_its_clock_says(
        self, mongo_url: str, database: Any
    ) -> None:
        async with (
            Matcher(mongo_url, database.name, "m-1") as first,
            Matcher(mongo_url, database.name, "m-2") as second,
        ):
            await first.gain()
            await first.store.perform([writing("first")])
            await _ran_out(database)
            await second.gain()
            await second.store.perform([writing("second")])
            first.believes_in_its_lease()
            with pytest.raises(NotActive):
                await first.store.perform([writing("first, later")])
            with pytest.raises(LeaseLost):
                await first.lease.take_over_session(first.store.session_id)
            assert await _written(database) == "second"
            await second.store.perform([writing("second, again")])
            assert await _written(database) == "second, again"

    async def test_a_transaction_that_was_open_while_it_stood_still_is_ended_by_the_successor(
        self, mongo_url: str, database: Any
    ) -> None:
        frozen, thawed, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()

        def stand_still(session: DriverSession) -> None:
            loop.call_soon_threadsafe(frozen.set)
            assert thawed.wait(60.0)

        async with (
            Matcher(mongo_url, database.name, "m-1") as first,
            Matcher(mongo_url, database.name, "m-2") as second,
        ):
            await first.gain()
            late = asyncio.create_task(first.store.perform([writing("late")], in_transaction=stand_still))
            await frozen.wait()  # it has asked the lease, and it was its own
            await _ran_out(database)
            await second.gain()
            first.believes_in_its_lease()
            thawed.set()
            with pytest.raises(NotActive):
                await late
            assert await _written(database) is None

    async def test_who_gave_it_up_or_comes_back_as_a_new_process_does_not_write_with_the_old_one(
        self, mongo_url: str, database: Any
    ) -> None:
        async with Matcher(mongo_url, database.name, "m-1") as old, Matcher(mongo_url, database.name, "m-1") as new:
            await old.gain()
            await old.lease.release()
            with pytest.raises(NotActive):
                await old.store.perform([writing("old")])
            await old.gain()
            await new.gain()
            with pytest.raises(NotActive):
                await old.store.perform([writing("old")])
            await new.store.perform([writing("new")])
            assert await _written(database) == "new"
