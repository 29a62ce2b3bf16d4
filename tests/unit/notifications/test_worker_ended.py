"""What the log says of a worker that did not end by itself."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from pymongo.errors import AutoReconnect

from services.notifications.delivery.dispatcher import Dispatcher

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
