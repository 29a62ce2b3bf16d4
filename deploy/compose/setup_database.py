"""The replica set, an administrator and a user per service. Runs once per `up`, inside the database's network.

Safe to repeat: passwords become what the environment says. MongoDB lets a client on its own loopback make the very
first user; from then on the administrator does. Needs pymongo. Prints names, never passwords.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

ADMIN = "admin"
SERVICES = ("intake", "matching", "notifications")
MEMBER = "database:27017"
REPLICA_SET = "rs0"
SECONDS = 60
ALREADY_INITIALIZED, AUTHENTICATION_FAILED, UNAUTHORIZED, USER_EXISTS, ROLE_EXISTS = 23, 18, 13, 51003, 51002
USER_NOT_FOUND = 11

Client = MongoClient[dict[str, Any]]


def main() -> int:
    """0 when everything is as it must be; 1 with the reason when it cannot be."""
    try:
        with _client() as anonymous:
            _initiate(anonymous)
            _wait_for_primary(anonymous)
            _make_administrator(anonymous)
        with _client(username=ADMIN, password=os.environ["MONGO_ADMIN_PASSWORD"]) as administrator:
            for service in SERVICES:
                _make_user(administrator, service, os.environ[f"{service.upper()}_MONGO_PASSWORD"])
            make_reader(administrator, os.environ.get("READER_PASSWORD"))
    except OperationFailure as error:
        if error.code != AUTHENTICATION_FAILED:
            raise
        print(
            "the administrator's password is another one than when this volume was made\n"
            "  -> put the former .env back, or give up all data: docker compose down --volumes",
            file=sys.stderr,
        )
        return 1
    except PyMongoError as error:
        print(f"MongoDB: {type(error).__name__}", file=sys.stderr)
        return 1
    print(f"replica set {REPLICA_SET}, users: {ADMIN}, {', '.join(SERVICES)}")
    return 0


def _client(**who: Any) -> Client:
    return MongoClient("127.0.0.1", directConnection=True, serverSelectionTimeoutMS=SECONDS * 1000, **who)


def _initiate(client: Client) -> None:
    members = [{"_id": 0, "host": MEMBER}]
    try:
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
    except OperationFailure as error:
        if error.code not in (ALREADY_INITIALIZED, UNAUTHORIZED):  # the latter: users exist, so it was done before
            raise


def _wait_for_primary(client: Client) -> None:
    end = time.monotonic() + SECONDS
    while not client.admin.command("hello").get("isWritablePrimary"):
        if time.monotonic() > end:
            raise PyMongoError("no primary")
        time.sleep(0.2)


def _make_administrator(client: Client) -> None:
    try:
        password = os.environ["MONGO_ADMIN_PASSWORD"]
        client.admin.command("createUser", ADMIN, pwd=password, roles=["userAdminAnyDatabase", "clusterMonitor"])
    except OperationFailure as error:
        if error.code != UNAUTHORIZED:  # there is a first user already
            raise


def _make_user(client: Client, name: str, password: str) -> None:
    """A user in the service's own database, who may read and write there and nowhere else.

    `collMod` besides: intake puts a validator on the collection of identities, which refuses any that are not sealed.
    """
    privileges = [{"resource": {"db": name, "collection": ""}, "actions": ["collMod"]}]
    _make(client, name, "Role", f"{name}-service", privileges=privileges, roles=["readWrite"])
    _make(client, name, "User", name, pwd=password, roles=[f"{name}-service"])


def make_reader(client: Client, password: str | None) -> None:
    """The oracle of the demo reads all databases; without a password for it there is no such user (any more)."""
    if password:
        _make(client, ADMIN, "User", "reader", pwd=password, roles=["readAnyDatabase"])
        return
    try:
        client[ADMIN].command("dropUser", "reader")
    except OperationFailure as error:
        if error.code != USER_NOT_FOUND:
            raise


def _make(client: Client, database: str, kind: str, name: str, **as_follows: Any) -> None:
    """Make a user or role, or change the one that is there."""
    try:
        client[database].command(f"create{kind}", name, **as_follows)
    except OperationFailure as error:
        if error.code not in (USER_EXISTS, ROLE_EXISTS):
            raise
        client[database].command(f"update{kind}", name, **as_follows)


if __name__ == "__main__":
    sys.exit(main())
