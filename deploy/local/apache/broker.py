"""Apache Kafka 4.3, one node on the loopback, under the same seam as the embedded broker."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.local.apache.fetch import jars, java
from deploy.local.apache.ready import takes_part
from deploy.local.errors import StartError
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.process import Server
from deploy.rights.acls import SERVICES, all_rules, rules_of_reader
from deploy.rights.login import ADMIN, READER, Login

HERE = Path(__file__).parent
SETTINGS = HERE / "server.properties"
WITH_USERS = HERE / "users.properties"
LOGGING = HERE / "log4j2.yaml"
SERVER = "kafka.Kafka"
STORAGE = "kafka.tools.StorageTool"
ADMIN_FILE = "admin.env"


class ApacheBroker(Server):
    """Apache Kafka in KRaft mode. Topics and records stay in the folder over stops, kills, runs and changes of port.

    Knows InitProducerId: idempotent producers and transactions work. A first start formats the folder and takes two
    JVMs (about 6 s); after `kill` it comes back when its old registration has lapsed. Answers only when it would also
    write: `start` promises that topics can be made and records sent.

    ``users``: nobody does anything without a password (SCRAM), and each service only what `deploy/rights` says of it;
    `login` tells who comes how, and `admin.env` in its folder how the administrator does. Without: open to whoever
    reaches the loopback. ``prefix``: IEUM_TOPIC_PREFIX of the services. ``tls``: a folder with ca.pem and broker.pem
    (key and certificate) for two listeners more.
    """

    kind = "apache"
    name = "Apache Kafka"
    variable = "KAFKA_PORT"
    keeps_its_log = True
    idempotent_producer = True
    stop_seconds = 30.0

    def __init__(
        self, port: int, folder: Path, *, users: bool = False, prefix: str = "", tls: Path | None = None
    ) -> None:
        super().__init__(port, folder / "broker.log")
        self._folder = folder / "kafka"
        self.users, self._prefix, self._tls = users, prefix, tls
        self._controller, self._inner = free_port(), free_port()
        self.tls_port, self.mutual_port = free_port(), free_port()
        self._password = secrets.token_hex(32)
        self._granted = False

    def command(self) -> list[str]:
        settings = self._written_settings()
        if not (self._folder / "log" / "meta.properties").exists():
            self._format(settings)
        memory = ["-Xms256m", "-Xmx512m"]
        return [*self._java(*memory), SERVER, str(settings)]

    def start(self) -> None:
        super().start()
        if self.users and not self._granted:
            try:
                self._grant()
                _write(self._folder / ADMIN_FILE, self._admin_variables())
            except BaseException:
                self.kill()
                raise
            self._granted = True

    def answers(self) -> bool:
        return takes_part(self._inner, ADMIN, self._password) if self.users else takes_part(self.port)

    def login(self, user: str) -> Login:
        """The administrator has a listener of its own, and a password that lives as long as this process."""
        if not self.users:
            return Login(self.address)
        if user == ADMIN:
            return Login(f"{LOOPBACK}:{self._inner}", ADMIN, self._password, mechanism="PLAIN")
        return Login(self.address, user, self.passwords()[user])

    def passwords(self) -> dict[str, str]:
        """Of every user but the administrator; made once, kept beside the data for the owner alone."""
        file = self._folder / "users.json"
        if not file.exists():
            _write(file, json.dumps({user: secrets.token_hex(24) for user in (*SERVICES, READER)}))
        kept: dict[str, str] = json.loads(file.read_text())
        return kept

    def _admin_variables(self) -> str:
        """For `python -m deploy.rights.agency` while this runs: its settings hold the same password beside it."""
        admin = self.login(ADMIN)
        return f"KAFKA_ADMIN_ADDRESS={admin.address}\nKAFKA_ADMIN_PASSWORD={admin.password}\n"

    def _grant(self) -> None:
        from deploy.rights.kafka_admin import (  # not before it is needed: the doctor runs without packages
            KafkaError,
            apply,
        )

        rules = [*all_rules(self._prefix), *rules_of_reader(READER)]
        work = apply(self.login(ADMIN).arguments, self.passwords(), rules)
        with ThreadPoolExecutor(1) as apart:  # whoever calls may have an event loop of its own
            try:
                apart.submit(asyncio.run, work).result()
            except KafkaError as error:
                told = f"Apache Kafka did not take its users: {type(error).__name__}"
                raise StartError(told, f"read {self.log}") from None

    def _java(self, *flags: str) -> list[str]:
        logging = [f"-Dlog4j2.configurationFile={LOGGING}", f"-Dieum.log.level={'debug' if self.debug else 'warn'}"]
        return [java(), *flags, *logging, "-cp", f"{jars()}/*"]

    def _written_settings(self) -> Path:
        of_this_run = {
            "controller.quorum.voters": f"1@{LOOPBACK}:{self._controller}",
            "log.dirs": str(self._folder / "log"),
            **(self._with_users() if self.users else self._open()),
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / "server.properties"
        lines = "".join(f"{name}={value}\n" for name, value in of_this_run.items())
        more = WITH_USERS.read_text() if self.users else ""
        _write(file, f"{SETTINGS.read_text()}\n{more}\n{lines}")
        return file

    def _open(self) -> dict[str, str]:
        return {
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{LOOPBACK}:{self._controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        }

    def _with_users(self) -> dict[str, str]:
        module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        itself = f'{module} username="{ADMIN}" password="{self._password}" user_{ADMIN}="{self._password}";'
        advertised = f"CLIENTS://{self.address},INNER://{LOOPBACK}:{self._inner}"
        found = {f"listener.name.{name}.plain.sasl.jaas.config": itself for name in ("inner", "controller")}
        if self._tls is not None:
            advertised += f",TLS://{LOOPBACK}:{self.tls_port},MUTUAL://{LOOPBACK}:{self.mutual_port}"
            found |= {
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(self._tls / "broker.pem"),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(self._tls / "ca.pem"),
            }
        return found | {
            "listeners": f"{advertised},CONTROLLER://{LOOPBACK}:{self._controller}",
            "advertised.listeners": advertised,
        }

    def _format(self, settings: Path) -> None:
        cluster = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]  # it runs for a second: optimizing does not pay
        # with "=": one of 64 ids begins with a minus, and would be taken for another option
        command = [*self._java(*quick), STORAGE, "format", f"--cluster-id={cluster}", "-c", str(settings)]
        run = subprocess.run(command, capture_output=True, text=True, check=False, env=self.environment())
        if run.returncode:
            said = "\n".join((run.stdout + run.stderr).splitlines()[-5:])
            raise StartError(f"Apache Kafka could not format {self._folder}:\n{said}", f"remove {self._folder}")


def _write(file: Path, text: str) -> None:
    """For the owner alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
