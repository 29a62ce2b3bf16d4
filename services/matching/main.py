"""Composition root: the one place where matching is put together."""

from __future__ import annotations

import asyncio
import sys
from datetime import date, timedelta
from functools import partial
from typing import cast
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from services.matching import metrics
from services.matching.active_matcher import NAME, ActiveMatcher
from services.matching.api import routes
from services.matching.domain.match_index import MatchIndex
from services.matching.fenced_store import FencedStore
from services.matching.indexes_and_retention import INDEXES
from services.matching.kafka_handlers import matching_stream, prohibitions_stream
from services.matching.matching_day import MatchingDay
from services.matching.next_steps_search import NextStepsSearch
from services.matching.openings_api import opening_routes
from services.matching.people_access import PeopleAccess
from services.matching.prohibition_follow_up import floor_follow_up
from services.matching.queries import MatchQueries
from services.matching.repository import Repository
from services.matching.rounds.api import round_routes
from services.matching.rounds.round_job import RoundJob
from services.matching.rounds.round_repository import RoundRepository
from services.matching.rounds.round_requests import Rounds
from services.matching.rules_digest import rules_digest
from services.matching.service import Matching
from services.matching.settings import MatchingSettings
from shared.access.api_keys import Keys
from shared.events import registry
from shared.kit.base.clock import Clock
from shared.kit.base.ids import Ids
from shared.kit.runtime.service_runtime import ServiceRuntime
from shared.kit.runtime.settings import EXIT_CODE, PREFIX
from shared.kit.store.lease import Lease
from shared.kit.store.store import Store
from shared.kit.web.probes import Role
from shared.reference import Pack, load_pack

WRITES = registry.written_by("matching")


def demand_an_approval(settings: MatchingSettings, pack: Pack, today: date) -> None:
    """Production decides by what a committee approved, now and by what is to come, unless the operator says that a
    proposal may decide. Ends the process with code 2 and one line otherwise."""
    models = [pack.on(today).matching, *([] if pack.coming is None else [pack.coming])]
    if settings.profile == "development" or settings.proposed_model:
        return
    if not models[0].approved_for(today) or any(model.status != "approved" for model in models):
        sys.stderr.write(
            f"{PREFIX}PROPOSED_MODEL is missing: put true to match by a model that no committee has approved for today,"
            f" or approve ranking.json of the pack {pack.name}\n"
        )
        raise SystemExit(EXIT_CODE)


def build(settings: MatchingSettings, clock: Clock | None = None) -> FastAPI:
    """The application, not started. Every replica answers reads; the one that holds the lease matches. ``clock``: a
    test's own."""
    pack = load_pack(settings.pack)
    zone = ZoneInfo(pack.timezone)
    clock = clock or Clock(timedelta(seconds=settings.calendar_offset_seconds))
    day = MatchingDay(clock, zone)
    demand_an_approval(settings, pack, day.to_match())
    matching = Matching(
        pack,
        Ids(settings.id_key_bytes),
        partial(MatchIndex, pack),
        day.to_match(),
        rules=rules_digest(pack),
        netting_seconds=settings.netting_seconds,
        congestion=settings.congestion,
    )
    next_steps = NextStepsSearch(pack)
    stream = matching_stream(matching)
    floor_raised, round_asked = asyncio.Event(), asyncio.Event()
    runtime = ServiceRuntime(
        settings,
        streams=[prohibitions_stream(floor_raised.set)],
        held_streams=[stream],
        writes=WRITES,
        indexes=INDEXES,
        authenticator=partial(Keys, zone=zone),
        remedies=pack.remedy,
        sayings=pack.problem,
        clock=clock,
    )

    async def join_transactions() -> None:
        runtime.store.enlist(matching)

    def on_role_change(role: Role) -> None:
        runtime.health.role = role

    def on_progress(done: int, of: int, waiting: int) -> None:
        runtime.health.progress = {"loaded": done, "of": of, "waiting": waiting}
        metrics.openings_loaded.of().set(done)
        metrics.openings_to_load.of().set(of)
        metrics.matching_waiting.of().set(waiting)

    async def matcher() -> None:
        lease = Lease(runtime.database, NAME, settings.instance, settings.lease_seconds)
        store = FencedStore(runtime.store, lease)
        # cast: it is all of a store that a stream uses
        stream.bind(cast(Store, store), runtime.topics, runtime.quarantine, runtime.codec, runtime.observer)
        follow_up = floor_follow_up(matching, store, floor_raised, runtime.observer)
        active = ActiveMatcher(
            matching,
            Repository(runtime.database),
            store,
            stream,
            runtime.topics,
            lease,
            day=day,
            day_check_seconds=settings.day_check_seconds,
            on_role_change=on_role_change,
            on_progress=on_progress,
            companion=partial(follow_up.run, runtime.stopping),
        )
        await active.run(runtime.stopping)

    def people() -> PeopleAccess:
        return PeopleAccess(Repository(runtime.database), day.to_show, clock)

    def rounds() -> Rounds:
        repository, of_rounds = Repository(runtime.database), RoundRepository(runtime.database)
        return Rounds(of_rounds, repository, people(), pack, clock, round_asked)

    async def work_out_rounds() -> None:
        repository, of_rounds = Repository(runtime.database), RoundRepository(runtime.database)
        job = RoundJob(of_rounds, repository, people(), settings.pack, clock, round_asked)
        await job.run(runtime.stopping)

    return runtime.app(
        title="Ieum matching",
        routers=[
            routes(
                lambda: MatchQueries(
                    Repository(runtime.database), pack, people(), next_steps, congestion=settings.congestion
                )
            ),
            opening_routes(lambda: Repository(runtime.database)),
            round_routes(rounds),
        ],
        loops=[matcher, work_out_rounds],
        before_streams=[join_transactions],
    )
