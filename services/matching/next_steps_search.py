"""What would open more for somebody, searched for in the openings that changed last: one search at a time in a process.

A search is seconds of work where many openings are open. Between two small pieces of it the event loop does whatever
else is ready; a few requests wait for their turn, of one agency two at most, and more are asked to come again. What is
known of the openings is kept from one search to the next by revision, so that only what changed since is read and
worked out; all of it anew when another model of the pack decides.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import date
from typing import NamedTuple

from services.matching.domain.next_steps import NextSteps, Refusal, Step, ranked
from services.matching.domain.opening_facts import OpeningFacts, opening_facts
from services.matching.repository import Repository
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.kit.base.cpu_slices import in_slices
from shared.kit.web.problems import unavailable
from shared.reference import Pack

MOST_LOOKED_AT = 2_000  # openings
MOST_WAITING, MOST_OF_AGENCY = 8, 2  # requests, the one that is worked on among them
READ_AT_ONCE = 50  # openings


class _Known(NamedTuple):
    revision: int
    opportunity: Opportunity
    facts: OpeningFacts


class Found(NamedTuple):
    """``looked_at``: how many openings; ``refused``: what refuses them."""

    steps: tuple[Step, ...] = ()
    looked_at: int = 0
    refused: tuple[Refusal, ...] = ()


class NextStepsSearch:
    """One for the whole process."""

    def __init__(self, pack: Pack) -> None:
        self._packs = pack
        self._known_by = pack  # with the model by which they are known
        self._turn = asyncio.Lock()
        self._waiting: Counter[str] = Counter()  # by agency
        self._known: dict[str, _Known] = {}

    async def search(self, repository: Repository, agency: str, person: Person, today: date) -> Found:
        """The steps that open the most first. Raises 503 when too many wait already, in all or of the agency that
        asks: so one that asks for everybody at once keeps no other away."""
        if self._waiting.total() >= MOST_WAITING or self._waiting[agency] >= MOST_OF_AGENCY:
            raise unavailable()
        self._waiting[agency] += 1
        try:
            async with self._turn:
                return await self._search(repository, person, today)
        finally:
            self._waiting -= Counter({agency: 1})  # no entry stays of who waits no more

    async def _search(self, repository: Repository, person: Person, today: date) -> Found:
        pack = self._packs.on(today)
        if pack is not self._known_by:
            self._known, self._known_by = {}, pack
        await self._read(repository, pack, today)
        looking, steps = NextSteps(person, pack, today), list[Step]()
        async for known in in_slices(self._known.values()):
            looking.look(known.opportunity, known.facts)
        async for step in in_slices(looking.steps()):
            if step is not None:
                steps.append(step)
        return Found(tuple(ranked(steps)), looking.looked_at, looking.refused())

    async def _read(self, repository: Repository, pack: Pack, today: date) -> None:
        """Know the newest openings, and no others."""
        newest = await repository.newest_open(today, MOST_LOOKED_AT)
        before, known = self._known, dict[str, _Known]()
        changed = [id for id, revision in newest if id not in before or before[id].revision != revision]
        read = dict[str, Opportunity]()
        for first in range(0, len(changed), READ_AT_ONCE):
            read |= await repository.opportunities(changed[first : first + READ_AT_ONCE])
        async for id, revision in in_slices(newest):
            if id in read:  # it may be newer than its revision here: then it is read once more
                known[id] = _Known(revision, read[id], opening_facts(read[id], pack))
            elif id in before:
                known[id] = before[id]
        self._known = known
