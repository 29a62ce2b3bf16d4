"""Notices that nobody sends any more and a recall waits for: each is ended once, and none while nothing is written."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from services.notifications.delivery.dispatcher import Dispatcher

pytestmark = pytest.mark.unit


class Recorder:
    """``written``: what was given to it, each with its future."""

    def __init__(self) -> None:
        self.capacity = 400
        self.written: list[tuple[Any, asyncio.Future[None]]] = []

    def record(self, operation: Any) -> asyncio.Future[None]:
        recorded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.written.append((operation, recorded))
        return recorded


async def test_each_is_written_down_once_however_often_it_is_found_meanwhile_and_again_later() -> None:
    recorder, dispatcher = Recorder(), Dispatcher(timedelta(seconds=1))

    async def found(subscriptions: Any) -> list[dict[str, str]]:
        return [{"_id": "one"}, {"_id": "other"}]

    deps: Any = SimpleNamespace(
        recorder=recorder,
        repository=SimpleNamespace(recalled_and_let_go=found),
        transitions=SimpleNamespace(recalled=lambda notice: notice["_id"]),
    )
    recorder.capacity = 0
    await dispatcher._end_recalled(deps, ["s"])
    assert recorder.written == []
    recorder.capacity = 400
    for _ in range(3):
        await dispatcher._end_recalled(deps, ["s"])
    assert [each for each, _ in recorder.written] == ["one", "other"]
    recorder.written[0][1].set_result(None)
    recorder.written[1][1].set_exception(RuntimeError())
    await asyncio.sleep(0)
    await dispatcher._end_recalled(deps, ["s"])
    assert [each for each, _ in recorder.written] == ["one", "other", "one", "other"]
    recorder.written[1][1].exception()
