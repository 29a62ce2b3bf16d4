"""What the log says of a worker that did not end by itself, and how many are remembered that ended in trouble."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from services.notifications.delivery import dispatcher
from services.notifications.delivery.dispatcher import Dispatcher
from tests.support.waiting import eventually
from tests.unit.notifications.fake_dependencies import AGAIN, FakeDependencies

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("error", "level", "event"),
    [(AutoReconnect(), "warning", "trying_again"), (ValueError(), "error", "endpoint_worker_failed")],
)
async def test_a_database_that_is_away_is_no_failure_of_ours(
    error: Exception, level: str, event: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def failing() -> None:
        raise error

    task = asyncio.create_task(failing())
    await asyncio.wait([task])
    Dispatcher(timedelta(seconds=1))._ended("s", task)
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["level"], line["event"]) == (level, event)


class Disabled(FakeDependencies):
    """Every endpoint has had trouble."""

    async def subscription(self, subscription: str) -> dict[str, Any]:
        return {**await super().subscription(subscription), "state": "disabled"}

    async def waiting_endpoints(self, *_: Any) -> list[str]:
        return []

    async def release_orphaned(self) -> int:
        return 0


async def test_of_those_that_had_trouble_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes subscriptions that fail and ends them, again and again, leaves no more in memory."""
    monkeypatch.setattr(dispatcher, "MOST_REMEMBERED", 10)
    partner, dispatching, stopping = Disabled(AGAIN), Dispatcher(timedelta(seconds=1)), asyncio.Event()
    running = asyncio.create_task(dispatching.run(partner.dependencies(partner), stopping))
    for n in range(30):
        dispatching.wake(f"s{n}", "notice")
        await eventually(lambda n=n: f"s{n}" in dispatching._workers and not dispatching._running)
    assert list(dispatching._workers) == [f"s{n}" for n in range(20, 30)]
    dispatching.wake("s20", "notice")
    dispatching.wake("new", "notice")
    await eventually(lambda: "new" in dispatching._workers and not dispatching._running)
    assert next(iter(dispatching._workers)) == "s22", "whichever had something to do last is remembered longest"
    stopping.set()
    await running
