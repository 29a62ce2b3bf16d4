"""One contender in a process of its own, fresh each time.

`python -m verification.benchmarks.contender NAME NAMES COUNT WARM_UP`: it loads everything, prints "loaded", begins at
a line on standard input and ends when that is closed. What the group transactions reached is printed. With
BENCH_PROFILE set, cProfile's statistics are written there.
"""

from __future__ import annotations

import asyncio
import cProfile
import json
import os
import sys

import uvloop

from shared.kit.base.garbage_collection import tune_gc
from verification.benchmarks.bare import bare
from verification.benchmarks.service import service
from verification.benchmarks.transactions_only import group_transactions
from verification.benchmarks.workload import BATCH, Names


async def main(name: str, names: Names, count: int, warm_up: int) -> None:
    """Until standard input is closed."""
    _say("loaded")
    await asyncio.to_thread(sys.stdin.readline)
    profile = cProfile.Profile() if os.environ.get("BENCH_PROFILE") else None
    if profile:
        profile.enable()
    if name == "group":
        _say(str(await group_transactions(names, count, warm_up)))
    else:
        async with bare(names) if name == "bare" else service(names, 1 if name == "single" else BATCH):
            await asyncio.to_thread(sys.stdin.read)
    if profile:
        profile.disable()
        profile.dump_stats(f"{os.environ['BENCH_PROFILE']}.{name}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    tune_gc()  # the kit does it for its services; here for everybody
    uvloop.run(main(sys.argv[1], Names(**json.loads(sys.argv[2])), int(sys.argv[3]), int(sys.argv[4])))
