"""A system whose broker, database and services somebody else runs, in containers or elsewhere: only the partners are
started.

Where they stand is told by variables: EXTERNAL_KAFKA (host:port), EXTERNAL_KAFKA_PASSWORD (of its user `reader`, with
SCRAM-SHA-512; none where the broker has no users), EXTERNAL_MONGO_URL (of a user who may read all three
databases), EXTERNAL_INTAKE, EXTERNAL_MATCHING, EXTERNAL_NOTIFICATIONS (http://host:port), EXTERNAL_ADMIN_TOKEN (of the
first administrator), EXTERNAL_SELF (the name by which notifications reaches this machine).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from deploy.local.errors import StartError
from deploy.local.process import wait_until
from deploy.local.stack import LocalStack
from deploy.local.timeouts import scaled
from deploy.rights.login import READER, Login
from samples.world import Setting
from verification.harness.child_processes import Program
from verification.harness.keyring import SERVICES
from verification.harness.system import PARTNER_PORT, Ports, System

ASKED_TO_KILL = "KILL"
"""First word of the line that asks whoever rules the containers to kill what the second word names."""
PATIENCE = 60.0  # seconds until it must be away, or there


@dataclass(frozen=True)
class Addresses:
    """Where everything is."""

    kafka: str
    mongo_url: str
    services: Mapping[str, str]
    admin_token: str
    this_machine: str
    kafka_password: str = field(default="", repr=False)

    @staticmethod
    def read(environment: Mapping[str, str] = os.environ) -> Addresses:
        """Raises StartError that names the variable that is missing."""

        def told(name: str) -> str:
            if not (value := environment.get(f"EXTERNAL_{name}")):
                raise StartError(
                    f"EXTERNAL_{name} is missing", "verification/harness/external_stack.py tells all of them"
                )
            return value

        services = {service: told(service.upper()) for service in SERVICES}
        password = environment.get("EXTERNAL_KAFKA_PASSWORD", "")
        return Addresses(told("KAFKA"), told("MONGO_URL"), services, told("ADMIN_TOKEN"), told("SELF"), password)

    def address(self, name: str) -> tuple[str, int]:
        """Host and port of a service, or of the ``broker``."""
        parts = urlsplit(f"//{self.kafka}" if name == "broker" else self.services[name])
        return parts.hostname or "", parts.port or 80


class ExternalStack(LocalStack):
    """Addresses of a stack that somebody else starts and stops."""

    def __init__(self, folder: Path, addresses: Addresses) -> None:
        super().__init__(folder)
        self._addresses = addresses

    @property
    def kafka(self) -> str:
        return self._addresses.kafka

    def login(self, user: str) -> Login:
        """The reader's, whoever asks: it is the only one that this machine is told."""
        password = self._addresses.kafka_password
        return Login(self.kafka, READER, password) if password else Login(self.kafka)

    @property
    def mongo_url(self) -> str:
        return self._addresses.mongo_url

    def start(self) -> Self:
        return self

    def stop(self) -> None:
        """Nothing: it is not ours."""


class ExternalService(Program):
    """A service that somebody else starts and stops."""

    def __init__(self, name: str, url: str, log: Path) -> None:
        super().__init__(f"services.{name}", 0, log, {}, variable="-")
        self._url = url

    @property
    def url(self) -> str:
        return self._url

    def start(self) -> None:
        """Wait until it is ready. Raises StartError."""
        if not wait_until(self.answers, scaled(PATIENCE)):
            raise StartError(f"{self.name} is not ready at {self.url}", "is it up? its log tells more")

    def stop(self) -> None:
        """Nothing: it is not ours."""


class ExternalSystem(System):
    """`start` waits until the services are ready; `start_partners` and `stop` are for the partners alone."""

    def __init__(self, folder: Path, setting: Setting, addresses: Addresses) -> None:
        super().__init__(folder, setting, Ports(0, 0, {"webhook": PARTNER_PORT}))
        self.stack = ExternalStack(self.folder / "stack", addresses)
        self._addresses = addresses
        self.keyring.accept(setting.admin.agency, addresses.admin_token)

    async def start(self, on_up: Callable[[str], None] = lambda _: None) -> None:
        """Wait until all services are ready. Raises StartError."""
        self.logs.mkdir(parents=True, exist_ok=True)
        urls = self._addresses.services
        self.services = {name: ExternalService(name, url, self.logs / f"{name}.log") for name, url in urls.items()}
        await self._start_all(self.services, on_up)

    async def kill(self, name: str) -> None:
        """Ask for it on standard output and wait until it is away. Raises StartError when nobody does it."""
        print(f"{ASKED_TO_KILL} {name}", flush=True)
        if not await asyncio.to_thread(wait_until, lambda: not self._listens(name), scaled(PATIENCE)):
            raise StartError(f"nobody killed {name}", "run it by `make compose-demo`")

    def _listens(self, name: str) -> bool:
        try:
            socket.create_connection(self._addresses.address(name), timeout=1.0).close()
        except OSError:
            return False
        return True

    def _partner_variables(self, partner: str) -> dict[str, str]:
        return super()._partner_variables(partner) | {"PARTNER_HOST": self._addresses.this_machine}
