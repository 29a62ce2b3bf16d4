"""Steps that are taken every so many seconds."""

from __future__ import annotations

import asyncio

import pytest

from shared.kit.base.supervise import regularly

pytestmark = pytest.mark.unit


async def test_one_that_fails_keeps_no_other_from_its_turn_and_what_the_first_one_met_is_raised() -> None:
    taken: list[str] = []

    async def fails(name: str) -> None:
        taken.append(name)
        raise ValueError(name)

    async def works() -> None:
        taken.append("works")

    with pytest.raises(ValueError, match="first"):
        await regularly((lambda: fails("first"), works, lambda: fails("second")), 3_600, asyncio.Event())
    assert taken == ["first", "works", "second"]


async def test_it_goes_on_until_it_is_stopped() -> None:
    stopping, count = asyncio.Event(), 0

    async def counts() -> None:
        nonlocal count
        count += 1
        if count == 3:
            stopping.set()

    await regularly((counts,), 0.0, stopping)
    assert count == 3
