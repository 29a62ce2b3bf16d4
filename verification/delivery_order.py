"""`make order`: deliveries while their sender is killed again and again: in order, none lost, few of them twice.

Webhooks ask for order; many events about people who are told of many openings come by Kafka, as fast as it takes them
or so many a second. Meanwhile notifications is killed (SIGKILL) and started: at each failpoint that a delivery passes,
in turn, at random between, at its beginning; now and then the database is killed instead, or a broker that keeps its
log. The last line is one JSON object.

``inversions``: pairs of neighbours, by the order of the events on Kafka, of which the second reached its endpoint
first. ``in_flight``: notices that had arrived and were not settled, over all kills; ``sent_twice`` is no fault as far
as these explain it, each once a kill (``unexplained``), under the same ids (``other_ids``). ``again_...``: seconds from
a kill until the next notice arrived; of two kills in a row, at a beginning, from the first.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import uvloop

from deploy.local.brokers import Broker
from deploy.local.process import Server
from deploy.local.stack import LocalStack
from deploy.local.timeouts import scaled
from verification.benchmarks.arithmetic import percentile
from verification.benchmarks.backlog import CACHE_GB
from verification.benchmarks.command import InvalidTrial, measured, size_from
from verification.benchmarks.delivery.trial import Trial
from verification.benchmarks.delivery.world import Told, in_turn
from verification.chaos.failpoint_control import FailpointControl
from verification.chaos.failpoints import AT_BEGINNING, FAILPOINTS, Failpoint

OF_ONE_PERSON = 25  # openings: a queue as long as it gets
KILLED_AFTER = (0.5, 6.0)  # seconds of work between two kills
PASSED_WITHIN = 30.0  # seconds until a failpoint is passed, or the service is killed wherever it is
AGAIN_WITHIN = 180.0
STARTING = 0.3  # seconds: no process sends so soon after its start; what arrives then had left before
MOST_PASSES = 8
Kind = Literal["failpoint", "random", "beginning", "broker", "database"]
MIX: tuple[Kind, ...] = (
    "failpoint", "random", "failpoint", "database", "failpoint", "random", "failpoint", "broker", "failpoint",
    "beginning",
)  # fmt: skip
OTHERS = ("services.notifications.channels.feed", "services.notifications.acknowledgements")  # no webhook passes these


@dataclass(frozen=True, slots=True)
class Size:
    """``events`` that are told, by ``endpoints``, so many ``per_second`` (0: as fast as Kafka takes them); ``kills`` at
    most."""

    events: int = 3_000
    endpoints: int = 20
    kills: int = 10
    per_second: float = 0.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Kill:
    """``in_flight``: notices that had arrived and were not settled, of each process that was killed (of two kills in a
    row, at a beginning, the second has sent what the first left). ``again``: seconds until the next one arrived; None
    when all had."""

    kind: Kind
    where: str
    in_flight: tuple[frozenset[str], ...]
    again: float | None

    @property
    def count(self) -> int:
        """In flight, of all its processes."""
        return sum(map(len, self.in_flight))


def inversions(orders: Iterable[Sequence[str]], seen: Mapping[str, float]) -> int:
    """Of neighbours that both arrived, how many came the wrong way round."""
    found = 0
    for order in orders:
        arrived = [seen[each] for each in order if each in seen]
        found += sum(later < earlier for earlier, later in itertools.pairwise(arrived))
    return found


def unexplained(again: Mapping[str, int], in_flight: Iterable[Set[str]]) -> int:
    """Arrivals beyond the first of a notice that was not in flight at as many kills."""
    may = Counter(itertools.chain.from_iterable(in_flight))
    return sum(max(0, times - 1 - may[notice]) for notice, times in again.items())


def of_deliveries(failpoints: Iterable[Failpoint]) -> list[Failpoint]:
    """Those that notifications passes when webhooks are told."""
    return [each for each in failpoints if "notifications" in each.services and not each.where.startswith(OTHERS)]


class Killer:
    """Kills one thing at a time, and waits until deliveries are under way again."""

    def __init__(self, trial: Trial, stack: LocalStack, orders: FailpointControl, size: Size) -> None:
        self._trial, self._stack, self._orders, self._events = trial, stack, orders, size.events
        self._chance = random.Random(size.seed)
        self._points = itertools.cycle(self._shuffled(of_deliveries(FAILPOINTS)))
        self._beginnings = itertools.cycle(self._shuffled(of_deliveries(AT_BEGINNING)))
        # what the embedded broker forgets is not said again by this program, as services do
        self._mix = itertools.cycle([kind for kind in MIX if kind != "broker" or stack.broker.keeps_its_log])

    def _shuffled(self, points: Sequence[Failpoint]) -> list[Failpoint]:
        return self._chance.sample(points, len(points))

    async def strike(self) -> Kill:
        """The next one."""
        kind = next(self._mix)
        if kind == "failpoint":
            return await self._at_failpoint(next(self._points))
        await asyncio.sleep(self._chance.uniform(*KILLED_AFTER))
        if kind == "broker":
            return await self._server(kind, self._stack.broker)
        if kind == "database":
            return await self._server(kind, self._stack.database)
        await self._trial.service.end(kill=True)
        at, where = time.monotonic(), "at random"
        if kind == "random":
            return await self._goes_on(kind, where, at)
        first = await self._in_flight()
        point = next(self._beginnings)
        self._orders.arm(point)
        await self._trial.service.start(wait=False)
        where = await self._dead(point)
        return await self._goes_on(kind, where, at, first)

    async def _at_failpoint(self, point: Failpoint) -> Kill:
        self._orders.arm(point, self._chance.randint(1, MOST_PASSES) if point.often else 1)
        where = await self._dead(point)
        stopped = self._orders.done_at()
        return await self._goes_on("failpoint", where, time.monotonic() - (time.time() - stopped if stopped else 0.0))

    async def _dead(self, point: Failpoint) -> str:
        """Where it was killed: there, or wherever it is when it does not come there."""
        end = time.monotonic() + scaled(PASSED_WITHIN)
        while not self._trial.service.ended and time.monotonic() < end:
            await self._trial.look()
            await asyncio.sleep(0.05)
        if self._trial.service.ended:
            return point.name
        self._orders.arm(None)
        await self._trial.service.end(kill=True)
        return "at random"

    async def _in_flight(self) -> frozenset[str]:
        await self._trial.look()
        return frozenset(await self._trial.in_flight())

    async def _goes_on(self, kind: Kind, where: str, at: float, *before: frozenset[str]) -> Kill:
        begun = time.monotonic()
        await self._trial.service.start(wait=False)
        in_flight = await self._in_flight()  # long before the new process has done anything
        return Kill(kind, where, (*before, in_flight), await self._again(at, begun + STARTING))

    async def _server(self, kind: Kind, server: Broker | Server) -> Kill:
        at = time.monotonic()
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        begun = time.monotonic()
        return Kill(kind, "at random", (await self._in_flight(),), await self._again(at, begun))

    async def _again(self, at: float, after: float) -> float | None:
        end = time.monotonic() + scaled(AGAIN_WITHIN)
        while time.monotonic() < end:
            await self._trial.look()
            if later := [moment for moment in self._trial.seen.values() if moment > after]:
                return min(later) - at
            if len(self._trial.seen) >= self._events:
                return None
            await asyncio.sleep(0.1)
        raise InvalidTrial("nothing arrived any more after a kill")


def result(kills: Sequence[Kill]) -> dict[str, float]:
    """Of the last line what is about the kills."""
    found: dict[str, float] = {
        "kills": len(kills),
        "failpoints": len({kill.where for kill in kills} - {"at random"}),
        "in_flight": sum(kill.count for kill in kills),
        "most_in_flight": max((kill.count for kill in kills), default=0),
    }
    groups: dict[str, tuple[Kind, ...]] = {
        "again": ("failpoint", "random"),
        "two_kills_again": ("beginning",),
        "broker_again": ("broker",),
        "database_again": ("database",),
    }
    for name, kinds in groups.items():
        if seconds := [kill.again for kill in kills if kill.kind in kinds and kill.again is not None]:
            found |= {f"{name}_p50_s": round(percentile(seconds, 0.5), 2), f"{name}_max_s": round(max(seconds), 2)}
    return found


async def measure(size: Size, stack: LocalStack, folder: Path) -> dict[str, float]:
    """Everything, on a stack that runs."""
    told = Told("order", in_turn(range(size.endpoints), size.events), OF_ONE_PERSON)
    orders, kills = FailpointControl(folder / "orders"), list[Kill]()
    settings = {"CHAOS_ORDERS": str(orders.path)}
    through = "verification.chaos.failpoint_service"
    async with Trial(stack, folder, size.endpoints, through=through, settings=settings) as trial:
        await trial.subscribe(order="alias")
        await trial.people(told)
        began, killer = time.monotonic(), Killer(trial, stack, orders, size)
        saying = asyncio.create_task(_say(trial, told, size.per_second))
        while len(kills) < size.kills and len(trial.seen) < size.events:
            kills.append(await killer.strike())
            print(f"{time.monotonic() - began:6.1f} s  {_line(kills[-1])}", flush=True)
        await saying
        return {
            "events": size.events,
            "arrived": await trial.arrived(told),
            "inversions": inversions(told.of_each_person(), trial.seen),
            "lost": trial.lost,
            "sent_twice": trial.twice,
            "unexplained": unexplained(trial.again, [each for kill in kills for each in kill.in_flight]),
            "other_ids": trial.notices - len(trial.seen),
            **result(kills),
            "seconds": round(time.monotonic() - began, 1),
        }


async def _say(trial: Trial, told: Told, per_second: float) -> None:
    if per_second:
        await trial.say_at(told, per_second)
    else:
        await trial.say(map(told.match, range(len(told.endpoints))))


def _line(kill: Kill) -> str:
    again = "all had arrived" if kill.again is None else f"again after {kill.again:.1f} s"
    return f"{kill.kind}, {kill.where}: {kill.count} in flight, {again}"


def well(found: Mapping[str, float]) -> bool:
    """Everything arrived in order although it was killed, and nothing twice that had no reason."""
    bad = ("lost", "inversions", "unexplained", "other_ids")
    return bool(found["kills"]) and not any(found[name] for name in bad)


if __name__ == "__main__":
    size = size_from(Size, "verification.delivery_order", sys.argv[1:])
    sys.exit(uvloop.run(measured(partial(measure, size), well, CACHE_GB)))
