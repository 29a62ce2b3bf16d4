"""Deliveries that are due, by `benchmarks.backlog`: what each costs in a small and in a large backlog, with a kill."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from deploy.local.timeouts import scaled
from verification.harness.child_processes import ROOT
from verification.siege.figures import Backlog

SMALL, LARGE, FULL = 1_000, 20_000, 100_000
PATIENCE = 900.0


async def backlogs(full: bool, say: Callable[[str], None], sizes: tuple[int, ...] = ()) -> Backlog:
    """Run one of each size; the largest with a kill in its middle as well."""
    sizes = sizes or ((SMALL, LARGE, FULL) if full else (SMALL, LARGE))
    cpu: dict[int, float] = {}
    twice, violations = 0, list[str]()
    for size, kill in [*((size, False) for size in sizes), (sizes[-1] if full else min(LARGE, sizes[-1]), True)]:
        found = await _one(size, kill)
        say(f"backlog of {size}{', killed in the middle' if kill else ''}: {found}")
        if not found:
            violations.append(f"a backlog of {size} could not be measured")
            continue
        if kill:  # what was under way at the kill may come again, nothing more
            again = found["sent_twice"] - found["unsettled_at_kill"]
            if again > 0:
                violations.append(f"{again} more were sent again after a kill than were under way")
        else:
            cpu[size], twice = found["cpu_s_per_1000"] / 1_000, twice + found["sent_twice"]
        if not found["settled"] or found["lost"]:
            violations.append(f"a backlog of {size}: settled {found['settled']}, lost {found['lost']}")
    return Backlog(cpu, twice if cpu else None, tuple(violations))


async def _one(due: int, kill: bool) -> dict[str, Any]:
    """The line of one run; empty when there was none."""
    command = ["-m", "verification.benchmarks.backlog", "--due", str(due), *(["--kill"] if kill else [])]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), scaled(PATIENCE))
    except TimeoutError:
        return {}
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
    lines = said.decode().strip().splitlines()
    try:
        found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    except json.JSONDecodeError:
        return {}
    return found
