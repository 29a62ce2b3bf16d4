"""The system that is scanned: failing handlers, everything logs all it can, mails go to a mailbox of ours."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from deploy.local.folder import STACK
from deploy.local.stack import LocalStack
from samples.world import Setting
from verification.harness.child_processes import Program
from verification.harness.system import Ports, System
from verification.leaks.mailbox import Mailbox


class FaultySystem(System):
    """The services run with `verification.leaks.faulty_service`, with temporary files in the system's own folder."""

    def __init__(self, folder: Path, setting: Setting) -> None:
        super().__init__(folder, setting, Ports.any())
        kind = os.environ.get("KAFKA") or "embedded"
        self.stack = LocalStack(self.folder / STACK, kind=kind, debug=True, users=True)
        self.mailbox = Mailbox(self.folder / "mails")
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir(parents=True, exist_ok=True)

    async def start(self, on_up: Callable[[str], None] = lambda _: None) -> None:
        """With the mailbox."""
        self.mailbox.start()
        await super().start(on_up)

    async def stop(self) -> None:
        """The mailbox last."""
        await super().stop()
        self.mailbox.stop()

    def _service(self, name: str) -> Program:
        port, log = self._ports.programs[name], self.logs / f"{name}.log"
        faults = {"FAULTY": name, "IEUM_LOG_LEVEL": "debug", "TMPDIR": str(self.temporary)}
        if name == "notifications":
            faults |= self.mailbox.variables
        variable = f"{name.upper()}_PORT"
        return Program("verification.leaks.faulty_service", port, log, self.variables(name) | faults, variable=variable)

    async def stop_programs(self) -> None:
        """Stop partners and services, so that their logs are whole; broker and database go on."""
        if self._supervisor:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
        for programs in (self.partners, self.services):
            await asyncio.gather(*(asyncio.to_thread(program.stop) for program in programs.values()))
