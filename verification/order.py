"""`make order`: what is told of one alias comes in order although its sender is killed again and again.

Webhooks ask for order; so many events about people who are told of many openings wait on Kafka, and notifications is
killed (SIGKILL) and started at random while it delivers them. ``inversions``: pairs of neighbours, by the order of the
events on Kafka, of which the second reached its endpoint first. ``sent_twice`` is no fault: at least once. The last
line is one JSON object.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import uvloop

from deploy.local.stack import LocalStack
from verification.benchmarks.backlog import CACHE_GB
from verification.benchmarks.command import measured, size_from
from verification.benchmarks.delivery.trial import Trial
from verification.benchmarks.delivery.world import Told, in_turn

OF_ONE_PERSON = 25  # openings: a queue as long as it gets
KILLED_AFTER = (0.5, 6.0)  # seconds of work between two kills


@dataclass(frozen=True, slots=True)
class Size:
    """``events`` that are told, by ``endpoints``; ``kills`` at most."""

    events: int = 3_000
    endpoints: int = 20
    kills: int = 6
    seed: int = 1


def inversions(orders: Iterable[Sequence[str]], seen: Mapping[str, float]) -> int:
    """Of neighbours that both arrived, how many came the wrong way round."""
    found = 0
    for order in orders:
        arrived = [seen[each] for each in order if each in seen]
        found += sum(later < earlier for earlier, later in itertools.pairwise(arrived))
    return found


async def measure(size: Size, stack: LocalStack, folder: Path) -> dict[str, float]:
    """Everything, on a stack that runs."""
    chance, kills = random.Random(size.seed), 0
    told = Told("order", in_turn(range(size.endpoints), size.events), OF_ONE_PERSON)
    async with Trial(stack, folder, size.endpoints) as trial:
        await trial.subscribe(order="alias")
        await trial.people(told)
        began = time.monotonic()
        saying = asyncio.create_task(trial.say(map(told.match, range(size.events))))
        for _ in range(size.kills):
            await asyncio.sleep(chance.uniform(*KILLED_AFTER))
            await trial.look()
            if len(trial.seen) >= size.events:
                break
            await trial.service.end(kill=True)
            kills += 1
            await trial.service.start()
        await saying
        return {
            "events": size.events,
            "arrived": await trial.arrived(told),
            "inversions": inversions(told.of_each_person(), trial.seen),
            "lost": trial.lost,
            "sent_twice": trial.twice,
            "kills": kills,
            "seconds": round(time.monotonic() - began, 1),
        }


def well(found: Mapping[str, float]) -> bool:
    """Everything arrived in order although it was killed."""
    return not found["lost"] and not found["inversions"] and bool(found["kills"])


if __name__ == "__main__":
    size = size_from(Size, "verification.order", sys.argv[1:])
    sys.exit(uvloop.run(measured(partial(measure, size), well, CACHE_GB)))
