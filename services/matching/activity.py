"""One matcher is active, the others stand by: who holds the lease loads, tells what is not told yet, then listens.

A matcher that was frozen and wakes up cannot write any more (fence.py): each of its transactions asks the lease, and
the successor, before it loads, ends the one that may be open. It claims all partitions too, so that its predecessor's
stream comes to an end at once; and before each piece of work the matcher looks at its own clock (`Matching.guard`),
which saves the way to the database.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date, timedelta

from services.matching.documents import MATCHES, OPPORTUNITIES, PEOPLE, Document, held_opportunity, held_person
from services.matching.domain.matcher import Pair
from services.matching.fence import UnderLease
from services.matching.repository import Repository
from services.matching.service import KEEP_WITHDRAWN_DAYS, Matching
from shared.kit.claim import Claims, Partition
from shared.kit.lease import Lease
from shared.kit.logs import logger
from shared.kit.probes import Role
from shared.kit.store import Task
from shared.kit.stream import Stream
from shared.kit.supervise import supervise
from shared.kit.topics import Topics
from shared.kit.work import Need, Work
from shared.reference import Pack

NAME = "matching"
PEOPLE_AT_ONCE = 50
FORGOTTEN_AT_ONCE = 500
_SLICE_SECONDS = 0.03  # so long loading may keep the event loop from renewing the lease
_log = logger("activity")


class ClockSetBack(Exception):
    """The day is an earlier one than before."""


class Activity:
    """The active matcher's life, under a lease. `run` it as a loop of the service. ``told``: what it is now.

    ``beside`` runs as long as the active matcher, once it has loaded, and is cancelled with it.
    """

    def __init__(
        self,
        matching: Matching,
        repository: Repository,
        store: UnderLease,
        stream: Stream,
        topics: Topics,
        lease: Lease,
        *,
        today: Callable[[], date],
        day_check_seconds: float,
        told: Callable[[Role], None] = lambda role: None,
        beside: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._matching = matching
        self._repository = repository
        self._store = store
        self._stream = stream
        self._topics = topics
        self._lease = lease
        self._today = today
        self._day_check_seconds = day_check_seconds
        self._life: asyncio.Task[None] | None = None
        self._told = told
        self._beside = beside
        matching.guard = lambda: lease.held

    async def run(self, stopping: asyncio.Event) -> None:
        """Hold the lease or wait for it, until ``stopping``."""
        self._told("standby")
        await self._lease.keep(self._gained, self._lost, stopping)

    async def _gained(self) -> None:
        self._life = asyncio.create_task(supervise(self._active_life, asyncio.Event()), name="active matcher")

    async def _lost(self) -> None:
        life, self._life = self._life, None
        if life is not None:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
        self._told("standby")

    async def _active_life(self) -> None:
        """Cancelled when the lease is lost; anything else that ends it begins it again from what the database holds."""
        self._told("loading")
        beside: asyncio.Future[None] | None = None
        try:
            await self._take_over()
            await self._load()
            await self._settle(self._matching.unsettled())
            await self._forget()
            if self._beside is not None:
                beside = asyncio.ensure_future(self._beside())
            await self._stream.start()
            self._told("active")
            _log.info("matcher_active", count=len(tuple(self._matching.people())))
            while True:
                await asyncio.sleep(self._day_check_seconds)
                if self._matching.today != self._today():
                    await self._new_day(self._today())
        finally:
            self._told("loading")  # from the beginning again, unless the lease was lost
            if beside is not None:
                beside.cancel()
                await asyncio.gather(beside, return_exceptions=True)
            await self._stream.stop()

    async def _take_over(self) -> None:
        """From here on nobody else commits. The predecessor's session is killed with its claims."""
        await self._store.perform([])  # what was under way when a lease was lost has ended now, and it is ours again
        await self._lease.seat(self._store.session_id)
        ids = await self._topics.declare(self._stream.topics)
        kafka = self._topics.kafka
        claims = Claims(self._store.database, kafka.physical(self._stream.service), kafka.instance)
        for topic, id in ids.items():
            for number in range(kafka.partitions):
                await claims.claim(Partition(topic, number), id, self._store.session_id)

    async def _load(self) -> None:
        """Everything from the database; the same matches come out whatever happened before."""
        matching, everything = self._matching, self._repository.everything
        matching.forget(self._today())
        warn_of_an_old_wage_table(matching.pack, matching.today)
        matching.load_forgotten(await self._repository.highest_forgotten())
        async for document in _yielding(everything(OPPORTUNITIES)):
            matching.load_opportunity(held_opportunity(document))
        async for document in _yielding(everything(PEOPLE)):
            matching.load_person(held_person(document))
        async for document in _yielding(everything(MATCHES)):
            matching.load_match(document)

    async def _settle(self, pairs: Sequence[Pair]) -> None:
        """Tell what is not told yet: what a change of day, of rules or of pack made of the matches."""
        by_person: dict[str, list[Pair]] = {}
        for pair in pairs:
            by_person.setdefault(pair[0], []).append(pair)
        await self._perform([_settling(self._matching, own) for own in by_person.values()])

    async def _new_day(self, today: date) -> None:
        """Everybody is reassessed; then what has ended is forgotten."""
        if today < self._matching.today:
            raise ClockSetBack  # what had ended may be open again: begin with everything that the database holds
        await self._perform([_reassessing(self._matching, person, today) for person in self._matching.people()])
        await self._perform([_turned(self._matching, today)])
        await self._forget()
        warn_of_an_old_wage_table(self._matching.pack, today)
        _log.info("day_begun", opportunities=self._matching.openings())

    async def _forget(self) -> None:
        """Matches withdrawn long ago, a few at a time."""
        before, full = self._matching.today - timedelta(days=KEEP_WITHDRAWN_DAYS), True
        while full:
            ids = await self._repository.withdrawn_before(before, FORGOTTEN_AT_ONCE)
            await self._perform([_forgetting(self._matching, ids, before)])
            full = len(ids) == FORGOTTEN_AT_ONCE

    async def _perform(self, tasks: Sequence[Task[None]]) -> None:
        for start in range(0, len(tasks), PEOPLE_AT_ONCE):
            some = tasks[start : start + PEOPLE_AT_ONCE]
            for result in await self._store.perform(some):
                if isinstance(result, Exception):
                    raise result


def _settling(matching: Matching, pairs: Sequence[Pair]) -> Task[None]:
    return Task(lambda work: (), lambda work: matching.settle(pairs, work))


def _turned(matching: Matching, today: date) -> Task[None]:
    return Task(lambda work: (), lambda work: matching.end_of_turn(today, work))


def _forgetting(matching: Matching, ids: Sequence[str], before: date) -> Task[None]:
    return Task(
        lambda work: [Need.by_id(MATCHES, id) for id in ids], lambda work: matching.forget_withdrawn(ids, before, work)
    )


def _reassessing(matching: Matching, person: str, today: date) -> Task[None]:
    def do(work: Work) -> None:
        matching.reassess(person, today, work)

    return Task(lambda work: (), do)


async def _yielding(items: AsyncIterator[Document]) -> AsyncIterator[Document]:
    yielded = time.monotonic()
    async for item in items:
        yield item
        if time.monotonic() - yielded > _SLICE_SECONDS:
            await asyncio.sleep(0)
            yielded = time.monotonic()


def warn_of_an_old_wage_table(pack: Pack, today: date) -> None:
    """Say in the log when the pack's wage table has ended, for an older floor is then in use."""
    if pack.wage_table_ended(today):
        _log.warning("wage_table_ended", pack=pack.name, remedy="Add the new floor to the pack's wages.json.")
