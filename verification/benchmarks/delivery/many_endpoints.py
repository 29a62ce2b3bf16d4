"""What 10,000 endpoints that are told at once cost the service in memory.

`python -m verification.benchmarks.delivery.many_endpoints --endpoints 10000`. Each gets one notice while all answer,
then one while none does, so that as many requests are under way as the service makes. Last line, one JSON object, in
megabytes: what the service had before (``rss_before_mb``) and at most since (``most_answering_mb``,
``most_hanging_mb``), and how many requests hung at once. Needs as many open files as endpoints.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from deploy.local.stack import LocalStack
from verification.benchmarks.backlog import CACHE_GB
from verification.benchmarks.command import measured, size_from
from verification.benchmarks.delivery.trial import Trial
from verification.benchmarks.delivery.world import Told


@dataclass(frozen=True, slots=True)
class Size:
    """How many are told; for how long none of them answers: for less than an attempt has."""

    endpoints: int = 10_000
    hang_seconds: float = 10.0


async def measure(size: Size, stack: LocalStack, folder: Path) -> dict[str, Any]:
    """Both, on one service."""
    async with Trial(stack, folder, size.endpoints) as trial:
        await trial.subscribe()
        answering, hanging = Told("answering", range(size.endpoints)), Told("hanging", range(size.endpoints))
        for told in (answering, hanging):
            await trial.people(told)
        before = trial.service.memory_mb("VmRSS")
        await trial.say(map(answering.match, range(size.endpoints)))
        await trial.arrived(answering)
        most_answering = trial.service.memory_mb("VmHWM")
        await trial.hang(size.endpoints)
        await trial.say(map(hanging.match, range(size.endpoints)))
        hung = 0
        for _ in range(int(size.hang_seconds)):
            await asyncio.sleep(1)
            await trial.look()
            hung = max(hung, trial.hung)
        most_hanging = trial.service.memory_mb("VmHWM")
        await trial.hang(0)
        await trial.arrived(hanging)
        return {
            "endpoints": size.endpoints,
            "rss_before_mb": round(before),
            "most_answering_mb": round(most_answering),
            "most_hanging_mb": round(most_hanging),
            "hung": hung,
            "lost": trial.lost,
            "sent_twice": trial.twice,
        }


def well(found: Mapping[str, Any]) -> bool:
    """Nothing was lost or sent twice."""
    return not found["lost"] and not found["sent_twice"]


if __name__ == "__main__":
    size = size_from(Size, "verification.benchmarks.delivery.many_endpoints", sys.argv[1:])
    sys.exit(uvloop.run(measured(partial(measure, size), well, CACHE_GB)))
