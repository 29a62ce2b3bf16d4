"""A data loader: who asks at the same time shares a query, and no answer is older than its question."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.notifications.delivery.data_loader import DataLoader

pytestmark = pytest.mark.unit


class Collection:
    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.values = {"a": "one", "b": "two"}
        self.open = asyncio.Event()
        self.open.set()
        self.fails: Exception | None = None

    async def read(self, ids: Sequence[str]) -> dict[str, str]:
        self.asked.append(list(ids))
        await self.open.wait()
        if self.fails is not None:
            raise self.fails
        return {id: self.values[id] for id in ids if id in self.values}


async def test_who_asks_in_the_same_turn_shares_a_query() -> None:
    there = Collection()
    loader = DataLoader(there.read)
    first, second = await asyncio.gather(loader.load(["a", "missing"]), loader.load(["b"]))
    assert there.asked == [["a", "b", "missing"]]
    assert (first.get("a"), first.get("missing"), second.get("b")) == ("one", None, "two")


async def test_who_asks_while_a_query_is_under_way_gets_what_the_next_one_finds() -> None:
    there = Collection()
    loader = DataLoader(there.read)
    there.open.clear()
    before = asyncio.create_task(loader.load(["a"]))
    await asyncio.sleep(0.01)
    behind = asyncio.create_task(loader.load(["a"]))
    await asyncio.sleep(0.01)
    assert len(there.asked) == 1
    there.values["a"] = "newer"
    there.open.set()
    await before
    assert (await behind)["a"] == "newer"
    assert len(there.asked) == 2


async def test_a_failure_reaches_everybody_who_shared_it_and_nobody_else() -> None:
    there = Collection()
    loader = DataLoader(there.read)
    there.fails = OSError()
    found = await asyncio.gather(loader.load(["a"]), loader.load(["b"]), return_exceptions=True)
    assert [type(each) for each in found] == [OSError, OSError]
    there.fails = None
    assert (await loader.load(["a"]))["a"] == "one"


async def test_who_asks_for_nothing_asks_nobody() -> None:
    there = Collection()
    assert await DataLoader(there.read).load([]) == {}
    assert there.asked == []
