"""Readers of feeds at will: page by page, from a cursor they lost or by files, and snapshots whose pages others come
between. A part of a life (simulation.py)."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from services.notifications.acknowledgements import Deliveries
from services.notifications.channels.feed_files import FeedFiles
from services.notifications.channels.feed_reader import LAST, FeedReader
from services.notifications.channels.feed_snapshot import FeedSnapshot
from services.notifications.documents import DELIVERIES, FEED, SUBSCRIPTIONS
from shared.kit.web.problems import Problem
from tests.support.memory_store import at_once
from tests.unit.notifications.world import World, holding
from tests.unit.notifications.world_store import WorldStore

PIECE = 2  # entries of a page


class Feeds:
    """``told``: by agency, what its reader has been told since its feed began, or by its last snapshot and since."""

    def __init__(self, random: Random, world: World, agencies: Sequence[str]) -> None:
        over, queues, nothing = WorldStore(world), world.reconciler.queues, asyncio.Event()
        self._random, self._world, self._agencies = random, world, agencies
        self._reader = FeedReader(
            world.feed, over.store, over.repository, queues, world.messages, world.sealer, self._today, nothing
        )
        self._snapshots = FeedSnapshot(
            *(self._reader, over.store, over.repository, queues, world.messages, world.ids, world.sealer), self._today
        )
        acknowledgements = Deliveries(over.store, over.repository, queues, world.outcomes)
        self._files = FeedFiles(self._reader, over.store, over.repository, acknowledgements, world.ids, self._today)
        self.told: defaultdict[str, list[Any]] = defaultdict(list)
        self._of: dict[str, str] = {}  # of which feed of the agency that is
        self._cursors = Counter[str]()
        self._pages: dict[str, tuple[str | None, list[Any]]] = {}  # of snapshots that are being read

    @staticmethod
    def _today(now: Any) -> Any:
        return now.date()

    def feed_of(self, agency: str) -> str | None:
        """Which an agency has; one that begins anew is read by a reader that holds nothing."""
        found = self._world.all(SUBSCRIPTIONS, agency=agency, channel=FEED, state="active")
        now = found[0]["_id"] if found else None
        if self._of.get(agency) != now:
            self._of[agency] = now or ""
            self.told.pop(agency, None)
            self._pages.pop(agency, None)
        return now

    def read(self, agency: str) -> bool:
        """One page; whether there was any entry."""
        self.feed_of(agency)
        before = self._cursors[agency]
        events, self._cursors[agency] = self._world.pull(agency, before, PIECE)
        self.told[agency] += events
        return self._cursors[agency] != before

    def lose_cursor(self, agency: str) -> None:
        """It begins anew, or where it is by our own book. It keeps what it has read of a snapshot."""
        self.told[agency] += self._pages.get(agency, (None, []))[1]
        after = self._random.choice((None, LAST))
        self._cursors[agency] = at_once(self._reader.place(agency, after)).position

    def read_snapshot(self, agency: str) -> None:
        """One page. Behind the last one it holds nothing else."""
        if self.feed_of(agency) is None:
            return
        token, events = self._pages.pop(agency, (None, []))
        page = at_once(self._snapshots.page(agency, token))
        self._world.partners[agency] += page.events
        events = events + page.events
        if page.next is not None:
            self._pages[agency] = page.next, events
            return
        begins = at_once(self._reader.place(agency, page.cursor)).position
        own = self._world.all(DELIVERIES, recipient=agency, channel=FEED)
        again = {each["notice"] for each in own if each["position"] > begins}  # it reads them next
        self._world.partners[agency] += [e for e in _dropped(self.told[agency], events) if e["id"] not in again]
        self.told[agency] = events
        self._cursors[agency] = begins

    def read_file(self, agency: str) -> None:
        """Of any day; and perhaps it says that it has all of it."""
        if self.feed_of(agency) is None or not (days := at_once(self._files.days(agency))):
            return
        try:
            (file,) = at_once(self._files.look(agency, self._random.choice(days[:3]), ["jsonl"]))
        except Problem:
            if self._world.doubt:  # 503
                return
            raise
        given = at_once(_all(self._files.give(agency, file, 0, file.size, _still)))
        events = [json.loads(line) for line in given.splitlines()]
        assert len(events) == file.lines
        for event in events:
            event.pop("takesback", None)
        self._world.partners[agency] += events
        self.told[agency] += events
        said: Callable[..., Any] = self._random.choice((self._files.arrived, self._files.acknowledge, _nothing))
        at_once(said(agency, file))


def _dropped(before: Sequence[Any], snapshot: Sequence[Any]) -> list[Any]:
    """As if it had been told the end of what it held by its feed and is not in a snapshot."""
    gone, newest = holding([*before]) - holding([*snapshot]), dict[Any, Any]()
    for event in before:
        key = event["data"]["alias"], event["data"].get("opportunity")
        if key in gone and event["data"]["version"] >= newest.get(key, event)["data"]["version"]:
            newest[key] = event
    return [
        {**told, "data": {**told["data"], "state": "ended", "version": told["data"]["version"] + 0.5}}
        for told in newest.values()
    ]


async def _all(pieces: Any) -> bytes:
    return b"".join([each async for each in pieces])


async def _still() -> None:
    pass


async def _nothing(*_: Any) -> None:
    pass
