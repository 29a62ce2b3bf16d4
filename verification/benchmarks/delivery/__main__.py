"""`make bench-delivery`: deliveries from Kafka to partners' sockets. The last line is one JSON object.

``vs_bare``: deliveries a second, of events that wait on Kafka, against a bare aiohttp loop with a log of attempts
(bare.py), in turns, the median of the rounds; ``two_replicas_...``: of two processes of the service on the same
machine, because one interpreter does not use it up. ``cpu_s_per_1000``: processor seconds of service, database and
broker for 1,000 of them (``bare_...``: of the loop and the database). ``p50_ms``, ``p99_ms``: from the moment an event
was due on Kafka until it reached the socket, at 200/s; ``..._at_50``: at 50/s. ``hanging_p99_ratio``: the others' p99
while 5 of 100 endpoints hang, against before; ``hanging_throughput_ratio``: what arrived at them a second, the same
way. ``flood_p99_ratio``: the others' p99 while one partner gets 10,000 at once. ``fan_out_per_s``: events a second
until their deliveries are kept, none sent. ``sent_twice`` and ``lost`` count all.

Latencies come first: a request of the embedded broker costs the more the more batches its log holds (produce and fetch
of one record 0.4 ms of processor with none, 1.2 with 6,000), and Apache Kafka's does not. The flood is made before the
moment and handed over in whole batches: else the others would wait for this program, which makes it on the same cores.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import uvloop

from deploy.local.stack import LocalStack
from verification.benchmarks.arithmetic import ratio
from verification.benchmarks.backlog import CACHE_GB
from verification.benchmarks.command import InvalidTrial, measured, size_from
from verification.benchmarks.delivery.trial import NOT_YET_SECONDS, Trial, longest_pause, per_second, percentiles_ms
from verification.benchmarks.delivery.world import Told, in_turn
from verification.benchmarks.process import cpu_seconds
from verification.benchmarks.warm_broker import WARM_SECONDS, warm

PACED, SLOW, OTHERS = 200.0, 50.0, 50.0  # events a second: latency, little traffic, those beside a hang or a flood
STATEMENTS = ("aggregate", "bulkWrite", "delete", "distinct", "find", "findAndModify", "getMore", "insert", "update")
Phase = Callable[[], Awaitable[dict[str, float]]]
LATE_SECONDS = 1.0  # a phase's first events are not counted: connections are opened


@dataclass(frozen=True, slots=True)
class Size:
    """How much of each. ``seconds`` of each paced phase; ``hang_seconds`` of the one in which ``hanging`` of the
    endpoints hang; ``warm_seconds`` of what goes through the broker before."""

    rounds: int = 3
    events: int = 5_000
    endpoints: int = 100
    seconds: float = 20.0
    hanging: int = 5
    hang_seconds: float = 30.0
    flood: int = 10_000
    warm_seconds: float = WARM_SECONDS


class Phases:
    """Each phase on the same service, with people of its own."""

    def __init__(self, trial: Trial, stack: LocalStack, size: Size) -> None:
        self._trial, self._stack, self._size = trial, stack, size
        self._phase = 0

    async def told(self, endpoints: Any) -> Told:
        """Something new to tell to these, whose people are known."""
        self._phase += 1
        told = Told(str(self._phase), endpoints)
        await self._trial.people(told)
        return told

    async def throughput(self, replicas: Literal[1, 2] = 1, *, again: bool = True) -> dict[str, float]:
        """Events wait on Kafka, the service is started. ``again``: once more at the end, for the phase that follows."""
        trial, size = self._trial, self._size
        if replicas == 2:  # the group has shared the partitions out before: each comes back to its own
            await trial.second.start()
        told = await self.told(in_turn(range(size.endpoints), size.events))
        await asyncio.gather(trial.service.end(), trial.second.end())
        await trial.say(map(told.match, range(size.events)))
        before = len(trial.seen)
        await trial.service.start(wait=False)
        if replicas == 2:
            await trial.second.start(wait=False)
        await trial.until(lambda: self._more_than(before), "first delivery", every=0.03)
        first, began, cpu, commands, examined = (
            len(trial.seen) - before,
            time.monotonic(),
            trial.cpu_seconds(),
            await trial.commands(),
            await trial.examined(),
        )
        counted = await trial.arrived(told) - first
        seconds, spent = time.monotonic() - began, trial.cpu_seconds() - cpu
        done, looked_at = await trial.commands() - commands, await trial.examined() - examined
        show("cpu ms a delivery", {name: value / counted * 1_000 for name, value in spent.items()})
        show("commands of the database for 1,000", {n: c / counted * 1_000 for n, c in done.most_common(12)})
        show(f"{replicas} of the service", {"longest pause between two arrivals, s": longest_pause(told, trial.seen)})
        await asyncio.gather(trial.service.end(), trial.second.end())
        if again:
            await trial.service.start()
        return {
            "per_s": counted / seconds,
            "cpu": 1_000 * spent.total() / counted,
            "statements": sum(done[name] for name in STATEMENTS) / counted,
            **{name: value / counted for name, value in looked_at.items()},
        }

    async def _more_than(self, count: int) -> bool:
        await self._trial.look()
        return len(self._trial.seen) > count

    async def bare(self) -> dict[str, float]:
        """The bare loop, in a process of its own."""
        size, trial, mongod = self._size, self._trial, self._stack.database.pid
        command = [sys.executable, "-m", "verification.benchmarks.delivery.bare", trial.url, self._stack.mongo_url]
        cpu = cpu_seconds(mongod)
        process = await asyncio.create_subprocess_exec(
            *command, str(size.events), str(size.endpoints), stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
        if process.returncode:
            raise InvalidTrial("the bare loop failed")
        found = json.loads(said.splitlines()[-1])
        spent = found["cpu_seconds"] + cpu_seconds(mongod) - cpu
        await trial.look()
        return {"per_s": size.events / found["seconds"], "cpu": 1_000 * spent / size.events}

    async def paced(self, rate: float) -> dict[str, float]:
        """So many events a second to all endpoints in turn."""
        trial, size = self._trial, self._size
        warm = await self.told(in_turn(range(size.endpoints), int(rate * LATE_SECONDS)))
        told = await self.told(in_turn(range(size.endpoints), int(rate * size.seconds)))
        await trial.say_at(warm, rate)
        await trial.arrived(warm)
        cpu, commands = trial.cpu_seconds(), await trial.commands()
        due = await trial.say_at(told, rate)
        counted = await trial.arrived(told)
        spent, done = trial.cpu_seconds() - cpu, await trial.commands() - commands
        show(f"at {rate:.0f}/s, cpu ms a delivery", {n: value / counted * 1_000 for n, value in spent.items()})
        show("commands of the database for 1,000", {n: c / counted * 1_000 for n, c in done.most_common(12)})
        p50, p99 = percentiles_ms(due, trial.seen)
        return {"p50": p50, "p99": p99, "cpu": 1_000 * spent.total() / counted}

    async def hanging(self) -> tuple[float, float]:
        """The healthy ones' p99 and how many of theirs arrive a second while some hang, against before."""
        trial, size = self._trial, self._size
        hanging = min(size.hanging, size.endpoints - 1)
        healthy, count = range(hanging, size.endpoints), int(OTHERS * size.hang_seconds)
        before, while_ = await self.told(in_turn(healthy, count)), await self.told(in_turn(healthy, count))
        stuck = await self.told(in_turn(range(hanging), count * hanging // size.endpoints))
        due = await trial.say_at(before, OTHERS)
        await trial.arrived(before)
        (_, p99_before), per_s_before = percentiles_ms(due, trial.seen), per_second(due, trial.seen)
        await trial.hang(hanging)
        to_those = OTHERS * hanging / size.endpoints
        _, due = await asyncio.gather(trial.say_at(stuck, to_those), trial.say_at(while_, OTHERS))
        await trial.arrived(while_, settled=False)
        (_, p99), per_s = percentiles_ms(due, trial.seen), per_second(due, trial.seen)
        await trial.hang(0)
        await trial.arrived(stuck)
        show("hanging", {"p99 before": p99_before, "p99 while": p99, "per s before": per_s_before, "while": per_s})
        return p99 / p99_before, per_s / per_s_before

    async def flood(self) -> float:
        """The others' p99 while one partner gets very much at once by Kafka, against before."""
        trial, size = self._trial, self._size
        others, count = range(1, size.endpoints), int(OTHERS * size.seconds)
        before, while_ = await self.told(in_turn(others, count)), await self.told(in_turn(others, count))
        flood = await self.told([0] * size.flood)
        batches = trial.prepared(map(flood.match, range(size.flood)))
        due = await trial.say_at(before, OTHERS)
        await trial.arrived(before)
        p50_before, p99_before = percentiles_ms(due, trial.seen)
        _, due = await asyncio.gather(trial.hand_over(batches), trial.say_at(while_, OTHERS))
        await trial.arrived(while_, settled=False)
        p50, p99 = percentiles_ms(due, trial.seen)
        began = time.monotonic()
        await trial.arrived(flood)
        show("flood", {"p50 before": p50_before, "p99 before": p99_before, "p50": p50, "p99": p99,
                       "s until the flood had arrived": time.monotonic() - began})  # fmt: skip
        return p99 / p99_before

    async def fan_out(self) -> float:
        """Events a second that become deliveries, while none may be sent."""
        trial, size = self._trial, self._size
        told = await self.told(in_turn(range(size.endpoints), size.events))
        await trial.service.end()
        await trial.say(map(told.match, range(size.events)))
        kept = trial.database.deliveries
        before = await kept.estimated_document_count()
        await trial.service.start({"IEUM_SPREAD_SECONDS": str(NOT_YET_SECONDS)}, wait=False)
        began = first = 0.0
        now, end = before, before + size.events
        while now < end:
            await asyncio.sleep(0.02)
            now = await kept.estimated_document_count()
            if now > before and not began:
                began, first = time.monotonic(), now
                cpu = trial.cpu_seconds()
        seconds, spent = time.monotonic() - began, trial.cpu_seconds() - cpu
        counted = end - first
        if not counted:
            raise InvalidTrial("too few events for a rate")
        show("fan-out, cpu ms an event", {name: value / counted * 1_000 for name, value in spent.items()})
        return counted / seconds


def show(what: str, values: dict[str, float]) -> None:
    """For who looks on."""
    print(f"{what}: " + ", ".join(f"{name} {value:,.2f}" for name, value in values.items()), flush=True)


def result(
    ours: list[dict[str, float]], bare: list[dict[str, float]], at_200: dict[str, float], at_50: dict[str, float],
    ratios: dict[str, float], counts: dict[str, int], two: list[dict[str, float]],
) -> dict[str, Any]:  # fmt: skip
    """The last line; ``two``: of two replicas."""
    against, two_against = (
        ratio((a["per_s"], b["per_s"]) for a, b in zip(each, bare, strict=True)) for each in (ours, two)
    )
    return {
        "vs_bare": round(against.median, 3),
        "cpu_s_per_1000": round(statistics.median(each["cpu"] for each in ours), 2),
        "bare_cpu_s_per_1000": round(statistics.median(each["cpu"] for each in bare), 2),
        "p50_ms": round(at_200["p50"], 1),
        "p99_ms": round(at_200["p99"], 1),
        "hanging_p99_ratio": round(ratios["hanging"], 2),
        "hanging_throughput_ratio": round(ratios["hanging_throughput"], 3),
        "flood_p99_ratio": round(ratios["flood"], 2),
        "fan_out_per_s": round(ratios["fan_out"]),
        "cpu_s_per_1000_at_50": round(at_50["cpu"], 2),
        **counts,
        "deliveries_per_s": round(statistics.median(each["per_s"] for each in ours)),
        "bare_per_s": round(statistics.median(each["per_s"] for each in bare)),
        "vs_bare_spread": [round(against.lowest, 3), round(against.highest, 3)],
        "two_replicas_vs_bare": round(two_against.median, 3),
        "two_replicas_cpu_s_per_1000": round(statistics.median(each["cpu"] for each in two), 2),
        "p50_ms_at_50": round(at_50["p50"], 1),
        "p99_ms_at_50": round(at_50["p99"], 1),
        "cpu_s_per_1000_at_200": round(at_200["cpu"], 2),
    }


async def measure(size: Size, stack: LocalStack, folder: Path) -> dict[str, Any]:
    """All phases. Raises InvalidTrial when there is nothing to compare."""
    async with Trial(stack, folder, size.endpoints) as trial:
        await trial.subscribe()
        show("warming up", {"records through the broker": await warm(stack.kafka, size.warm_seconds)})
        phases = Phases(trial, stack, size)
        at_50, at_200 = await phases.paced(SLOW), await phases.paced(PACED)
        hanging, throughput = await phases.hanging()
        ratios = {"hanging": hanging, "hanging_throughput": throughput, "flood": await phases.flood()}
        ours: list[dict[str, float]] = []
        two: list[dict[str, float]] = []
        bare: list[dict[str, float]] = []
        contenders: list[tuple[list[dict[str, float]], Phase]] = [
            (ours, phases.throughput), (two, partial(phases.throughput, 2)), (bare, phases.bare),
        ]  # fmt: skip
        for number in range(size.rounds):
            for found_so_far, phase in contenders if number % 2 == 0 else reversed(contenders):
                found_so_far.append(await phase())
            each = {"ours": ours[-1]["per_s"], "two replicas": two[-1]["per_s"], "bare": bare[-1]["per_s"]}
            show(f"round {number + 1}, deliveries/s", each)
        ratios["fan_out"] = await phases.fan_out()
        await trial.look()
        found = result(ours, bare, at_200, at_50, ratios, {"sent_twice": trial.twice, "lost": trial.lost}, two)
        return {**found, "rounds": size.rounds, "events": size.events}


def well(found: Mapping[str, Any]) -> bool:
    """Nothing was lost or sent twice."""
    return not found["lost"] and not found["sent_twice"]


if __name__ == "__main__":
    size = size_from(Size, "verification.benchmarks.delivery", sys.argv[1:])
    sys.exit(uvloop.run(measured(partial(measure, size), well, CACHE_GB)))
