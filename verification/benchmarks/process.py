"""A service in a process of its own, and the processor time of a process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from deploy.local.ports import free_port
from deploy.local.stack import LocalStack
from deploy.local.timeouts import scaled
from verification.benchmarks.command import InvalidTrial

START_SECONDS = 120.0
ANSWER_SECONDS = 30.0
POLL_SECONDS = 0.5
_TICKS = os.sysconf("SC_CLK_TCK")


class ServiceProcess:
    """One of the services, for what only this program looks at: no supervisor, all of its settings can be chosen.
    ``through``: the module that runs it, if that is not its own; ``settings``: of every start; ``number``: which
    replica it is."""

    def __init__(
        self,
        stack: LocalStack,
        folder: Path,
        name: str,
        through: str | None = None,
        settings: Mapping[str, str] | None = None,
        *,
        number: int = 1,
    ) -> None:
        self.name = name
        self._instance = f"{name}-{number}"
        self._program = [*filter(None, [through]), f"services.{name}"]
        self._settings = dict(settings or {})
        self._stack = stack
        self._log = folder / (f"{name}.log" if number == 1 else f"{self._instance}.log")
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self.cpu_seconds = 0.0  # of all its processes that have ended

    async def start(self, settings: Mapping[str, str] | None = None, *, wait: bool = True) -> None:
        """Start it; ``wait`` until it is ready."""
        environment = {
            "IEUM_PROFILE": "development",
            "IEUM_KAFKA": self._stack.kafka,
            "IEUM_MONGO_URL": self._stack.mongo_url,
            "IEUM_KAFKA_IDEMPOTENT": str(self._stack.broker.idempotent_producer).lower(),
            "IEUM_PORT": str(self.port),
            "IEUM_INSTANCE": self._instance,
            "IEUM_LOG_LEVEL": "warning",
            **self._settings,
            **(settings or {}),
        }
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *self._program,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
            )
        if not wait:
            return
        end = time.monotonic() + scaled(START_SECONDS)
        while time.monotonic() < end and self._process.returncode is None:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with (
                    aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(scaled(ANSWER_SECONDS))) as http,
                    http.get(f"http://127.0.0.1:{self.port}/ready") as answer,
                ):
                    if answer.status == 200:
                        return
            await asyncio.sleep(POLL_SECONDS)
        raise InvalidTrial(f"{self.name} did not become ready: {self.end_of_log()}")

    async def end(self, *, kill: bool = False) -> None:
        """SIGTERM or SIGKILL, and wait."""
        if (process := self._process) is None or process.returncode is not None:
            return
        self.cpu_seconds += cpu_seconds(process.pid)
        process.kill() if kill else process.terminate()
        await process.wait()
        self._process = None

    @property
    def ended(self) -> bool:
        """Whether none runs now."""
        return self._process is None or self._process.returncode is not None

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process else None

    @property
    def cpu_so_far(self) -> float:
        """Processor seconds of all its processes."""
        return self.cpu_seconds + (cpu_seconds(self._process.pid) if self._process else 0.0)

    def memory_mb(self, figure: str) -> float:
        """``VmRSS``: what the process that runs now has; ``VmHWM``: the most it ever had."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(figure)).split()[1]) / 1024

    def log(self) -> str:
        """All that it wrote."""
        return self._log.read_text(errors="replace")

    def end_of_log(self) -> str:
        """Its last line."""
        lines = self.log().splitlines()
        return lines[-1][:300] if lines else "no log"


def cpu_seconds(pid: int | None) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
