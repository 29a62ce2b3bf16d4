"""Is it alive, is it ready: ``/live`` and ``/ready``, and the watchdog behind the first.

Ready: everything needed answers now. Live: only a process that makes no progress although it could is to be killed; a
dependency that is away must not restart everything that waits for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from shared.kit.web.response_model import Answer
from shared.kit.web.route_bounds import PROBE, Router, bounded

Check = Callable[[], Awaitable[object]]
Partition = tuple[str, int]
Phase = Literal["starting", "running", "stopping"]
Role = Literal["standby", "loading", "active"]
CHECK_SECONDS = 2.0
GLANCE_SECONDS = 0.5  # for what is only told: whoever asks may give a probe a second


class Watchdog:
    """Tells a stuck consumer from an idle one: records wait and no position moves on for ``stalled_seconds``."""

    def __init__(self, stalled_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._stalled_seconds = stalled_seconds
        self._clock = clock
        self._positions: dict[Partition, int] = {}
        self._moved_at = clock()
        self._waiting = 0

    def note(self, positions: Mapping[Partition, tuple[int, int]]) -> None:
        """Positions and ends of the partitions that are held now, as ``(next offset, end)``."""
        now = {partition: position for partition, (position, _) in positions.items()}
        self._waiting = sum(max(0, end - position) for position, end in positions.values())
        # forward: what was set back comes again without having been done; a partition may go and come as it was
        if not self._waiting or any(place > self._positions.get(which, -1) for which, place in now.items()):
            self._moved_at = self._clock()
        self._positions |= now

    def excuse(self) -> None:
        """Nothing could move: a dependency is away. The time starts again."""
        self._moved_at = self._clock()

    @property
    def stalled(self) -> bool:
        return self._waiting > 0 and self._clock() - self._moved_at >= self._stalled_seconds


class Health:
    """What the probes know: the phase of this process, and how to ask each dependency.

    ``needed`` must answer for readiness; ``others`` are told of where they do not, and are asked as well before the
    watchdog may condemn. ``broken`` says whether this process does nothing more until it is restarted. A service of
    which one replica at a time is active says its ``role``: a standby is ready to take over, one that loads is not.
    ``doubtful``: whether its clock is not to be believed; it stays ready, for whatever cannot be taken back waits, and
    says so.
    """

    def __init__(
        self,
        watchdog: Watchdog,
        needed: Mapping[str, Check],
        others: Mapping[str, Check],
        broken: Callable[[], bool] = lambda: False,
        doubtful: Callable[[], bool] = lambda: False,
    ) -> None:
        self._broken = broken
        self.doubtful = doubtful
        self.phase: Phase = "starting"
        self.role: Role | None = None
        self.progress: dict[str, int] = {}
        self.watchdog = watchdog
        self._needed = needed
        self._others = others
        self._asking_needed = _Shared(needed, lambda: CHECK_SECONDS)
        self._asking_others = _Shared(others, lambda: GLANCE_SECONDS)

    @property
    def dependencies(self) -> list[str]:
        """The names of all that is asked."""
        return [*self._needed, *self._others]

    async def missing(self) -> list[str]:
        """The names of what is needed and does not answer in time."""
        return await self._asking_needed.silent()

    async def away(self) -> list[str]:
        """The names of what is not needed, and does not answer at once."""
        return await self._asking_others.silent()

    async def state(self) -> Ready:
        """What ``/ready`` says."""
        missing, away = await asyncio.gather(self.missing(), self.away())
        return Ready(
            ready=self.phase == "running" and self.role != "loading" and not missing,
            phase=self.phase,
            missing=missing,
            away=away or None,
            clock="doubtful" if self.doubtful() else None,
            role=self.role,
            progress=self.progress or None,
        )

    async def stuck(self) -> Literal["broken", "stalled"] | None:
        """Why only a restart helps: ``broken``, or ``stalled`` (everything answers, records wait, nothing moves)."""
        if self._broken():
            return "broken"
        if not self.watchdog.stalled:
            return None
        if await _silent({**self._needed, **self._others}, CHECK_SECONDS):
            self.watchdog.excuse()
            return None
        return "stalled"


class _Shared:
    """All who ask meanwhile share one asking: nobody needs a key for it, and it must not cost the dependencies more for
    being asked often."""

    def __init__(self, checks: Mapping[str, Check], seconds: Callable[[], float]) -> None:
        self._checks = checks
        self._seconds = seconds
        self._asking: asyncio.Task[list[str]] | None = None

    async def silent(self) -> list[str]:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(_silent(self._checks, self._seconds()))
        return await asyncio.shield(self._asking)


async def _silent(checks: Mapping[str, Check], seconds: float) -> list[str]:
    async def answers(check: Check) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await check()
        except Exception:
            return False
        return True

    answered = await asyncio.gather(*(answers(check) for check in checks.values()))
    return [name for name, yes in zip(checks, answered, strict=True) if not yes]


class Live(Answer):
    """``reason``: why only a restart helps."""

    live: bool
    reason: Literal["broken", "stalled"] | None = None


class Ready(Answer):
    """``missing``: what is needed and does not answer. ``away``: what does not, either, while requests are answered;
    what comes from there waits. ``role`` and ``progress``: of a service of which one replica at a time is active.
    ``clock``: it is not to be believed, and what cannot be taken back waits."""

    ready: bool
    phase: Phase
    missing: list[str]
    away: list[str] | None = None
    clock: Literal["doubtful"] | None = None
    role: Role | None = None
    progress: dict[str, int] | None = None


def probe_routes(health: Callable[[], Health]) -> APIRouter:
    """``/live`` and ``/ready``; each answers 200 or 503 and says in JSON why."""
    routes = Router(tags=["operation"])

    @routes.get("/live", response_model=Live, responses={503: {"model": Live}}, summary="Should this be restarted?")
    @bounded(PROBE)
    async def live() -> Response:
        reason = await health().stuck()
        return _answer(Live(live=reason is None, reason=reason), reason is None)

    @routes.get("/ready", response_model=Ready, responses={503: {"model": Ready}}, summary="Can this process work now?")
    @bounded(PROBE)
    async def ready() -> Response:
        told = await health().state()
        return _answer(told, told.ready)

    return routes


def _answer(told: Answer, good: bool) -> Response:
    return JSONResponse(told.model_dump(mode="json", exclude_none=True), 200 if good else 503)
