"""The one place where matching is put together."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import cast
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from services.matching.activity import NAME, Activity
from services.matching.api import routes
from services.matching.day import MatchingDay
from services.matching.domain.index import Index
from services.matching.fence import UnderLease
from services.matching.floors import following, prohibitions
from services.matching.handlers import SERVICE, handlers
from services.matching.repository import INDEXES, Repository
from services.matching.rules import rules_of
from services.matching.service import Matching
from services.matching.settings import MatchingSettings
from services.matching.window import Window
from shared.kit import metrics
from shared.kit.clock import Clock
from shared.kit.ids import Ids
from shared.kit.lease import Lease
from shared.kit.probes import Role
from shared.kit.service import Kit
from shared.kit.store import Store
from shared.reference import load_pack

WRITES = ("matches",)


def build(settings: MatchingSettings, clock: Clock | None = None) -> FastAPI:
    """The application, not started. Every replica answers reads; the one that holds the lease matches. ``clock``: a
    test's own."""
    pack = load_pack(settings.pack)
    zone = ZoneInfo(pack.timezone)

    clock = clock or Clock(timedelta(seconds=settings.calendar_offset_seconds))
    day = MatchingDay(clock, zone)
    matching = Matching(
        pack,
        Ids(settings.id_key_bytes),
        partial(Index, pack),
        day.to_match(),
        rules=rules_of(pack),
        netting_seconds=settings.netting_seconds,
    )
    stream = handlers(matching)
    floor_raised = asyncio.Event()
    road = prohibitions(SERVICE, floor_raised.set)
    kit = Kit(settings, streams=[road], held_streams=[stream], writes=WRITES, indexes=INDEXES, zone=zone, clock=clock)

    async def follow_the_store() -> None:
        kit.store.join(matching)

    def told(role: Role) -> None:
        kit.health.role = role

    def progress(done: int, of: int, waiting: int) -> None:
        kit.health.progress = {"loaded": done, "of": of, "waiting": waiting}
        metrics.openings_loaded.of().set(done)
        metrics.openings_to_load.of().set(of)
        metrics.matching_waiting.of().set(waiting)

    async def matcher() -> None:
        lease = Lease(kit.database, NAME, settings.instance, settings.lease_seconds)
        store = UnderLease(kit.store, lease)
        # cast: it is all of a store that a stream uses
        stream.bind(cast(Store, store), kit.topics, kit.quarantine, kit.observer)
        activity = Activity(
            matching,
            Repository(kit.database),
            store,
            stream,
            kit.topics,
            lease,
            day=day,
            day_check_seconds=settings.day_check_seconds,
            told=told,
            progress=progress,
            beside=partial(following(matching, store, floor_raised, kit.observer).run, kit.stopping),
        )
        await activity.run(kit.stopping)

    return kit.app(
        title="Ieum matching",
        routers=[routes(lambda: Window(Repository(kit.database), pack, day.to_show, clock))],
        loops=[matcher],
        before_streams=[follow_the_store],
    )
