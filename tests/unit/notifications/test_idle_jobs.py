"""Jobs that wait for what they are asked hear of a stop at once: the service ends no later than it must."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from deploy.local.timeouts import scaled
from services.notifications.fan_out import resync
from services.notifications.fan_out.resync import ResyncJob
from services.notifications.recovery import recovery_job
from services.notifications.recovery.recovery_job import RecoveryJob

pytestmark = pytest.mark.unit
NOTHING: Any = None  # an idle job asks the repository alone


class Idle:
    """A repository in which nothing is due."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def due_resyncs(self) -> list[Any]:
        self.asked.set()
        return []

    due_recoveries = due_resyncs


def resync_job(repository: Any) -> ResyncJob:
    return ResyncJob(NOTHING, repository, NOTHING, asyncio.Event())


def recovery(repository: Any) -> RecoveryJob:
    return RecoveryJob(NOTHING, repository, NOTHING, NOTHING, NOTHING, 1.0, asyncio.Event())


@pytest.mark.parametrize("make", [resync_job, recovery])
async def test_one_that_waits_ends_when_the_service_does(
    make: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (resync, recovery_job):
        monkeypatch.setattr(module, "IDLE_SECONDS", 3_600.0)
    repository, stopping = Idle(), asyncio.Event()
    running = asyncio.create_task(make(repository).run(stopping))
    async with asyncio.timeout(scaled(10)):
        await repository.asked.wait()
        await asyncio.sleep(0)
        stopping.set()
        await running
