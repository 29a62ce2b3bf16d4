"""Seen from outside: whether /live is answered, and how much memory each service has."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import aiohttp

EVERY, IN_TIME = 0.25, 2.0  # seconds
ADDRESS = "127.0.0.3"  # probes come from elsewhere than whoever attacks, and than whoever is healthy
Pids = Callable[[], Mapping[str, int | None]]


class Live:
    """Asks /live of every service every quarter of a second, each time by a new connection, as an orchestrator does."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls
        self.misses: list[tuple[float, str]] = []
        self.answers: list[tuple[float, str, float]] = []
        self.away: set[str] = set()
        """Services that were killed on purpose and are not back: they need not answer."""

    async def run(self) -> None:
        """For ever; probes do not wait for one another."""
        connector = aiohttp.TCPConnector(local_addr=(ADDRESS, 0), force_close=True, limit=0)
        timeout = aiohttp.ClientTimeout(total=IN_TIME)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            asyncio.TaskGroup() as tasks,
        ):
            while True:
                for service, url in self._urls.items():
                    if service not in self.away:
                        tasks.create_task(self._ask(session, service, url))
                await asyncio.sleep(EVERY)

    async def _ask(self, session: aiohttp.ClientSession, service: str, url: str) -> None:
        began = time.monotonic()
        try:
            async with session.get(f"{url}/live") as answer:
                answered = answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            answered = False
        if answered:
            self.answers.append((began, service, time.monotonic() - began))
        elif service not in self.away:
            self.misses.append((began, service))


class Memory:
    """The resident memory of every service, ten times a second."""

    def __init__(self, pids: Pids) -> None:
        self._pids = pids
        self.sizes: dict[str, list[tuple[float, int]]] = {}

    async def run(self) -> None:
        """For ever."""
        while True:
            for service, pid in self._pids().items():
                if pid is not None and (size := resident(pid)):
                    self.sizes.setdefault(service, []).append((time.monotonic(), size))
            await asyncio.sleep(0.1)


def resident(pid: int) -> int:
    """Bytes in memory of a process; 0 when it is gone."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmRSS")).split()[1])
    return 0
