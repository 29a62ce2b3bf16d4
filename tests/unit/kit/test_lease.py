"""A lease whose database falls silent is given up before anybody else can have it."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from shared.kit.base.backoff import wait_or_stop
from shared.kit.store.lease import Lease

pytestmark = pytest.mark.unit
SECONDS = 1.0


class Silent:
    """MongoDB answers the first question, late or not, and then no more."""

    def __init__(self, after: float) -> None:
        self.after = after
        self.answered = False
        self.over = threading.Event()
        self.delegate = self  # it is asked from a thread, on the driver underneath

    def update_one(self, *_: Any, **__: Any) -> Any:
        return _Answered()

    def find_one_and_update(self, *_: Any, **__: Any) -> Any:
        if self.answered:
            self.over.wait(60)
            raise AutoReconnect("silent")
        time.sleep(self.after)
        self.answered = True
        return {"epoch": 1}


class _Answered:
    """Nothing, for whoever awaits it and for whoever does not."""

    def __await__(self) -> Any:
        return iter(())


@pytest.mark.parametrize("after", [0.0, 0.2 * SECONDS])
async def test_lost_is_told_in_the_moment_from_which_it_is_held_no_longer(
    after: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = Silent(after)
    lease = Lease({"leases": silent}, "matcher", "a", SECONDS)  # type: ignore[arg-type]  # as much as is asked
    stopping = asyncio.Event()
    waited_beyond: list[float] = []

    async def noting(stop: asyncio.Event, seconds: float) -> bool:
        if lease.held:
            waited_beyond.append(time.monotonic() + seconds - lease._until)
        return await wait_or_stop(stop, seconds)

    async def gained() -> None:
        monkeypatch.setattr("shared.kit.store.lease.wait_or_stop", noting)

    async def lost() -> None:
        assert not lease.held
        silent.over.set()
        stopping.set()

    async with asyncio.timeout(20):
        await lease.keep(gained, lost, stopping)
    assert waited_beyond, "it waited while it held it"
    assert max(waited_beyond) < 0.05 * SECONDS, "no wait ends later than what it is held for"
