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
from services.matching.fence import FencedStore
from services.matching.floors import following, prohibitions
from services.matching.handlers import SERVICE, handlers
from services.matching.repository import INDEXES, Repository
from services.matching.rules import rules_of
from services.matching.service import Matching
from services.matching.settings import MatchingSettings
from services.matching.window import Window
from shared.kit.base import metrics
from shared.kit.base.clock import Clock
from shared.kit.base.ids import Ids
from shared.kit.runtime.service import ServiceRuntime
from shared.kit.store.lease import Lease
from shared.kit.store.store import Store
from shared.kit.web.probes import Role
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
    runtime = ServiceRuntime(
        settings, streams=[road], held_streams=[stream], writes=WRITES, indexes=INDEXES, zone=zone, clock=clock
    )

    async def follow_the_store() -> None:
        runtime.store.join(matching)

    def told(role: Role) -> None:
        runtime.health.role = role

    def progress(done: int, of: int, waiting: int) -> None:
        runtime.health.progress = {"loaded": done, "of": of, "waiting": waiting}
        metrics.openings_loaded.of().set(done)
        metrics.openings_to_load.of().set(of)
        metrics.matching_waiting.of().set(waiting)

    async def matcher() -> None:
        lease = Lease(runtime.database, NAME, settings.instance, settings.lease_seconds)
        store = FencedStore(runtime.store, lease)
        # cast: it is all of a store that a stream uses
        stream.bind(cast(Store, store), runtime.topics, runtime.quarantine, runtime.observer)
        activity = Activity(
            matching,
            Repository(runtime.database),
            store,
            stream,
            runtime.topics,
            lease,
            day=day,
            day_check_seconds=settings.day_check_seconds,
            told=told,
            progress=progress,
            beside=partial(following(matching, store, floor_raised, runtime.observer).run, runtime.stopping),
        )
        await activity.run(runtime.stopping)

    return runtime.app(
        title="Ieum matching",
        routers=[routes(lambda: Window(Repository(runtime.database), pack, day.to_show, clock))],
        loops=[matcher],
        before_streams=[follow_the_store],
    )
