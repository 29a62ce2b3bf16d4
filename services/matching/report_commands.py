"""Reports for a committee, as commands: `left-out` and `shadow-run`. They read, change nothing, and name nobody.

Looked at are at most so many people, drawn by their ids (which are random), and the openings that changed last.
`left-out` says of how many.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.matching.documents import Cause, StoredPerson
from services.matching.domain.apply_prohibitions import permitted
from services.matching.domain.left_out import Drawn, left_out
from services.matching.domain.pooled_months import NO_MONTH
from services.matching.domain.shadow_run import shadow_run
from services.matching.matching_day import MatchingDay
from services.matching.repository import Repository
from services.matching.rules_digest import model_digest
from services.matching.settings import MatchingSettings
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.kit.base.clock import Clock
from shared.kit.store.store import Store
from shared.reference import load_pack, read_pack

MOST_PEOPLE, MOST_OPENINGS = 1_000, 2_000

Report = Callable[[Sequence[Person], Sequence[Opportunity], date, Drawn], Mapping[str, Any]]


async def report_left_out(store: Store, settings: MatchingSettings) -> str:
    """Who is left out: for each condition what it refuses alone, by group."""
    pack = load_pack(settings.pack).only_of(day_of(settings))
    return await _report(store, settings, lambda *drawn: left_out(drawn[0], drawn[1], pack, *drawn[2:]))


async def report_shadow_run(store: Store, settings: MatchingSettings) -> str:
    """What the model of the pack in the folder ``shadow_pack`` would change, for whom: the one to come, if it has one.
    The report may be kept beside that model as its fairness report."""
    if settings.shadow_pack is None:
        return "IEUM_SHADOW_PACK names no folder of another version of the pack; nothing was compared"
    now = load_pack(settings.pack).only_of(day_of(settings))
    then = read_pack(settings.shadow_pack)
    then = then if then.coming is None else replace(then, matching=then.coming, coming=None)
    if now.weights_version == then.weights_version and model_digest(now) != model_digest(then):
        return "both packs have the same weights_version and other numbers; give the new ones a new version"
    return await _report(
        store, settings, lambda people, openings, today, _: shadow_run(people, openings, now, then, today)
    )


async def _report(store: Store, settings: MatchingSettings, report: Report) -> str:
    repository, today = Repository(store.database), day_of(settings)
    zone = ZoneInfo(load_pack(settings.pack).timezone)
    some = await repository.some_people(MOST_PEOPLE)
    people = await allowed(repository, some)
    newest = [id for id, _ in await repository.newest_open(today, MOST_OPENINGS)]
    held = {one.id: one for one in await repository.stored_openings(newest)}
    openings = [held[id].opportunity for id in newest if id in held]
    months = {one.id: month_of(one.cause, zone) for one in some}
    drawn = Drawn(await repository.active_count(), await repository.open_count(today), months)
    found = await asyncio.to_thread(report, people, openings, today, drawn)
    return json.dumps(found, ensure_ascii=False)


def month_of(cause: Cause, zone: ZoneInfo) -> str:
    """In which what is held of somebody was last recorded; events of old may not say."""
    return NO_MONTH if cause.recordedtime is None else cause.recordedtime.astimezone(zone).strftime("%Y-%m")


def day_of(settings: MatchingSettings) -> date:
    """The pack's day of this moment."""
    clock = Clock(timedelta(seconds=settings.calendar_offset_seconds))
    return MatchingDay(clock, ZoneInfo(load_pack(settings.pack).timezone)).to_match()


async def allowed(repository: Repository, stored: Sequence[StoredPerson]) -> list[Person]:
    """These people with as much as their states still allow at this moment."""
    floors = await repository.floors(one.id for one in stored)
    return [permitted(one.person, one.sequence, floors[one.id]) for one in stored]
