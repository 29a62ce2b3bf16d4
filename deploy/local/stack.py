"""The local stack: one broker and one database on the loopback, as one context."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from deploy.local.brokers import Broker, broker_of
from deploy.local.embedded.database import EmbeddedDatabase
from deploy.local.errors import PortTakenError
from deploy.local.folder import DATA, STACK, lock
from deploy.local.ports import free_port, require_free
from deploy.rights.login import Login


class LocalStack:
    """Start with `start()` or `with LocalStack(...) as stack:`; then `stack.kafka` and `stack.mongo_url` are ready for
    clients.

    Promises: both answer when `start` returns; the database keeps its data in `folder` over runs; one stack per folder;
    nothing outlives this process. Does not promise that the broker keeps anything: see `broker.keeps_its_log`.
    A port of 0 means any free one, kept over restarts. ``users``: the broker, if its kind knows users, lets each do
    only what is theirs, and `login` says how to come; without, whoever reaches the loopback may do everything.
    ``debug``: both log all they can, and the database writes its files uncompressed, for whoever searches them.
    ``cache_gb``: the database's cache; half a gigabyte is enough for samples and tests. ``parameters``: more of the
    database's. Either part can be hurt on its own: `stack.broker.kill()`, `stack.database.pause()`, and so on, as
    Server says.
    """

    broker: Broker
    database: EmbeddedDatabase

    def __init__(
        self,
        folder: Path = DATA / STACK,
        *,
        kafka_port: int = 0,
        mongo_port: int = 0,
        kind: str = "embedded",
        debug: bool = False,
        users: bool = False,
        cache_gb: float = 0.5,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self._wanted = (kafka_port, mongo_port)
        self._lock: IO[str] | None = None
        self._kind = kind
        self._debug = debug
        self._users = users
        self._cache_gb = cache_gb
        self._parameters = parameters
        self._choose()

    def _choose(self) -> None:
        kafka_port, mongo_port = self._wanted
        self.broker = broker_of(self._kind, kafka_port or free_port(), self.folder, users=self._users)
        self.database = EmbeddedDatabase(mongo_port or free_port(), self.folder, self._cache_gb, self._parameters)
        self.broker.debug = self.database.debug = self._debug

    @property
    def kafka(self) -> str:
        """Bootstrap address."""
        return self.broker.address

    def login(self, user: str) -> Login:
        """How a service, the `reader` or the `admin` comes to the broker."""
        return self.broker.login(user)

    @property
    def mongo_url(self) -> str:
        """Address of the replica set."""
        return self.database.url

    def start(self) -> Self:
        """Start both. Raises StartError (PortTakenError, folder in use, ...); then nothing is left running."""
        self._lock = lock(self.folder)
        try:
            for log in self.folder.glob("*.log"):
                log.unlink()  # of the run before
            self._start_both()
        except BaseException:
            self.stop()
            raise
        return self

    def _start_both(self, attempts: int = 3) -> None:
        for attempt in range(1, attempts + 1):
            try:
                for server in (self.database, self.broker):
                    require_free(server.port, server.variable)
                self.database.start()
                self.broker.start()
                return
            except PortTakenError:  # a free port can be lost between choosing it and starting on it
                if attempt == attempts or 0 not in self._wanted:
                    raise
                self.database.stop()
                self._choose()

    def stop(self) -> None:
        """Stop both cleanly, broker first, and free the folder. Safe to call twice."""
        try:
            self.broker.stop()
            self.database.stop()
        finally:
            self.kill()

    def kill(self) -> None:
        """kill -9 both and free the folder: faster than `stop`, and the database has its journal."""
        self.broker.kill()
        self.database.kill()
        if self._lock:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
