"""What a delivery costs with little and with very much in the database, in turns on one machine.

`python -m verification.benchmarks.delivery.store_size --rounds 5 --events 3000 --subscriptions 5000 --old 1000000`.
Two databases on one stack, each with its topics and its service; the same endpoints are told in both. One holds nothing
else, the other so many more subscriptions, and deliveries that have ended. In each round both services are started
after each other with events waiting on Kafka, and end. Last line, one JSON object: ``cpu_ratio``, the median of the
rounds; statements, keys and documents that are looked at per delivery, which no load of the machine changes; and
``collection_scans`` per delivery.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from deploy.local.stack import LocalStack
from verification.benchmarks.arithmetic import ratio
from verification.benchmarks.backlog import CACHE_GB
from verification.benchmarks.command import measured, size_from
from verification.benchmarks.delivery import __main__ as bench
from verification.benchmarks.delivery.trial import Trial

FIGURES = ("cpu", "statements", "keys", "documents", "collection_scans")


@dataclass(frozen=True, slots=True)
class Size:
    """``endpoints`` are told; ``subscriptions`` beside them and ``old`` deliveries are in the one of the two."""

    rounds: int = 5
    events: int = 3_000
    endpoints: int = 100
    subscriptions: int = 5_000
    old: int = 1_000_000


async def measure(size: Size, stack: LocalStack, folder: Path) -> dict[str, Any]:
    """Both, in turns."""
    phases = bench.Size(events=size.events, endpoints=size.endpoints)
    found: dict[str, list[dict[str, float]]] = {"little": [], "much": []}
    async with (
        Trial(stack, folder, size.endpoints, prefix="little-") as little,
        Trial(stack, folder, size.endpoints, prefix="much-") as much,
    ):
        both = {name: bench.Phases(trial, stack, phases) for name, trial in (("little", little), ("much", much))}
        await asyncio.gather(little.subscribe(), much.subscribe())  # what is to be told of before is walked twice
        for phases_of in both.values():
            await phases_of.throughput(again=False)  # also what is copied below
        await much.crowd(size.subscriptions)
        await much.age(size.old)
        for number in range(size.rounds):
            for name, trial in (("little", little), ("much", much))[:: 1 if number % 2 == 0 else -1]:
                await trial.service.start()
                found[name].append(await both[name].throughput(again=False))
        lost, twice = little.lost + much.lost, little.twice + much.twice
    cpu = ratio((a["cpu"], b["cpu"]) for a, b in zip(found["much"], found["little"], strict=True))
    return {
        "cpu_ratio": round(cpu.median, 3),
        "cpu_ratio_spread": [round(cpu.lowest, 3), round(cpu.highest, 3)],
        **{
            f"{figure}_{name}": round(statistics.median(each.get(figure, 0.0) for each in rounds), 4)
            for figure in FIGURES
            for name, rounds in found.items()
        },
        "lost": lost,
        "sent_twice": twice,
        "subscriptions": size.subscriptions,
        "old": size.old,
    }


def well(found: Mapping[str, Any]) -> bool:
    """Nothing was lost or sent twice."""
    return not found["lost"] and not found["sent_twice"]


if __name__ == "__main__":
    size = size_from(Size, "verification.benchmarks.delivery.store_size", sys.argv[1:])
    sys.exit(uvloop.run(measured(partial(measure, size), well, CACHE_GB)))
