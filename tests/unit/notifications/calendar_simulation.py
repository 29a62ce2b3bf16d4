"""How time passes: MongoDB deletes what has ended long ago, months go by, clocks are set back. A part of a life
(simulation.py)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from services.notifications.documents import DELIVERIES, MATCHES, RESYNCS
from services.notifications.indexes_and_retention import INDEXES
from services.notifications.resync_request import request_resync
from shared.kit.store.store import Operation
from tests.unit.notifications.replica_simulation import Replicas

MONTHS = (timedelta(days=31), timedelta(days=91))  # longer than a match that ended is kept, and than a delivery
SET_BACK = (timedelta(minutes=5), timedelta(hours=3), timedelta(hours=26))
COMES_AGAIN = timedelta(days=14)  # for so long an event may (indexes_and_retention.py)


def _ttls() -> Iterator[tuple[str, str, timedelta]]:
    for collection, indexes in INDEXES.items():
        for index in indexes:
            if (seconds := index.document.get("expireAfterSeconds")) is not None:
                yield collection, next(iter(index.document["key"])), timedelta(seconds=seconds)


class Calendar(Replicas):
    """``heard``: what may come again."""

    heard: list[Any]

    def months(self) -> None:
        """Nothing happens meanwhile, and nothing that was under way is known of any more. What waits in order and may
        be set aside by then is not waited for, where nothing is to be given up."""
        if self.patient and any("blocks_since" in each for each in self.world.all(DELIVERIES)):
            return
        self.world.now += self.one(MONTHS)
        self.under_way = []
        for replica in list(self.replicas):
            self._another(replica)
        self.heard = [each for each in self.heard if each.time > self.world.now - COMES_AGAIN]
        if self.random.random() < 0.8:
            self.forget()

    def forget(self) -> None:
        """As MongoDB by its TTL indexes."""
        for collection, field, kept in _ttls():
            for each in self.world.store.all(collection):
                if field in each and each[field] + kept <= self.world.now:
                    del self.world.store.documents[collection][each["_id"]]
                    if collection == DELIVERIES.name:
                        self.world.forgotten.append(each)
                    assert collection != MATCHES.name or not each["stands"]

    def set_back(self) -> None:
        """All clocks, as after one that was wrong where nobody could doubt it: then everybody is gone through
        (fan_out/clock_recovery.py)."""
        before = self.world.now
        self.world.now -= self.one(SET_BACK)
        if self.world.now.date() < before.date():
            self.everybody_again()

    def everybody_again(self) -> None:
        """Every recipient is resynced."""
        for recipient in self.recipients:
            again = Operation(lambda work: [RESYNCS.by_id(recipient)], lambda work: request_resync(work, recipient))  # noqa: B023  performed at once
            self.world.perform(again)
