"""Apache Kafka 4.3, one node on the loopback, under the same seam as the embedded broker."""

from __future__ import annotations

import base64
import secrets
import socket
import struct
import subprocess
from pathlib import Path

from deploy.apache.fetch import jars, java
from deploy.embedded.errors import StartError
from deploy.embedded.ports import LOOPBACK, free_port
from deploy.embedded.process import Server

HERE = Path(__file__).parent
SETTINGS = HERE / "server.properties"
LOGGING = HERE / "log4j2.yaml"
SERVER = "kafka.Kafka"
STORAGE = "kafka.tools.StorageTool"


class ApacheBroker(Server):
    """Apache Kafka in KRaft mode. Topics and records stay in the folder over stops, kills, runs and changes of port.

    Knows InitProducerId: idempotent producers and transactions work. Has no users: loopback only. A first start formats
    the folder and takes two JVMs (about 6 s); after `kill` it comes back when its old registration has lapsed.
    Answers only when it would also write: `start` promises that topics can be made and records sent.
    """

    kind = "apache"
    name = "Apache Kafka"
    variable = "KAFKA_PORT"
    keeps_its_log = True
    idempotent_producer = True
    start_seconds = 90.0  # two JVMs, and after a kill the registration and the log's recovery, on a busy machine
    stop_seconds = 30.0

    def __init__(self, port: int, folder: Path) -> None:
        super().__init__(port, folder / "broker.log")
        self._folder = folder / "kafka"
        self._controller = free_port()

    def command(self) -> list[str]:
        settings = self._written_settings()
        if not (self._folder / "log" / "meta.properties").exists():
            self._format(settings)
        memory = ["-Xms256m", "-Xmx512m"]
        return [*self._java(*memory), SERVER, str(settings)]

    def answers(self) -> bool:
        return takes_part(self.port)

    def _java(self, *flags: str) -> list[str]:
        logging = [f"-Dlog4j2.configurationFile={LOGGING}", f"-Dieum.log.level={'debug' if self.debug else 'warn'}"]
        return [java(), *flags, *logging, "-cp", f"{jars()}/*"]

    def _written_settings(self) -> Path:
        listeners = f"PLAINTEXT://{self.address},CONTROLLER://{LOOPBACK}:{self._controller}"
        of_this_run = {
            "listeners": listeners,
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.quorum.voters": f"1@{LOOPBACK}:{self._controller}",
            "log.dirs": str(self._folder / "log"),
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / "server.properties"
        lines = "".join(f"{name}={value}\n" for name, value in of_this_run.items())
        file.write_text(f"{SETTINGS.read_text()}\n{lines}")
        return file

    def _format(self, settings: Path) -> None:
        cluster = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]  # it runs for a second: optimizing does not pay
        # with "=": one of 64 ids begins with a minus, and would be taken for another option
        command = [*self._java(*quick), STORAGE, "format", f"--cluster-id={cluster}", "-c", str(settings)]
        run = subprocess.run(command, capture_output=True, text=True, check=False, env=self.environment())
        if run.returncode:
            said = "\n".join((run.stdout + run.stderr).splitlines()[-5:])
            raise StartError(f"Apache Kafka could not format {self._folder}:\n{said}", f"remove {self._folder}")


def takes_part(port: int, seconds: float = 1.0) -> bool:
    """Whether the node lists itself as a broker in its answer to Metadata (key 3, version 1, asked for no topic).

    An answer alone is not enough: a node that has just started is fenced for a while, and refuses topics and records.
    """
    request = struct.pack(">hhihi", 3, 1, 7, -1, 0)  # correlation id 7, no client id, no topics
    try:
        with socket.create_connection((LOOPBACK, port), timeout=seconds) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            head = connection.recv(12, socket.MSG_WAITALL)
    except OSError:
        return False
    if len(head) < 12:
        return False
    brokers: int
    _, correlation, brokers = struct.unpack(">iii", head)
    return correlation == 7 and brokers > 0
