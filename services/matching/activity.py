"""One matcher is active, the others stand by: who holds the lease loads, listens, assesses and tells.

A matcher that was frozen and wakes up cannot write any more (fence.py): each of its transactions asks the lease, and
the successor, before it loads, ends the one that may be open. It claims all partitions too, so that its predecessor's
stream comes to an end at once; and before each piece of work the matcher looks at its own clock (`Matching.guard`),
which saves the way to the database.

What it does goes on in slices of some milliseconds, between which the event loop serves others, and in transactions
bounded in size: first what takes away, then what is to be assessed, then what is due to be told, then what is kept for
the next load. It listens, and takes away, from the moment on that people and what stands as told are loaded.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date, timedelta

from services.matching.day import MatchingDay
from services.matching.documents import Document, held_opportunity, held_person
from services.matching.fence import FencedStore
from services.matching.repository import Repository
from services.matching.service import KEEP_WITHDRAWN_DAYS, Matching
from services.matching.telling import Plan
from shared.kit.base.batch_size import AdaptiveBatchSize
from shared.kit.base.logs import logger
from shared.kit.base.supervise import supervise
from shared.kit.kafka.topics import Topics
from shared.kit.store.lease import Lease
from shared.kit.store.store import Operation, Unavailable
from shared.kit.stream.checkpoints import Partition, PartitionCheckpoints
from shared.kit.stream.stream import Stream
from shared.kit.web.probes import Role
from shared.reference import Pack

NAME = "matching"
PEOPLE_AT_ONCE = 50  # told in one transaction: at most 20 events each
LISTS_AT_ONCE = 200
CANDIDATES_AT_ONCE = 500
FORGOTTEN_AT_ONCE = 500
# So long the event loop may be kept from others at once: a request or a batch takes dozens of turns of the loop.
SLICE_SECONDS = 0.004
KEEP_SECONDS = 2.0  # between two times that lists are kept, while there is much to do
KEEP_SHARE = 0.05  # of the time may go into it,
KEEP_AT_LEAST_SECONDS = 15.0  # but what was not kept for longer has to be assessed again after a kill
IDLE_SECONDS = 0.5
_log = logger("activity")


class ClockSetBack(Exception):
    """The day is an earlier one than before."""


class Activity:
    """The active matcher's life, under a lease. `run` it as a loop of the service. ``told``: what it is now;
    ``progress``: how many documents are loaded, of how many, and how much waits to be assessed or told. ``beside`` runs
    as long as the active matcher listens, and is cancelled with it."""

    def __init__(
        self,
        matching: Matching,
        repository: Repository,
        store: FencedStore,
        stream: Stream,
        topics: Topics,
        lease: Lease,
        *,
        day: MatchingDay,
        day_check_seconds: float,
        told: Callable[[Role], None] = lambda role: None,
        progress: Callable[[int, int, int], None] = lambda done, of, waiting: None,
        beside: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._matching = matching
        self._repository = repository
        self._store = store
        self._stream = stream
        self._topics = topics
        self._lease = lease
        self._day = day
        self._day_check_seconds = day_check_seconds
        self._life: asyncio.Task[None] | None = None
        self._told = told
        self._progress = progress
        self._beside = beside
        self._batch_size = AdaptiveBatchSize(PEOPLE_AT_ONCE)
        self._woken = asyncio.Event()
        matching.guard = lambda: lease.held
        matching.woken = self._woken.set

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
        listening: asyncio.Task[None] | None = None
        beside: asyncio.Future[None] | None = None
        self._matching.pause()  # from here on nothing is taken in until it is loaded
        try:
            await self._take_over()
            await self._load_standing()
            listening = asyncio.create_task(self._listen(), name="matching listens")
            if self._beside is not None:
                beside = asyncio.ensure_future(self._beside())
            await self._load(listening)
            await self._work(listening)
        finally:
            self._told("loading")  # from the beginning again, unless the lease was lost
            for each in (listening, beside):
                if each is not None:
                    each.cancel()
                    await asyncio.gather(each, return_exceptions=True)
            await self._stream.stop()

    async def _listen(self) -> None:
        """It reads already before its group has found together."""
        self._told("active")
        _log.info("matcher_active", count=self._matching.sizes()[0])
        await self._stream.start()

    async def _take_over(self) -> None:
        """From here on nobody else commits. The predecessor's session is killed with its claims."""
        await self._store.perform([])  # what was under way when a lease was lost has ended now, and it is ours again
        await self._lease.take_over_session(self._store.session_id)
        ids = await self._topics.declare(self._stream.topics)
        kafka = self._topics.kafka
        claims = PartitionCheckpoints(self._store.database, kafka.physical(self._stream.service), kafka.instance)
        for topic, id in ids.items():
            for number in range(kafka.partitions):
                await claims.claim(Partition(topic, number), id, self._store.session_id)

    # --- loading

    async def _load_standing(self) -> None:
        """As much as is needed to take away: people, and what stands as told."""
        matching, repository = self._matching, self._repository
        done, day = await repository.assessed()
        self._day.reached = day
        matching.forget(self._day.to_match())
        warn_of_an_old_wage_table(matching.pack, matching.today)
        matching.load_progress(await repository.highest_revision(), done, await repository.highest_forgotten(), day)
        async for document in _yielding(repository.standing()):
            matching.load_told(document)
        async for document in _yielding(repository.active_people()):
            matching.load_person(held_person(document), document["revision"])

    async def _load(self, listening: asyncio.Task[None]) -> None:
        """The rest: openings and lists. The same matches come out whatever happened before."""
        matching, repository = self._matching, self._repository
        of, done, urgent = await repository.open_openings_about(), 0, time.monotonic()
        gc.disable()  # it would look again and again at what is only growing
        try:
            async for document in _yielding(repository.open_openings(matching.today)):
                matching.load_opportunity(held_opportunity(document), document["revision"])
                done += 1
                if time.monotonic() - urgent > IDLE_SECONDS:
                    self._progress(done, max(of, done), matching.waiting)
                    await self._take_away(listening)
                    urgent = time.monotonic()
            async for document in _yielding(repository.lists()):
                matching.load_list(document)
        finally:
            gc.freeze()
            gc.enable()
        matching.loaded()
        self._progress(done, done, matching.waiting)
        _log.info("matcher_loaded", opportunities=done)

    # --- working

    async def _work(self, listening: asyncio.Task[None]) -> None:
        matching = self._matching
        await self._forget()
        keeper, looked, said = _Keeper(self), time.monotonic(), 0.0
        while True:
            self._woken.clear()
            await self._take_away(listening)
            more = matching.advance(SLICE_SECONDS)
            await asyncio.sleep(0)
            plans = matching.due(self._batch_size.size)
            await self._tell(plans)
            await keeper.keep()
            now = time.monotonic()
            if now - said > IDLE_SECONDS or not more:
                said = now
                held, waiting = matching.sizes()[1], matching.waiting
                self._progress(held, held + matching.openings_waiting, waiting)
            if now - looked >= self._day_check_seconds:
                looked = now
                if matching.today != self._day.to_match():
                    await self._new_day(self._day.to_match())
                    continue
            if not (more or plans or keeper.busy):
                wait = min(IDLE_SECONDS, self._day_check_seconds, *_some(matching.next_due()))
                try:
                    async with asyncio.timeout(wait):
                        await self._woken.wait()
                except TimeoutError:
                    continue

    async def _take_away(self, listening: asyncio.Task[None]) -> None:
        """What was heard comes in; what may no longer match is withdrawn."""
        if listening.done():
            listening.result()  # raises why it does not listen
        self._matching.take_in()
        await self._tell(self._matching.urgent())

    async def _new_day(self, today: date) -> None:
        """What has ended goes; where the day's terms are others, everybody is assessed again."""
        if today < self._matching.today:
            raise ClockSetBack  # what had ended may be open again: begin with everything that the database holds
        self._matching.turn(today)
        self._day.reached = today
        await self._forget()
        warn_of_an_old_wage_table(self._matching.pack, today)
        _log.info("day_begun", opportunities=self._matching.sizes()[1])

    async def _forget(self) -> None:
        """Matches withdrawn long ago, a few at a time."""
        before, full = self._matching.today - timedelta(days=KEEP_WITHDRAWN_DAYS), True
        while full:
            ids = await self._repository.withdrawn_before(before, FORGOTTEN_AT_ONCE)
            await self.perform([self._matching.forgetting(ids, before)])
            full = len(ids) == FORGOTTEN_AT_ONCE

    async def _tell(self, plans: Sequence[Plan]) -> None:
        """In transactions of some people each; when one is too much, the next are smaller."""
        left = list(plans)
        while left:
            some = left[: self._batch_size.size]
            try:
                await self.perform([self._matching.telling(plan) for plan in some])
            except Unavailable as error:
                if not error.too_much or len(some) == 1:
                    raise
                self._batch_size.was_too_much()
                continue
            self._batch_size.worked(len(some))
            del left[: len(some)]

    async def perform(self, tasks: Sequence[Operation[None]]) -> None:
        """In one transaction. Raises what any of them raised."""
        for result in await self._store.perform(tasks):
            if isinstance(result, Exception):
                raise result

    @property
    def matching(self) -> Matching:
        """The matches."""
        return self._matching


class _Keeper:
    """Keeps lists for the next load, and who fits an opening best for readers, a portion at a time, so that nothing
    waits for it long; then writes down how far they reach."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._matching = activity.matching
        self._left: list[Operation[None]] = []
        self._done: int | None = None
        self._next = self._ended = 0.0
        self._spent = 0.0

    @property
    def busy(self) -> bool:
        """Whether it has begun and not ended."""
        return self._done is not None

    async def keep(self) -> None:
        """One portion, if it is time."""
        began = time.monotonic()
        if self._done is None and not self._begins(began):
            return
        assert self._done is not None
        if self._left:
            await self._activity.perform([self._left.pop()])
        else:
            progress = self._matching.progressing(self._done)
            if progress is not None:
                await self._activity.perform([progress])
            self._done, self._ended = None, time.monotonic()
            self._next = self._ended + min(max(KEEP_SECONDS, self._spent / KEEP_SHARE), KEEP_AT_LEAST_SECONDS)
        self._spent += time.monotonic() - began

    def _begins(self, now: float) -> bool:
        quiet = self._matching.waiting == 0
        if now < (min(self._next, self._ended + IDLE_SECONDS / 2) if quiet else self._next):
            return False
        people, best, done = self._matching.to_keep()
        lists = (people[at : at + LISTS_AT_ONCE] for at in range(0, len(people), LISTS_AT_ONCE))
        openings = (best[at : at + CANDIDATES_AT_ONCE] for at in range(0, len(best), CANDIDATES_AT_ONCE))
        self._left = [
            *(self._matching.keeping(some, done) for some in lists),
            *(self._matching.keeping_candidates(some) for some in openings),
        ]
        self._done, self._spent = done, 0.0
        return True


def _some(value: float | None) -> list[float]:
    return [] if value is None else [value]


async def _yielding(items: AsyncIterator[Document]) -> AsyncIterator[Document]:
    yielded = time.monotonic()
    async for item in items:
        yield item
        if time.monotonic() - yielded > SLICE_SECONDS:
            await asyncio.sleep(0)
            yielded = time.monotonic()


def warn_of_an_old_wage_table(pack: Pack, today: date) -> None:
    """Say in the log when the pack's wage table has ended, for an older floor is then in use."""
    if pack.wage_table_ended(today):
        _log.warning("wage_table_ended", pack=pack.name, remedy="Add the new floor to the pack's wages.json.")
