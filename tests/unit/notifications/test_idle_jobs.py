"""Jobs that wait for what they are asked hear of a stop at once, so the service ends no later than it must; and what
they are at goes on when it wants to, not when they next look for something new."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
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


async def test_the_next_piece_of_a_recovery_comes_when_its_rate_says_and_not_with_an_idle_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recovery_job, "IDLE_SECONDS", 3_600.0)
    monkeypatch.setattr(recovery_job, "BUSY_SECONDS", 0.001)
    stopping, looks, pieces = asyncio.Event(), 0, 0

    class Between(Idle):
        """Due at every second look: the pace lies between two pieces."""

        async def due_recoveries(self) -> list[Any]:
            nonlocal looks
            looks += 1
            return [{"_id": "one"}] if looks % 2 else []

    async def step(of: Any) -> timedelta | None:
        nonlocal pieces
        pieces += 1
        if pieces == 5:
            stopping.set()
        return timedelta(milliseconds=2)

    job = recovery(Between())
    monkeypatch.setattr(job, "step", step)
    async with asyncio.timeout(scaled(10)):
        await job.run(stopping)
    assert pieces == 5


async def test_one_that_has_ended_or_is_another_replicas_is_not_looked_for_in_haste(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits = list[float]()
    stopping = asyncio.Event()

    async def waited(events: Any, seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 4:
            stopping.set()
        return False

    class Once(Idle):
        async def due_recoveries(self) -> list[Any]:
            return [] if waits else [{"_id": "one"}]

    async def step(of: Any) -> timedelta | None:
        return timedelta(seconds=-2)  # its time is over, and nobody finds it due

    monkeypatch.setattr(recovery_job, "wait_or_any", waited)
    job = recovery(Once())
    monkeypatch.setattr(job, "step", step)
    await job.run(stopping)
    assert waits == [recovery_job.BUSY_SECONDS, *[recovery_job.IDLE_SECONDS] * 3]
