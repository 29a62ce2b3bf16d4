"""Everything that runs: the stack, three services, two partners; and a supervisor that starts again what died."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deploy.local.errors import StartError
from deploy.local.folder import STACK, private
from deploy.local.ports import free_port
from deploy.local.stack import LocalStack
from deploy.local.timeouts import scaled
from samples.partners.store import PartnerStore
from samples.world import Setting
from verification.harness.child_processes import Program
from verification.harness.keyring import SERVICES, Keyring

PARTNER_PORT = 8110
SESSION_TIMEOUT_MS = 4_000
START_SECONDS = 90.0  # for which a service waits for Kafka: less than it is given to answer
USUAL_PORTS = {"intake": 8101, "matching": 8102, "notifications": 8103, "webhook": PARTNER_PORT}


@dataclass(frozen=True)
class Ports:
    """Where everything listens; 0 means any free port for the stack."""

    kafka: int
    mongo: int
    programs: dict[str, int]

    @staticmethod
    def any() -> Ports:
        """Free ports for everything: several demos may run beside each other."""
        return Ports(0, 0, {name: free_port() for name in USUAL_PORTS})

    @staticmethod
    def usual(kafka: int, mongo: int) -> Ports:
        """Fixed ports, each to be changed by a variable: INTAKE_PORT, ... WEBHOOK_PORT."""
        environment = os.environ.get
        return Ports(kafka, mongo, {n: int(environment(_variable(n)) or port) for n, port in USUAL_PORTS.items()})


class Supervised(Protocol):
    """What the supervisor needs of anything that runs."""

    @property
    def pid(self) -> int | None: ...
    def start(self) -> None: ...
    def kill(self) -> None: ...


class FeedPartner(Program):
    """The partner behind a firewall: it listens nowhere, so it is ready once it has subscribed."""

    def __init__(self, log: Path, variables: dict[str, str], folder: Path) -> None:
        super().__init__("samples.partners.behind_firewall", 0, log, variables, variable="-")
        self._sign = folder / "subscribed"

    def answers(self) -> bool:
        return self._sign.exists()


class System:
    """One demo in one folder. `start`, then `start_partners` once the agencies are registered, `stop` at the end.

    `restarted` tells what the supervisor had to start again, `killed` what was killed on purpose; ``on_restart`` is
    called at each start.
    """

    def __init__(
        self, folder: Path, setting: Setting, ports: Ports, on_restart: Callable[[str], None] = lambda _: None
    ) -> None:
        self.folder = folder.resolve()
        self.setting = setting
        self.keyring = Keyring(self.folder / "keys.json")
        self.logs = self.folder / "logs"
        self._ports = ports
        self.stack = LocalStack(
            self.folder / STACK,
            kafka_port=ports.kafka,
            mongo_port=ports.mongo,
            kind=os.environ.get("KAFKA") or "embedded",
            users=True,
        )
        self.services: dict[str, Program] = {}
        self.partners: dict[str, Program] = {}
        self.restarted: list[str] = []
        self.killed: list[str] = []
        self._up: set[str] = set()
        self._on_restart = on_restart
        self._supervisor: asyncio.Task[None] | None = None

    async def start(self, on_up: Callable[[str], None] = lambda _: None) -> None:
        """Start the stack and the services, and watch over them. Raises StartError with the remedy."""
        private(self.folder)
        self.logs.mkdir(exist_ok=True)
        for log in self.logs.glob("*.log"):
            log.unlink()
        await asyncio.to_thread(self.stack.start)
        on_up("stack")
        self.services = {name: self._service(name) for name in SERVICES}
        await self._start_all(self.services, on_up)
        self._supervisor = asyncio.create_task(self.watch_over(), name="supervisor")

    async def start_partners(self, on_up: Callable[[str], None] = lambda _: None) -> None:
        """Start both partners; returns when both have subscribed."""
        puller, caller = self._partner_folder("feed"), self._partner_folder("webhook")
        self.partners = {
            "feed": FeedPartner(self.logs / "partner-feed.log", self._partner_variables("feed"), puller),
            "webhook": Program(
                "samples.partners.webhook",
                self._ports.programs["webhook"],
                self.logs / "partner-webhook.log",
                self._partner_variables("webhook"),
                variable=_variable("webhook"),
            ),
        }
        caller.mkdir(parents=True, exist_ok=True)
        await self._start_all(self.partners, on_up)

    def partner_store(self, partner: str) -> PartnerStore:
        """What a partner (``feed`` or ``webhook``) has written down, read anew."""
        return PartnerStore(self._partner_folder(partner))

    def agency(self, partner: str) -> str:
        """Which agency a partner is."""
        return self.setting.partners.feed if partner == "feed" else self.setting.partners.webhook

    async def kill(self, name: str) -> None:
        """kill -9 a service or the broker; the supervisor starts it again at once."""
        self.killed.append(name)
        await asyncio.to_thread(self.everything()[name].kill)

    def crashed(self) -> list[str]:
        """What was started again although nobody had killed it; twice, when it needed two starts."""
        return sorted((Counter(self.restarted) - Counter(self.killed)).elements())

    async def stop(self) -> None:
        """Stop everything in order: partners, services, stack. Safe at any moment."""
        if self._supervisor:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
        for programs in (self.partners, self.services):
            await asyncio.gather(*(asyncio.to_thread(program.stop) for program in programs.values()))
        await asyncio.to_thread(self.stack.stop)

    def _service(self, name: str) -> Program:
        port, log = self._ports.programs[name], self.logs / f"{name}.log"
        return Program(f"services.{name}", port, log, self.variables(name), variable=_variable(name))

    def variables(self, name: str) -> dict[str, str]:
        """The environment of a service."""
        key = self.keyring.key
        variables = {
            "IEUM_PROFILE": "development",
            **self.stack.login(name).variables,
            "IEUM_KAFKA_IDEMPOTENT": str(self.stack.broker.idempotent_producer).lower(),
            "IEUM_MONGO_URL": self.stack.mongo_url,
            "IEUM_PORT": str(self._ports.programs[name]),
            "IEUM_ID_KEY": key(f"{name}/id"),
            "IEUM_SEALING_KEY": key(f"{name}/sealing"),
            "IEUM_PACK": self.setting.pack,
            "IEUM_START_SECONDS": str(max(5, min(3_600, round(scaled(START_SECONDS))))),  # the bounds of the setting
        }
        if not self.stack.broker.keeps_its_log:  # the embedded one lets a group wait half of this before it begins
            variables["IEUM_SESSION_TIMEOUT_MS"] = str(SESSION_TIMEOUT_MS)
        if name == "matching":
            variables["IEUM_NETTING_SECONDS"] = "2"  # who watches does not wait for ten
        if name == "intake":
            admin = self.keyring.first_admin(self.setting.admin.agency)
            variables |= {"IEUM_KEK": key("intake/kek"), "IEUM_FIRST_ADMIN": admin}
            variables["IEUM_INBOUND_KEYS"] = key("intake/inbound")
        return variables

    def _partner_folder(self, partner: str) -> Path:
        return self.folder / "partners" / partner

    def _partner_variables(self, partner: str) -> dict[str, str]:
        return {
            "PARTNER_HUB": self.services["notifications"].url,
            "PARTNER_TOKEN": self.keyring.token(self.agency(partner)),
            "PARTNER_FOLDER": str(self._partner_folder(partner)),
            "PARTNER_PORT": str(self._ports.programs["webhook"]),
        }

    async def _start_all(self, programs: dict[str, Program], on_up: Callable[[str], None]) -> None:
        async def one(name: str, program: Program) -> None:
            await asyncio.to_thread(program.start)
            self._up.add(name)
            on_up(name)

        results = await asyncio.gather(*(one(*item) for item in programs.items()), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def everything(self) -> dict[str, Supervised]:
        """All that runs, by name."""
        return {"broker": self.stack.broker, "database": self.stack.database, **self.services, **self.partners}

    async def watch_over(self) -> None:
        """Start again at once whatever ended; give up on what ends again and again."""
        ended: dict[str, list[float]] = {}
        while True:
            await asyncio.sleep(0.05)
            for name, program in self.everything().items():
                if program.pid is not None or (name in self.partners and not self.taking_part(name)):
                    continue
                now = time.monotonic()
                recent = [at for at in ended.get(name, []) if now - at < 30.0]
                if len(recent) >= 5:
                    continue
                ended[name] = [*recent, now]
                self.restarted.append(name)
                self._on_restart(name)
                with contextlib.suppress(StartError):
                    await asyncio.to_thread(program.start)

    def taking_part(self, partner: str) -> bool:
        """Whether a partner has been up once in this run: while it is being started, nobody else may start it."""
        return partner in self._up


def _variable(name: str) -> str:
    return f"{name.upper()}_PORT"
