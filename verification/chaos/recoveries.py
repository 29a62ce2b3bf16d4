"""Recoveries and rebalances, seen from outside: in the checkpoints that the services keep in their databases.

A service has recovered when a partition that the target owned has been claimed anew and a record of it is done. It is
seen within a tenth of a second of its commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import pymongo
from pymongo.errors import PyMongoError

from verification.harness.keyring import SERVICES

POLL_SECONDS = 0.1
SAME_REBALANCE_SECONDS = 3.0  # partitions are claimed as their records come: what follows so soon belongs together
Partition = tuple[str, int]


class ObservedCheckpoint(NamedTuple):
    """A checkpoint of the newest log of a partition. ``claimed``: seconds since 1970."""

    id: str
    owner: str
    epoch: int
    offset: int
    claimed: float


Checkpoints = Mapping[Partition, ObservedCheckpoint]


@dataclass
class Recovery:
    """One target's way back. ``partitions``: the checkpoints of the partitions it owned, as it left them; when there
    were none yet, the first record of any counts. ``claimed_anew``: only what a successor does counts; ``other_log``:
    only what is done in the log that the broker began with."""

    service: str
    what: str
    began: float
    partitions: dict[Partition, ObservedCheckpoint]
    claimed_anew: bool = True
    other_log: bool = False
    seconds: float | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def poll(self, checkpoints: Checkpoints, now: float) -> bool:
        """Whether a record of its partitions is done by whoever came after."""
        if not self.partitions:  # the fault came before its first record
            self.partitions |= {
                partition: checkpoint._replace(offset=-1)
                for partition, checkpoint in checkpoints.items()
                if checkpoint.claimed > self.began
            }
        for partition, before in self.partitions.items():
            checkpoint = checkpoints.get(partition)
            if checkpoint is None:
                continue
            if self.other_log and checkpoint.id == before.id:
                continue
            if self.claimed_anew and checkpoint.id == before.id and checkpoint.claimed <= self.began:
                self.partitions[partition] = checkpoint  # still the target's: what it does now is not its successor's
            elif checkpoint.offset > (before.offset if checkpoint.id == before.id else -1):
                self.seconds = now - self.began
                self.done.set()
                return True
        return False


def unrecovered(recoveries: Iterable[Recovery], behind: Mapping[str, int]) -> list[str]:
    """Those without an end whose partitions still hold records, in words; ``behind``: as `topic_reader` says.

    One whose partitions hold nothing more had nothing to do: that is no fault.
    """
    found = []
    for each in recoveries:
        names = (f"{each.service} reads {topic}/{partition}" for topic, partition in each.partitions)
        left = sum(behind.get(name, 0) for name in names)
        if each.seconds is None and left:
            found.append(f"{each.service} did no record again after {each.what}, although {left} waited for it")
    return found


class RecoveryWatch:
    """Looks ten times a second while `run` runs."""

    def __init__(self, mongo_url: str) -> None:
        self._client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
            mongo_url, tz_aware=True, serverSelectionTimeoutMS=500, socketTimeoutMS=2_000, connectTimeoutMS=500
        )
        self._checkpoints: dict[str, Checkpoints] = {service: {} for service in SERVICES}
        self._pending: list[Recovery] = []
        self._changed: dict[str, float] = {}
        self.rebalances = 0

    async def run(self) -> None:
        """For ever; a database that is away is not looked at."""
        while True:
            await self.poll()
            await asyncio.sleep(POLL_SECONDS)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    async def poll(self) -> None:
        """Look now."""
        with contextlib.suppress(PyMongoError):
            found = await asyncio.to_thread(self._read)
            now = time.time()
            for service, checkpoints in found.items():
                self._rebalanced(service, self._checkpoints[service], checkpoints)
            self._checkpoints = found
            self._pending = [each for each in self._pending if not each.poll(found[each.service], now)]

    def began(self, service: str, owner: str, what: str, at: float) -> Recovery:
        """There was a fault in a replica at that moment: how long until its partitions are worked on again?"""
        own = {
            partition: checkpoint
            for partition, checkpoint in self._checkpoints[service].items()
            if checkpoint.owner == owner
        }
        if not own and owner.endswith("-2"):
            recovery = Recovery(service, what, at, {}, seconds=0.0)
            recovery.done.set()
            return recovery
        return self._add(Recovery(service, what, at, own or dict(self._checkpoints[service])))

    def away(self, service: str, what: str, at: float, forgot: bool) -> Recovery:
        """There was a fault of broker or database: how long until the service does any record, claimed anew or not?"""
        checkpoints = dict(self._checkpoints[service])
        return self._add(Recovery(service, what, at, checkpoints, claimed_anew=False, other_log=forgot))

    def _add(self, recovery: Recovery) -> Recovery:
        self._pending.append(recovery)
        return recovery

    def _rebalanced(self, service: str, before: Checkpoints, now: Checkpoints) -> None:
        moved = any(
            partition in before and before[partition].owner != checkpoint.owner for partition, checkpoint in now.items()
        )
        moment = time.monotonic()
        if moved:
            if moment - self._changed.get(service, -1e9) > SAME_REBALANCE_SECONDS:
                self.rebalances += 1
            self._changed[service] = moment

    def _read(self) -> dict[str, Checkpoints]:
        return {service: _newest(self._client[service]["checkpoints"].find({})) for service in SERVICES}


def _newest(documents: Any) -> Checkpoints:
    found: dict[Partition, ObservedCheckpoint] = {}
    for document in documents:
        if "@" in document["_id"].partition("/")[0]:  # read by every replica for itself: nobody takes it over
            continue
        claimed: datetime = document["claimed"]
        partition = (document["topic"], int(document["_id"].rpartition("/")[2]))
        checkpoint = ObservedCheckpoint(
            document["_id"], document["owner"], document["epoch"], document["offset"], claimed.timestamp()
        )
        if partition not in found or found[partition].claimed <= checkpoint.claimed:
            found[partition] = checkpoint
    return found
