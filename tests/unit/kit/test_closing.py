"""A consumer is closed whatever happens, and whoever is cancelled meanwhile still ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.kit.base.supervise import end_all
from shared.kit.kafka.aiokafka_internals import close

pytestmark = pytest.mark.unit


class Client:
    def __init__(self) -> None:
        self.closed = False

    async def close(self) -> None:
        self.closed = True


class Leftover:
    """aiokafka's consumer: its ``stop`` may end with the cancel of a task of its own, before the client is closed."""

    def __init__(self, ending: asyncio.Event) -> None:
        self._client, self._ending = Client(), ending

    async def stop(self) -> None:
        await self._ending.wait()
        raise asyncio.CancelledError


async def test_the_connections_go_also_when_its_own_stop_ends_half_way() -> None:
    ending = asyncio.Event()
    ending.set()
    consumer: Any = Leftover(ending)
    await close(consumer)
    assert consumer._client.closed


async def test_who_closes_it_and_is_cancelled_ends_once_it_is_closed() -> None:
    consumer: Any = Leftover(asyncio.Event())
    closing = asyncio.create_task(close(consumer))
    await asyncio.sleep(0)
    closing.cancel()
    consumer._ending.set()
    await asyncio.wait([closing])
    assert closing.cancelled()
    assert consumer._client.closed


async def test_what_loses_a_cancel_gets_another_one() -> None:
    async def loses_one() -> None:
        try:
            await asyncio.sleep(1_000)
        except asyncio.CancelledError:
            await asyncio.sleep(1_000)

    async def fails() -> None:
        raise ValueError

    tasks = [asyncio.create_task(each()) for each in (loses_one, fails)]
    await asyncio.sleep(0)
    await end_all(tasks)
    assert [task.cancelled() for task in tasks] == [True, False]
