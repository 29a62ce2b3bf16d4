"""The seam to the driver, and the one place that knows how to open MongoDB: time-outs everywhere, majority writes,
aware UTC times. Motor is in maintenance: nobody else imports it, and docs/decisions/0019 says what takes its place."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from bson.codec_options import CodecOptions
from motor.frameworks.asyncio import run_on_executor
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
    AsyncIOMotorDatabase,
)
from pymongo import IndexModel
from pymongo.client_session import ClientSession
from pymongo.errors import ConfigurationError

T = TypeVar("T")
Document = dict[str, Any]
Client = AsyncIOMotorClient[Document]
Database = AsyncIOMotorDatabase[Document]
DriverCollection = AsyncIOMotorCollection
Session = AsyncIOMotorClientSession
DriverSession = ClientSession  # under it, without the event loop
UTC_CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)

APP_NAME = "ieum"  # in the database's own logs and lists of operations


class NoReplicaSet(ConfigurationError):
    """A server alone: it knows no transactions."""


def connect(url: str) -> Client:
    """A client; nothing is connected until it is used. Every call ends within about 20 s, whatever the server does.

    Raises ConfigurationError or ValueError for what is no address.
    Do not use ``timeoutMS`` instead of the socket time-out: it limits a cursor's whole life, so a long load would fail.
    Open it only after the replica set was initiated: a motor client from before keeps refusing sessions.
    """
    return AsyncIOMotorClient(
        url,
        tz_aware=True,
        tzinfo=UTC,
        w="majority",
        journal=True,
        readConcernLevel="majority",
        serverSelectionTimeoutMS=5_000,
        connectTimeoutMS=5_000,
        socketTimeoutMS=15_000,
        waitQueueTimeoutMS=10_000,
        appname=APP_NAME,
    )


async def in_one_turn(call: Callable[[], T]) -> T:
    """Call this in one of the driver's threads: several commands of its ``delegate``, without a turn for each.

    A cancel waits for it, and another one does, too: a thread cannot be cancelled, and what it has left to write in a
    transaction that was aborted meanwhile would be written outside of any.
    """
    run: Any = run_on_executor
    turn: asyncio.Future[T] = asyncio.ensure_future(run(asyncio.get_running_loop(), call))
    try:
        return await asyncio.shield(turn)
    except asyncio.CancelledError:
        while not turn.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([turn])
        raise


async def ping(client: Client, seconds: float = 5.0) -> None:
    """Raises PyMongoError when there is no writable primary that answers in time."""
    answer = await client.admin.command("hello", maxTimeMS=int(seconds * 1000))
    if not answer.get("setName"):
        raise NoReplicaSet("MongoDB must be a replica set: transactions need one")
    await client.admin.command("ping", maxTimeMS=int(seconds * 1000))


async def end_session(database: Database, owner: Document | None, mine: Mapping[str, Any]) -> None:
    """Whoever wrote before us: ``session`` of this document, unless it is ``mine``. The server aborts its open
    transaction, which would make ours wait for up to 90 s."""
    session = owner.get("session") if owner is not None else None
    if session is not None and session != dict(mine):
        await database.client.admin.command({"killSessions": [session]}, maxTimeMS=5_000)


async def server_time(client: Client) -> datetime:
    answer = await client.admin.command("hello", maxTimeMS=2_000)
    moment: datetime = answer["localTime"]
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


async def server_version(client: Client) -> tuple[int, ...]:
    return tuple(int(part) for part in (await client.server_info())["version"].split("-")[0].split("."))


async def ensure_indexes(database: Database, indexes: Mapping[str, Sequence[IndexModel]]) -> None:
    """Make the indexes that are missing. Safe from several replicas at once; raises when one exists differently."""
    for collection, models in indexes.items():
        if models:
            await database[collection].create_indexes(list(models))
