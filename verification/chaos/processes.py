"""Everything that runs in a chaos run: services with failpoints, second replicas, a supervisor like systemd."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from deploy.local.errors import StartError
from deploy.local.ports import free_port
from deploy.local.timeouts import scaled
from samples.world import Setting
from verification.chaos.failpoint_control import FailpointControl
from verification.harness.child_processes import Program
from verification.harness.system import Ports, Supervised, System

TERM_SECONDS = 30.0  # as long as a container is given to stop
LEASE_SHARE = 0.4  # of the session time-out: the matcher that stands by waits for the lease, then for the group
POLL_SECONDS = 0.02
INFRASTRUCTURE = ("broker", "database")


class FaultTarget(Program):
    """A service started through `failpoint_service`. ``orders``: what it is told to do at a failpoint."""

    def __init__(self, service: str, port: int, log: Path, variables: dict[str, str], orders: FailpointControl) -> None:
        super().__init__(f"services.{service}", port, log, variables | {"CHAOS_ORDERS": str(orders.path)}, variable="-")
        self.orders = orders
        self._service = f"services.{service}"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "verification.chaos.failpoint_service", self._service]


class ChaosSystem(System):
    """A system into which faults are injected. ``away``: what the supervisor leaves alone for now; ``violations``: what
    did not go as it must (a service that did not end on SIGTERM)."""

    def __init__(self, folder: Path, setting: Setting, session_timeout_ms: int) -> None:
        super().__init__(folder, setting, Ports.any())
        self.session_timeout_ms = session_timeout_ms
        self.away: set[str] = set()
        self.starts: Counter[str] = Counter()
        self.violations: list[str] = []

    def variables(self, name: str) -> dict[str, str]:
        """As everywhere, with waits that fit a run of minutes; a second replica has a name of its own."""
        found = super().variables(name) | {
            "IEUM_SESSION_TIMEOUT_MS": str(self.session_timeout_ms),
            "IEUM_INSTANCE": f"{name}-1",
        }
        if name == "matching":
            found["IEUM_LEASE_SECONDS"] = str(max(1.0, LEASE_SHARE * self.session_timeout_ms / 1000))
        if name == "notifications":
            # a frozen sender's attempts time out: it must not wait for hours (as a partner may) before the next one
            found |= {"IEUM_DEADLINE_SECONDS": "5", "IEUM_RETRY_SCHEDULE": json.dumps([0] + [1] * 30)}
        return found

    def _service(self, name: str) -> Program:
        return self._fault_target(name, name, self._ports.programs[name], self.variables(name))

    def _fault_target(self, service: str, name: str, port: int, variables: dict[str, str]) -> FaultTarget:
        orders = self.folder / "orders"
        orders.mkdir(exist_ok=True)
        return FaultTarget(service, port, self.logs / f"{name}.log", variables, FailpointControl(orders / name))

    def service(self, name: str) -> FaultTarget:
        """A replica by its name: ``intake``, ``intake-2``, ..."""
        found = self.services[name]
        assert isinstance(found, FaultTarget)
        return found

    def door(self) -> str:
        """Where a load balancer would send the next event: any intake that runs and is not frozen, in turn."""
        able = [p.url for name, p in self.services.items() if name.startswith("intake") and _runs(p.pid)]
        return able[int(time.monotonic() * 1000) % len(able)] if able else self.services["intake"].url

    # --- who comes and goes

    async def start_replica(self, service: str) -> str:
        """Start a second replica; returns its name when it is ready. Raises StartError."""
        name, port = f"{service}-2", free_port()
        variables = self.variables(service) | {"IEUM_INSTANCE": name, "IEUM_PORT": str(port)}
        program = self._fault_target(service, name, port, variables)
        self.away.add(name)  # it may go again without being started anew
        self.services[name] = program
        await asyncio.to_thread(program.start)
        return name

    async def remove_replica(self, name: str) -> None:
        """A second replica has ended: forget it."""
        program = self.services.pop(name, None)
        if program is not None:
            await asyncio.to_thread(program.stop)

    async def watch_over(self) -> None:
        """Start again at once whatever ended, each by itself, for ever: as systemd or Kubernetes do."""
        starting: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                await asyncio.sleep(POLL_SECONDS)
                for name, program in self.everything().items():
                    begun = starting.get(name)
                    if (begun is not None and not begun.done()) or program.pid is not None or name in self.away:
                        continue
                    if name in self.partners and not self.taking_part(name):
                        continue
                    starting[name] = asyncio.create_task(self._start_again(name, program))
        finally:
            await asyncio.gather(*starting.values(), return_exceptions=True)

    async def _start_again(self, name: str, program: Supervised) -> None:
        self.restarted.append(name)
        self.starts[name] += 1
        try:
            await asyncio.to_thread(program.start)
        except StartError:  # the broker is away too, or there was another fault: the next look tries anew
            await asyncio.sleep(0.2)

    # --- faults

    def send(self, name: str, number: signal.Signals) -> int | None:
        """Send a signal; the process id it went to, None when there is none."""
        pid = self.everything()[name].pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return pid

    async def ended(self, name: str, pid: int | None, seconds: float) -> bool:
        """Wait until that process is gone."""
        end = time.monotonic() + scaled(seconds)
        while time.monotonic() < end:
            found = self.everything().get(name)
            if found is None or found.pid != pid:
                return True
            await asyncio.sleep(POLL_SECONDS)
        return False

    async def end(self, name: str, pid: int | None) -> None:
        """After a SIGTERM: it has TERM_SECONDS, then it is killed, which is a violation."""
        if not await self.ended(name, pid, TERM_SECONDS):
            self.violations.append(f"{name} did not end within {TERM_SECONDS:.0f} s of SIGTERM")
            self.send(name, signal.SIGKILL)
            await self.ended(name, pid, 10.0)

    async def ready(self, name: str, seconds: float = 30.0) -> bool:
        """Wait until a part answers again."""
        end = time.monotonic() + scaled(seconds)
        while time.monotonic() < end:
            program = self.everything().get(name)
            if program is None:
                return False
            if program.pid is not None and await asyncio.to_thread(_answers, program):
                return True
            await asyncio.sleep(0.1)
        return False


def _runs(pid: int | None) -> bool:
    """Whether there is such a process and it is not stopped (state T in /proc)."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return pid is not None and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T"
    return False


def _answers(program: Supervised) -> bool:
    answers = getattr(program, "answers", None)
    return bool(answers and answers())
