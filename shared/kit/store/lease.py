"""One holder at a time, by MongoDB's clock."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pymongo
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from shared.kit.base.backoff import wait_or_stop
from shared.kit.base.logs import logger
from shared.kit.store.mongo import Database, DriverSession, end_session

COLLECTION = "leases"
_log = logger("lease")
_NOBODY = {"owner": "", "token": "", "epoch": 0, "until": datetime.fromtimestamp(0, UTC)}
_TAKEN: dict[str, Any] = {"return_document": ReturnDocument.AFTER, "maxTimeMS": 5_000}


class LeaseLost(Exception):
    """Somebody else holds it, or nobody: nothing may be written under it."""


class Lease:
    """A named right that one owner holds for ``seconds`` and renews.

    Promises: at most one owner believes in holding it (the server's clock decides; the holder stops believing earlier
    than the server does); ``epoch`` grows with every change of holder. A process that starts again under the same owner
    name takes over at once, and one of that name that lingers learns of it at its next renewal. Does not by itself stop
    a holder that was frozen and wakes up: whoever writes under a lease calls ``take_over_session`` once
    and ``assert_held`` in every transaction.
    """

    def __init__(
        self, database: Database, name: str, owner: str, seconds: float = 10.0, stuck_seconds: float = 60.0
    ) -> None:
        self.name, self.owner, self.seconds, self.stuck_seconds = name, owner, seconds, stuck_seconds
        self.epoch = 0
        self._token = secrets.token_hex(8)  # this process; a restarted one has another
        self._database = database
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
        return await asyncio.to_thread(self.acquire_now)

    def acquire_now(self) -> bool:
        """The same on this thread, by the driver that lies under the asynchronous one."""
        asked = time.monotonic()
        leases = self._leases.delegate
        if not self._known:
            with contextlib.suppress(DuplicateKeyError):  # somebody else was quicker
                leases.update_one({"_id": self.name}, {"$setOnInsert": _NOBODY}, upsert=True)
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
        document = leases.find_one_and_update({"_id": self.name, "$or": free}, [{"$set": change}], **_TAKEN)
        if document is None:
            self._until = 0.0
            return False
        self.epoch = document["epoch"]
        self._until = asked + self.seconds * 0.8
        return True

    async def take_over_session(self, session_id: Mapping[str, Any]) -> None:
        """End the open transaction of whoever sat here before; from now on this session writes under the lease.

        Before it loads anything a new holder calls this, also when it was the holder before. Raises LeaseLost.
        """
        before = await self._leases.find_one_and_update(
            self._ours, {"$set": {"session": dict(session_id)}}, maxTimeMS=5_000
        )
        if before is None:
            raise LeaseLost(self.name)
        await end_session(self._database, before, session_id)

    def assert_held(self, session: DriverSession) -> None:
        """In a transaction: raise LeaseLost unless the lease was ours in the transaction's snapshot.

        It only reads. A write would make the successor wait until a frozen holder's transaction has timed out; a
        transaction whose snapshot is from before the succession is ended by the successor's
        ``take_over_session`` instead.
        """
        if self._leases.delegate.find_one(self._ours, {"_id": 1}, session=session) is None:
            raise LeaseLost(self.name)

    @property
    def _ours(self) -> dict[str, Any]:
        return {"_id": self.name, "token": self._token, "owner": self.owner}

    async def release(self) -> None:
        self._until = 0.0
        await self._leases.update_one(
            {"_id": self.name, "token": self._token}, [{"$set": {"until": "$$NOW", "owner": ""}}]
        )

    async def keep(
        self, gained: Callable[[], Awaitable[None]], lost: Callable[[], Awaitable[None]], stopping: asyncio.Event
    ) -> None:
        """Until ``stopping``: try to hold it; call ``gained`` when it becomes ours and ``lost`` when it no longer is.

        Both run here, one after the other; ``gained`` must return soon (start things, do not be them). It is renewed by
        a thread, so that work which keeps the event loop for longer than the lease does not lose it; but only while the
        loop comes by here now and then (``stuck_seconds``): a process that stands still for good is succeeded. While
        MongoDB is away the lease runs out by the local clock, ``lost`` is called that moment. Ends with ``lost`` and a
        release.
        """
        renewing = _Renewing(self)
        held_epoch = 0  # 0: not on
        renewing.start()
        try:
            while not stopping.is_set():
                renewing.progress = time.monotonic()
                epoch = self.epoch if self.held else 0
                if held_epoch and epoch != held_epoch:
                    held_epoch = 0
                    await lost()
                elif epoch and not held_epoch:
                    held_epoch = epoch
                    await gained()
                look_again = self.seconds * 0.05
                await wait_or_stop(stopping, min(look_again, self.left or look_again))
        finally:
            await asyncio.to_thread(renewing.stop)
            if held_epoch:
                await lost()
            try:
                await self.release()
            except PyMongoError:
                self._until = 0.0  # it runs out by itself


class _Renewing(threading.Thread):
    """Asks for the lease again and again."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(name=f"lease {lease.name}", daemon=True)
        self._lease = lease
        self._ended = threading.Event()
        self.progress = time.monotonic()  # when the event loop last came by

    def run(self) -> None:
        while not self._ended.is_set():
            if time.monotonic() - self.progress < self._lease.stuck_seconds:
                try:
                    with pymongo.timeout(max(self._lease.seconds * 0.3, 0.5)):
                        self._lease.acquire_now()
                except PyMongoError:
                    pass  # held says until when the last answer is good for
                except Exception:  # also what nobody foresaw: without this thread it is never asked for again
                    _log.exception("lease_not_asked_for")
            self._ended.wait(self._lease.seconds * 0.2)

    def stop(self) -> None:
        """End; what is asked right now is waited for, but not long."""
        self._ended.set()
        self.join(timeout=2.0)
