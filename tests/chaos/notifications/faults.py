"""Kills two replicas of the service and their database, at failpoints and at random, while subscriptions come and go.

``KAFKA=apache python -m tests.chaos.notifications.faults --seed 1 --kills 40``. The last line is one object; ends with
1 when something is not as it must be. On the embedded broker it may stand still: that waits for ever for one of two
replicas that vanishes while its group finds together (docs/chaos.md).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal

from deploy.local.stack import LocalStack
from deploy.local.timeouts import scaled
from tests.chaos.notifications.coming_and_going import STEPS, UNHEARD, Life
from tests.chaos.notifications.processes import process
from tests.integration.notifications.parts import Setup
from tests.support.broker import KAFKA
from tests.support.waiting import eventually
from verification.benchmarks.command import size_from
from verification.chaos.failpoints import AT_SUBSCRIPTIONS, FAILPOINTS, Failpoint
from verification.chaos.processes import FaultTarget
from verification.delivery_order import of_deliveries, unexplained

FaultKind = Literal["failpoint", "both", "random", "term", "frozen", "database", "broker"]
MIX: tuple[FaultKind, ...] = (
    "both", "failpoint", "database", "both", "term", "failpoint", "frozen", "both", "random", "failpoint", "broker",
)  # fmt: skip
KILLS_OF: Mapping[FaultKind, int] = {"both": 2}
POINTS = (*of_deliveries(FAILPOINTS), *AT_SUBSCRIPTIONS)
DEADLINE, LEASE = 2, 6.0  # seconds; a lease is three deadlines
PASSED_WITHIN = 6.0
BETWEEN = (0.5, 3.0)
SETTLED_WITHIN = 60.0
SETTINGS = {
    "deadline_seconds": DEADLINE,
    "retry_schedule": json.dumps([0] + [0.5] * 40),
    "breaker_seconds": 0.05,
    "breaker_longest_seconds": 0.2,
}


@dataclass(frozen=True)
class Size:
    """``kills`` at least."""

    seed: int = 1
    kills: int = 40


class Faults:
    """One at a time. ``in_flight``: what may have left and was not settled, at each."""

    def __init__(self, life: Life, stack: LocalStack, replicas: Mapping[str, FaultTarget], random: Random) -> None:
        self._life, self._stack, self._replicas, self._random = life, stack, replicas, random
        self._points = itertools.cycle(random.sample(POINTS, len(POINTS)))
        self.in_flight: list[set[str]] = []
        self.kills, self.where = 0, Counter[str]()
        self.settled = True  # whether what is said is heard

    async def strike(self, kind: FaultKind) -> None:
        """Something is killed, and started again."""
        await self._settled()
        self.kills += KILLS_OF.get(kind, 1)
        chosen = self._random.sample(list(self._replicas.values()), 2 if kind == "both" else 1)
        if kind in ("database", "broker"):
            await self._server(kind)
        elif kind == "frozen":
            await self._frozen(chosen[0])
        else:
            await self._kill(chosen, kind)
            await asyncio.gather(*(asyncio.to_thread(each.start) for each in chosen))

    async def _settled(self) -> None:
        """All that was said is heard, so that the group has found together (docs/chaos.md)."""
        self.settled = False
        with suppress(AssertionError):
            await eventually(self._life.heard, SETTLED_WITHIN)
        self.settled = True

    async def _kill(self, replicas: Sequence[FaultTarget], kind: FaultKind) -> None:
        """Of two the second at once behind the first, wherever it is then."""
        points: dict[FaultTarget, Failpoint] = {}
        if kind not in ("random", "term"):
            points = {each: next(self._points) for each in replicas}
        for each, armed in points.items():
            each.orders.arm(armed, self._random.randint(1, 4) if armed.often else 1)
        if points:
            with suppress(AssertionError):
                await eventually(lambda: any(each.pid is None for each in replicas), PASSED_WITHIN)
        for each in replicas:
            point = points.get(each)
            self.where[kind if point is None else point.name if each.pid is None else "random"] += 1
            await asyncio.to_thread(each.stop if kind == "term" else each.kill)
            each.orders.arm(None)
        await self._note()

    async def _frozen(self, replica: FaultTarget) -> None:
        """Until another has taken over what it held; then it goes on."""
        await asyncio.to_thread(replica.pause)
        await self._note()
        await asyncio.sleep(scaled(1.5 * LEASE))
        replica.resume()
        self.where["frozen"] += 1

    async def _server(self, kind: FaultKind) -> None:
        server = self._stack.database if kind == "database" else self._stack.broker
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await self._note()
        self.where[kind] += 1

    async def _note(self) -> None:
        left = {"state": {"$in": ["sending", "due", "waiting"]}, "possibly_sent": True}
        found = [each async for each in self._life.database.deliveries.find(left, {"notice": 1, "alias": 1})]
        self.in_flight.append({each["notice"] for each in found})
        self._life.in_doubt |= {each["alias"] for each in found}


async def run(
    stack: LocalStack, folder: Path, seed: int, plan: Sequence[FaultKind]
) -> tuple[dict[str, Any], list[str]]:
    """All of it: what was done, and what was wrong in words."""
    random, began = Random(seed), time.monotonic()
    setup = Setup(stack.kafka, stack.mongo_url, f"away{seed}", f"a{seed}.")
    async with AsyncExitStack() as running:
        replicas = {
            name: await running.enter_async_context(process(setup, folder / name, instance=name, **SETTINGS))
            for name in ("notifications-1", "notifications-2")
        }
        life = Life(setup, [each.url for each in replicas.values()], random)
        running.push_async_callback(life.end)
        await life.begin()
        faults = Faults(life, stack, replicas, random)
        striking = asyncio.create_task(_strikes(faults, plan, random))
        while not striking.done():
            await life.step(STEPS if faults.settled else UNHEARD)
            await asyncio.sleep(random.uniform(0.0, 0.15))
        striking.result()
        wrong = []
        try:
            await life.drain()
        except AssertionError:
            wrong.append("it did not become quiet")
        wrong += [*life.violations(), *await life.unrecalled()]
        twice = 0
        for system in life.systems:
            again = {f"{notice}": 0 for _, notice in system.arrivals}
            for (_, notice), times in system.arrivals.items():
                again[notice] = max(again[notice], times)
            twice += sum(times - 1 for times in again.values())
            if extra := unexplained(again, faults.in_flight):
                wrong.append(f"{extra} arrived again at a system of {system.agency} without a reason")
        line = {
            "seed": seed, "kills": faults.kills, "arrived": sum(s.arrivals.total() for s in life.systems),
            "twice": twice, **life.done, "where": dict(faults.where), "seconds": round(time.monotonic() - began, 1),
        }  # fmt: skip
        return line, wrong


async def _strikes(faults: Faults, plan: Sequence[FaultKind], random: Random) -> None:
    for kind in plan:
        await asyncio.sleep(random.uniform(*BETWEEN))
        await faults.strike(kind)
        print(f"{faults.kills} kills", kind, flush=True)


def _plan(size: Size, keeps_its_log: bool) -> list[FaultKind]:
    kinds = itertools.cycle(kind for kind in MIX if kind != "broker" or keeps_its_log)
    plan: list[FaultKind] = []
    while sum(KILLS_OF.get(kind, 1) for kind in plan) < size.kills:
        plan.append(next(kinds))
    Random(size.seed).shuffle(plan)
    return plan


def main(arguments: list[str]) -> int:
    """The exit code."""
    size = size_from(Size, "tests.chaos.notifications.faults", arguments)
    with tempfile.TemporaryDirectory() as name:
        stack = LocalStack(Path(name) / "stack", kind=KAFKA)
        with stack:
            plan = _plan(size, stack.broker.keeps_its_log)
            line, wrong = asyncio.run(run(stack, Path(name), size.seed, plan))
    for each in wrong:
        print(f"VIOLATION  {each}")
    print(json.dumps(line), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
