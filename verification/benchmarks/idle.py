"""`make idle`: what three services cost that have nothing to do. The last line is one JSON object.

KAFKA=embedded|apache chooses the broker, ROUNDS= how many windows of a minute. Of each process the median: percent of
a core, wake-ups a second. What else runs on the machine shows in it, though little: caches are shared.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from deploy.local.stack import LocalStack
from shared.access.api_keys import make_key
from verification.benchmarks.command import InvalidTrial, command
from verification.benchmarks.process import ServiceProcess, cpu_seconds

SERVICES = ("intake", "matching", "notifications")
SETTLE_SECONDS = 20.0  # groups are together, what was loaded is thrown away
WINDOW_SECONDS = 60.0
MOST_PERCENT = {"apache": 1.0, "embedded": 2.0}


async def idle(stack: LocalStack, windows: int) -> dict[str, Any]:
    """All windows; raises InvalidTrial when a service does not start or stay."""
    with tempfile.TemporaryDirectory() as folder:
        async with _services(stack, Path(folder)) as services:
            pids = {"broker": stack.broker.pid, "database": stack.database.pid}
            pids |= {each.name: each.pid for each in services}
            await asyncio.sleep(SETTLE_SECONDS)
            seen = [await _window(pids) for _ in range(windows)]
    percent = {name: 100 * statistics.median(each[name].cpu_seconds for each in seen) / WINDOW_SECONDS for name in pids}
    woken = {name: statistics.median(each[name].woken for each in seen) / WINDOW_SECONDS for name in pids}
    return {
        "percent_of_a_core": {name: round(value, 2) for name, value in percent.items()},
        "woken_per_s": {name: round(value) for name, value in woken.items()},
        "windows": windows,
        "held": all(percent[name] <= MOST_PERCENT[stack.broker.kind] for name in SERVICES),
    }


class Spent(NamedTuple):
    """Of one process: processor time, and how often a thread of it was woken."""

    cpu_seconds: float
    woken: int

    @staticmethod
    def so_far(pid: int | None) -> Spent:
        """Since it began. Raises InvalidTrial when it has ended."""
        try:
            return Spent(cpu_seconds(pid), sum(_slept(each) for each in Path(f"/proc/{pid}/task").iterdir()))
        except FileNotFoundError:
            raise InvalidTrial("a process ended") from None

    def since(self, before: Spent) -> Spent:
        """The difference."""
        return Spent(self.cpu_seconds - before.cpu_seconds, self.woken - before.woken)


def _slept(thread: Path) -> int:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread may end at any moment
        status = (thread / "status").read_text()
        return int(status.partition("\nvoluntary_ctxt_switches:")[2].split(maxsplit=1)[0])
    return 0


async def _window(pids: Mapping[str, int | None]) -> dict[str, Spent]:
    before = {name: Spent.so_far(pid) for name, pid in pids.items()}
    await asyncio.sleep(WINDOW_SECONDS)
    return {name: Spent.so_far(pid).since(before[name]) for name, pid in pids.items()}


@asynccontextmanager
async def _services(stack: LocalStack, folder: Path) -> AsyncIterator[list[ServiceProcess]]:
    _, key = make_key("house-1")
    admin = {"IEUM_FIRST_ADMIN": f"house:{key.key_id}:{key.secret_sha256}"}  # so that something was said once
    services = [ServiceProcess(stack, folder, name) for name in SERVICES]
    async with AsyncExitStack() as ending:
        for each in services:
            ending.push_async_callback(each.end, kill=True)
        await asyncio.gather(*(each.start(admin if each.name == "intake" else None) for each in services))
        yield services


async def _measure(stack: LocalStack, rounds: int, _: int) -> dict[str, Any]:
    return await idle(stack, rounds)


if __name__ == "__main__":
    sys.exit(command(_measure, events=0))
