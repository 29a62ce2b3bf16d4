"""One holder at a time, by MongoDB's clock."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from shared.kit.mongo import Database

COLLECTION = "leases"


class LeaseLost(Exception):
    """Somebody else holds it, or nobody: nothing may be written under it."""


class Lease:
    """A named right that one owner holds for ``seconds`` and renews.

    Promises: at most one owner believes in holding it (the server's clock decides; the holder stops believing earlier
    than the server does); ``epoch`` grows with every change of holder. A process that starts again under the same owner
    name takes over at once, and one of that name that lingers learns of it at its next renewal. Does not by itself stop
    a holder that was frozen and wakes up: whoever writes under a lease takes its ``seat`` once and asks the ``fence``
    in every transaction.
    """

    def __init__(self, database: Database, name: str, owner: str, seconds: float = 10.0) -> None:
        self.name, self.owner, self.seconds = name, owner, seconds
        self.epoch = 0
        self._token = secrets.token_hex(8)  # this process; a restarted one has another
        self._leases = database[COLLECTION]
        self._until = 0.0
        self._known = False

    @property
    def held(self) -> bool:
        """Whether it is ours right now, as far as this process can know without asking."""
        return self.left > 0

    @property
    def left(self) -> float:
        """How many seconds longer it is ours, as far as this process can know without asking."""
        return max(0.0, self._until - time.monotonic())

    async def acquire(self) -> bool:
        """Take or renew it; False when somebody else holds it. Raises PyMongoError when MongoDB does not answer."""
        asked = time.monotonic()
        if not self._known:
            nobody = {"owner": "", "token": "", "epoch": 0, "until": datetime.fromtimestamp(0, UTC)}
            with contextlib.suppress(DuplicateKeyError):  # somebody else was quicker
                await self._leases.update_one({"_id": self.name}, {"$setOnInsert": nobody}, upsert=True)
            self._known = True
        mine = {"$eq": ["$token", self._token]}
        free: list[dict[str, Any]] = [{"token": self._token}, {"$expr": {"$lte": ["$until", "$$NOW"]}}]
        if not self.epoch:  # only who has just begun may succeed its own name, else two of a name would take turns
            free.append({"owner": self.owner})
        change = {
            "owner": {"$literal": self.owner},
            "token": self._token,
            "epoch": {"$cond": [mine, "$epoch", {"$add": ["$epoch", 1]}]},
            "until": {"$add": ["$$NOW", int(self.seconds * 1000)]},
        }
        document = await self._leases.find_one_and_update(
            {"_id": self.name, "$or": free}, [{"$set": change}], return_document=ReturnDocument.AFTER, maxTimeMS=5_000
        )
        if document is None:
            self._until = 0.0
            return False
        self.epoch = document["epoch"]
        self._until = asked + self.seconds * 0.8
        return True

    async def seat(self, session_id: Mapping[str, Any]) -> None:
        """End the open transaction of whoever sat here before; from now on this session writes under the lease.

        Before it loads anything a new holder calls this, also when it was the holder before. Raises LeaseLost.
        """
        before = await self._leases.find_one_and_update(
            self._ours, {"$set": {"session": dict(session_id)}}, maxTimeMS=5_000
        )
        if before is None:
            raise LeaseLost(self.name)
        left = before.get("session")
        if left is not None and left != dict(session_id):
            await self._leases.database.client.admin.command({"killSessions": [left]}, maxTimeMS=5_000)

    async def fence(self, session: AsyncIOMotorClientSession) -> None:
        """In a transaction: raise LeaseLost unless the lease was ours in the transaction's snapshot.

        It only reads. A write would make the successor wait until a frozen holder's transaction has timed out; a
        transaction whose snapshot is from before the succession is ended by the successor's ``seat`` instead.
        """
        if await self._leases.find_one(self._ours, {"_id": 1}, session=session) is None:
            raise LeaseLost(self.name)

    @property
    def _ours(self) -> dict[str, Any]:
        return {"_id": self.name, "token": self._token, "owner": self.owner}

    def _at_most(self, share: float) -> float:
        """So many seconds, but not beyond the moment from which it is held no longer."""
        return min(self.seconds * share, max(0.0, self._until - time.monotonic()))

    async def release(self) -> None:
        """Give it up, if it is ours."""
        self._until = 0.0
        await self._leases.update_one(
            {"_id": self.name, "token": self._token}, [{"$set": {"until": "$$NOW", "owner": ""}}]
        )

    async def keep(
        self, gained: Callable[[], Awaitable[None]], lost: Callable[[], Awaitable[None]], stopping: asyncio.Event
    ) -> None:
        """Until ``stopping``: try to hold it; call ``gained`` when it becomes ours and ``lost`` when it no longer is.

        Both run here, one after the other; ``gained`` must return soon (start things, do not be them). While MongoDB is
        away the lease runs out by the local clock, ``lost`` is called that moment. Ends with ``lost`` and a release.
        """
        on = False
        try:
            while not stopping.is_set():
                try:
                    async with asyncio.timeout(self._at_most(0.3) if on else self.seconds * 0.3):
                        await self.acquire()
                except (PyMongoError, TimeoutError):
                    pass  # held says until when the last answer is good for
                if self.held and not on:
                    on = True
                    await gained()
                elif on and not self.held:
                    on = False
                    await lost()
                try:
                    async with asyncio.timeout(self._at_most(0.2) if on else self.seconds * 0.2):
                        await stopping.wait()
                except TimeoutError:
                    continue
        finally:
            if on:
                await lost()
            try:
                await self.release()
            except PyMongoError:
                self._until = 0.0  # it runs out by itself
