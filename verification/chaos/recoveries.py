"""Recoveries and rebalances, seen from outside: in the checkpoints that the services keep in their databases.

A service has recovered when a partition that the victim owned has been claimed anew and a record of it is done. It is
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

LOOK_SECONDS = 0.1
SAME_REBALANCE_SECONDS = 3.0  # partitions are claimed as their records come: what follows so soon belongs together
Place = tuple[str, int]


class Mark(NamedTuple):
    """A checkpoint of the newest log of a partition. ``claimed``: seconds since 1970."""

    id: str
    owner: str
    epoch: int
    offset: int
    claimed: float


Marks = Mapping[Place, Mark]


@dataclass
class Recovery:
    """One victim's way back. ``places``: the marks of the partitions it owned, as it left them; when there were none
    yet, the first record of any counts. ``claimed_anew``: only what a successor does counts; ``other_log``: only what
    is done in the log that the broker began with."""

    service: str
    what: str
    began: float
    places: dict[Place, Mark]
    claimed_anew: bool = True
    other_log: bool = False
    seconds: float | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def look(self, marks: Marks, now: float) -> bool:
        """Whether a record of its partitions is done by whoever came after."""
        if not self.places:  # it was hurt before its first record
            self.places |= {
                place: mark._replace(offset=-1) for place, mark in marks.items() if mark.claimed > self.began
            }
        for place, before in self.places.items():
            mark = marks.get(place)
            if mark is None:
                continue
            if self.other_log and mark.id == before.id:
                continue
            if self.claimed_anew and mark.id == before.id and mark.claimed <= self.began:
                self.places[place] = mark  # still the victim's: what it does now is not its successor's
            elif mark.offset > (before.offset if mark.id == before.id else -1):
                self.seconds = now - self.began
                self.done.set()
                return True
        return False


def never_again(recoveries: Iterable[Recovery], behind: Mapping[str, int]) -> list[str]:
    """Those without an end whose partitions still hold records, in words; ``behind``: as `topic_reader` says.

    One whose partitions hold nothing more had nothing to do: that is no fault.
    """
    found = []
    for each in recoveries:
        names = (f"{each.service} reads {topic}/{partition}" for topic, partition in each.places)
        left = sum(behind.get(name, 0) for name in names)
        if each.seconds is None and left:
            found.append(f"{each.service} did no record again after {each.what}, although {left} waited for it")
    return found


class Watch:
    """Looks ten times a second while `run` runs."""

    def __init__(self, mongo_url: str) -> None:
        self._client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
            mongo_url, tz_aware=True, serverSelectionTimeoutMS=500, socketTimeoutMS=2_000, connectTimeoutMS=500
        )
        self._marks: dict[str, Marks] = {service: {} for service in SERVICES}
        self._pending: list[Recovery] = []
        self._changed: dict[str, float] = {}
        self.rebalances = 0

    async def run(self) -> None:
        """For ever; a database that is away is not looked at."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    async def look(self) -> None:
        """Look now."""
        with contextlib.suppress(PyMongoError):
            found = await asyncio.to_thread(self._read)
            now = time.time()
            for service, marks in found.items():
                self._rebalanced(service, self._marks[service], marks)
            self._marks = found
            self._pending = [each for each in self._pending if not each.look(found[each.service], now)]

    def began(self, service: str, owner: str, what: str, at: float) -> Recovery:
        """A replica of a service was hurt at that moment: how long until its partitions are worked on again?"""
        own = {place: mark for place, mark in self._marks[service].items() if mark.owner == owner}
        if not own and owner.endswith("-2"):
            recovery = Recovery(service, what, at, {}, seconds=0.0)
            recovery.done.set()
            return recovery
        return self._add(Recovery(service, what, at, own or dict(self._marks[service])))

    def away(self, service: str, what: str, at: float, forgot: bool) -> Recovery:
        """The broker or the database was hurt: how long until the service does any record, claimed anew or not?"""
        marks = dict(self._marks[service])
        return self._add(Recovery(service, what, at, marks, claimed_anew=False, other_log=forgot))

    def _add(self, recovery: Recovery) -> Recovery:
        self._pending.append(recovery)
        return recovery

    def _rebalanced(self, service: str, before: Marks, now: Marks) -> None:
        moved = any(place in before and before[place].owner != mark.owner for place, mark in now.items())
        moment = time.monotonic()
        if moved:
            if moment - self._changed.get(service, -1e9) > SAME_REBALANCE_SECONDS:
                self.rebalances += 1
            self._changed[service] = moment

    def _read(self) -> dict[str, Marks]:
        return {service: _newest(self._client[service]["checkpoints"].find({})) for service in SERVICES}


def _newest(documents: Any) -> Marks:
    found: dict[Place, Mark] = {}
    for document in documents:
        if "@" in document["_id"].partition("/")[0]:  # read by every replica for itself: nobody takes it over
            continue
        claimed: datetime = document["claimed"]
        place = (document["topic"], int(document["_id"].rpartition("/")[2]))
        mark = Mark(document["_id"], document["owner"], document["epoch"], document["offset"], claimed.timestamp())
        if place not in found or found[place].claimed <= mark.claimed:
            found[place] = mark
    return found
