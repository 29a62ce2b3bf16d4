"""A lease whose database falls silent is given up before anybody else can have it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from shared.kit.lease import Lease

pytestmark = pytest.mark.unit
SECONDS = 1.0


class Silent:
    """MongoDB answers the first question, late or not, and then no more."""

    def __init__(self, after: float) -> None:
        self.after = after
        self.answered = False

    async def update_one(self, *_: Any, **__: Any) -> None: ...

    async def find_one_and_update(self, *_: Any, **__: Any) -> Any:
        if self.answered:
            await asyncio.sleep(3_600)
        await asyncio.sleep(self.after)  # cut off on a busy machine: then it is asked again
        self.answered = True
        return {"epoch": 1}


@pytest.mark.parametrize("after", [0.0, 0.2 * SECONDS])
async def test_lost_is_told_in_the_moment_from_which_it_is_held_no_longer(
    after: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = Lease({"leases": Silent(after)}, "matcher", "a", SECONDS)  # type: ignore[arg-type]  # as much as is asked
    stopping = asyncio.Event()
    waited_beyond: list[float] = []
    timeout = asyncio.timeout

    def noting(delay: float) -> Any:
        if lease.held:
            waited_beyond.append(time.monotonic() + delay - lease._until)
        return timeout(delay)

    async def gained() -> None:
        monkeypatch.setattr("shared.kit.lease.asyncio.timeout", noting)

    async def lost() -> None:
        assert not lease.held
        stopping.set()

    async with timeout(20):
        await lease.keep(gained, lost, stopping)
    assert waited_beyond, "it waited while it held it"
    assert max(waited_beyond) < 0.05 * SECONDS, "no wait ends later than what it is held for"
