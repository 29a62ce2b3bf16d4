"""`outcomes` and `outcome-rows`: whether the matches work, by an operator's own file of what became of them. They read,
change nothing, and name nobody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import date

from services.matching.documents import alias_key
from services.matching.domain.outcomes import Held, Recorded, Unseen, measured, rows
from services.matching.outcome_file import Mistaken, OutcomeLine, outcome_lines
from services.matching.report_commands import MOST_OPENINGS, allowed, day_of
from services.matching.repository import Repository
from services.matching.settings import MatchingSettings
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.kit.store.store import Store
from shared.reference import load_pack

AT_ONCE = 1_000  # ids in one query


async def report_outcomes(store: Store, settings: MatchingSettings) -> str:
    """How well the model of today orders what became of pairs, in all and by group."""
    unseen = await _unseen(Repository(store.database), day_of(settings))
    return await _of_file(store, settings, lambda recorded, held: json.dumps(measured(recorded, held, unseen)))


async def report_outcome_rows(store: Store, settings: MatchingSettings) -> str:
    """What weights are fitted on, a line for each pair. It tells much of single people, though it names none: it stays
    with who may read the store."""
    return await _of_file(store, settings, lambda recorded, held: "\n".join(map(json.dumps, rows(recorded, held))))


async def _of_file(store: Store, settings: MatchingSettings, report: Callable[[Sequence[Recorded], Held], str]) -> str:
    if settings.outcomes is None:
        return "IEUM_OUTCOMES names no file of recorded outcomes; nothing was evaluated"
    try:
        lines = await asyncio.to_thread(outcome_lines, settings.outcomes, day_of(settings))
    except Mistaken as mistaken:
        return f"the file of outcomes was not used: {mistaken}"
    repository = Repository(store.database)
    names = await _people_of(repository, lines)
    recorded = [
        Recorded(person, line.opportunity, line.outcome, line.date, line.reason)
        for line, person in zip(lines, names, strict=True)
    ]
    people: dict[str, Person] = {}
    openings: dict[str, Opportunity] = {}
    for some in _portions({one.person for one in recorded}):
        for person in await allowed(repository, await repository.people(some)):
            people[person.person] = person
    for some in _portions({one.opening for one in recorded}):
        openings |= await repository.opportunities(some)
    held = Held(people, openings, load_pack(settings.pack).only_of(day_of(settings)), day_of(settings))
    return await asyncio.to_thread(report, recorded, held)


async def _unseen(repository: Repository, today: date) -> Unseen:
    """Of the openings that changed last."""
    newest = [id for id, _ in await repository.newest_open(today, MOST_OPENINGS)]
    matched = await repository.matched_of(newest)
    return Unseen(await repository.active_count(), len(newest), len(set(newest) - matched))


async def _people_of(repository: Repository, lines: Sequence[OutcomeLine]) -> list[str]:
    """Of each line the person's id on the bus; the alias, which is nobody's id, where nobody is known by it."""
    by_agency: dict[str, set[str]] = {}
    for line in lines:
        if line.agency is not None and line.alias is not None:
            by_agency.setdefault(line.agency, set()).add(line.alias)
    known: dict[str, str] = {}
    for agency, aliases in by_agency.items():
        for some in _portions(aliases):
            for stored in await repository.people_by_aliases(agency, some):
                known |= dict.fromkeys(stored.aliases, stored.id)
    keys = [alias_key(line.agency or "", line.alias or "") for line in lines]
    return [line.person or known.get(key, key) for line, key in zip(lines, keys, strict=True)]


def _portions(ids: set[str]) -> list[list[str]]:
    ordered = sorted(ids)
    return [ordered[start : start + AT_ONCE] for start in range(0, len(ordered), AT_ONCE)]
