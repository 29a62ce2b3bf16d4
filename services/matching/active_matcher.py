"""One matcher is active, the others stand by: who holds the lease loads, consumes, assesses and publishes.

A matcher that was frozen and wakes up cannot write any more (fenced_store.py): each of its transactions asserts the
lease, and the successor, before it loads, kills the session that may have one open. It claims all partition checkpoints
too, so that its predecessor's consumer is fenced at once; and before each operation the matcher looks at its own clock
(`Matching.guard`), which saves the way to the database.

What is to be worked out is worked out in slices, in one thread beside the event loop, which meanwhile serves others and
takes in what comes; nobody else changes the index. While something is written, assessing goes on (`_meanwhile`): what
is written was made in the thread before, or is of the revisions it was made from. It goes in transactions bounded in
size: first what takes away, then what is to be assessed, then what is due to be published (in a flood for a share of
the time, `PublishPacing`), then what is saved for the next load. It consumes, and takes away, as soon as people and
what stands as published are loaded.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from typing import Any, TypeVar

from services.matching.congestion_table import CongestionTable, tell_table_in_force
from services.matching.domain.columns.kernel import compile_kernels
from services.matching.fenced_store import FencedStore
from services.matching.list_snapshots import SnapshotWriter
from services.matching.matching_day import MatchingDay
from services.matching.opening_snapshot import Loaded, OpeningSnapshot
from services.matching.publish_pacing import PublishPacing
from services.matching.publisher import MatchDelta
from services.matching.repository import Repository
from services.matching.service import KEEP_WITHDRAWN_DAYS, Matching
from shared.kit.base.adaptive_batch_size import AdaptiveBatchSize
from shared.kit.base.logs import logger
from shared.kit.base.supervise import supervise
from shared.kit.kafka.records import Partition
from shared.kit.kafka.topics import Topics
from shared.kit.store.lease import Lease
from shared.kit.store.store import Operation, TooLargeTogether, Unavailable
from shared.kit.stream.checkpoints import PartitionCheckpoints
from shared.kit.stream.stream import Stream
from shared.kit.web.probes import Role
from shared.reference import Pack

NAME = "matching"
PEOPLE_AT_ONCE = 50  # published in one transaction: at most 20 events each
PURGED_AT_ONCE = 500
# So long a load may keep the event loop from others at once: a request or a batch takes dozens of turns of the loop.
TURN_SECONDS = 0.004
ASSESS_SECONDS = 0.1  # so long it assesses, or until something came in: each turn of the work has its price
DUE_SECONDS = 0.02  # so long it works out what is to be told
IDLE_SECONDS = 1.0
T = TypeVar("T")
_log = logger("active_matcher")


class ClockSetBack(Exception):
    """The day is an earlier one than before."""


class ModelChanged(Exception):
    """On the day that begins another model decides."""


class ActiveMatcher:
    """Leader election by lease, and the leader's work. `run` it as a loop of the service.

    ``on_role_change``: what it is now; ``on_progress``: how many openings are loaded, of how many, and how much waits
    to be assessed or published. ``companion`` runs as long as the active matcher consumes, and is cancelled with it.
    """

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
        on_role_change: Callable[[Role], None],
        on_progress: Callable[[int, int, int], None],
        companion: Callable[[], Awaitable[None]],
    ) -> None:
        self._matching = matching
        self._repository = repository
        self._store = store
        self._stream = stream
        self._topics = topics
        self._lease = lease
        self._day = day
        self._day_check_seconds = day_check_seconds
        self._leading: asyncio.Task[None] | None = None
        self._on_role_change = on_role_change
        self._on_progress = on_progress
        self._companion = companion
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="matching")
        self._batch_size = AdaptiveBatchSize(PEOPLE_AT_ONCE)
        self._changed = asyncio.Event()
        matching.guard = lambda: lease.held
        matching.on_change = self._changed.set

    async def run(self, stopping: asyncio.Event) -> None:
        """Hold the lease or wait for it, until ``stopping``. Who cannot work yet does not stand by."""
        await self._aside(compile_kernels)
        self._on_role_change("standby")
        await self._lease.keep(self._gained, self._lost, stopping)

    async def _gained(self) -> None:
        self._leading = asyncio.create_task(supervise(self._lead, asyncio.Event()), name="active matcher")

    async def _lost(self) -> None:
        leading, self._leading = self._leading, None
        if leading is not None:
            leading.cancel()
            await asyncio.gather(leading, return_exceptions=True)
        self._on_role_change("standby")

    async def _lead(self) -> None:
        """Cancelled when the lease is lost; anything else that ends it begins it again from what the database holds,
        so also another model."""
        while True:
            with contextlib.suppress(ModelChanged):
                await self._lead_by_one_model()

    async def _lead_by_one_model(self) -> None:
        self._on_role_change("loading")
        tasks: list[asyncio.Future[None]] = []
        self._matching.pause()  # from here on nothing is accepted until it is loaded
        try:
            await self._take_over()
            snapshot = OpeningSnapshot(self._matching, self._repository, self._perform_one, self._aside)
            await self._load_standing(snapshot)
            consuming = asyncio.create_task(self._consume(), name="matching consumes")
            tasks += [consuming, asyncio.ensure_future(self._companion())]
            await self._load(consuming, snapshot)
            await self._work(consuming, snapshot)
        finally:
            self._on_role_change("loading")  # from the beginning again, unless the lease was lost
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._stream.stop()

    async def _consume(self) -> None:
        """It reads already before its group has found together."""
        self._on_role_change("active")
        _log.info("matcher_active", count=self._matching.index.sizes()[0])
        await self._stream.start()

    async def _take_over(self) -> None:
        """From here on nobody else commits. The predecessor's session is killed with its checkpoints."""
        await self._store.perform([])  # what was under way when a lease was lost has ended now, and it is ours again
        await self._lease.take_over_session(self._store.session_id)
        ids = await self._topics.declare(self._stream.topics)
        kafka = self._topics.kafka
        checkpoints = PartitionCheckpoints(self._store.database, kafka.physical(self._stream.service), kafka.instance)
        for topic, id in ids.items():
            for number in range(kafka.partitions):
                await checkpoints.claim(Partition(topic, number), id, self._store.session_id)

    # --- loading

    async def _load_standing(self, snapshot: OpeningSnapshot) -> None:
        """As much as is needed to take away: people, and what stands as published."""
        matching, repository = self._matching, self._repository
        progress = await repository.progress()
        self._day.reached = None if progress is None else progress.day
        matching.reset(self._day.to_match())
        warn_of_an_old_wage_table(matching.pack, matching.today)
        warn_of_a_proposal(matching.pack, matching.today)
        highest = await repository.highest_revision()
        matching.load_progress(highest, progress, await repository.highest_purged())
        await snapshot.forget_after(highest)  # nothing is consumed yet, so nothing has been given a revision
        table = await repository.congestion()
        matching.load_congestion(table)
        tell_table_in_force(table)
        async for standing in _yielding(repository.standing()):
            matching.deltas.load_published(*standing)
        async for person, revision in _yielding(repository.active_people()):
            matching.load_person(person, revision)

    async def _load(self, consuming: asyncio.Task[None], snapshot: OpeningSnapshot) -> None:
        """The rest: openings and lists. The same matches come out whatever happened before."""
        matching, repository = self._matching, self._repository
        of, done, reported = await repository.open_openings_about(), 0, time.monotonic()
        gc.disable()  # it would look again and again at what is only growing
        try:
            async for openings in snapshot.load():
                await self._aside(partial(_load_openings, matching, openings))
                done += len(openings)
                if time.monotonic() - reported > IDLE_SECONDS:
                    self._on_progress(done, max(of, done), matching.waiting)
                    await self._publish_removals(consuming)
                    reported = time.monotonic()
            async for stored in _yielding(repository.lists()):
                matching.load_list(stored)
        finally:
            gc.freeze()
            gc.enable()
        matching.loaded()
        self._on_progress(done, done, matching.waiting)
        _log.info("matcher_loaded", opportunities=done)

    # --- working

    async def _work(self, consuming: asyncio.Task[None], snapshot: OpeningSnapshot) -> None:
        matching = self._matching
        await self._purge()
        snapshots, day_checked, reported = (
            SnapshotWriter(matching, self._perform_one, self._aside), time.monotonic(), 0.0,
        )  # fmt: skip
        table = CongestionTable(matching, self._perform_one, self._aside)
        pacing = PublishPacing(self._topics.kafka.batch_max_records)
        while True:
            self._changed.clear()
            await self._publish_removals(consuming)
            more = await self._aside(partial(matching.advance, ASSESS_SECONDS))
            holds_back = not pacing.may_publish(self._waiting())
            told = not holds_back and await self._tell(pacing)
            if snapshots.due:
                await self._meanwhile(snapshots.save())
            await snapshot.save()
            await table.make()
            now = time.monotonic()
            if now - reported > IDLE_SECONDS or not more:
                reported = now
                held = matching.index.sizes()[1]
                self._on_progress(held, held + matching.openings_waiting, matching.waiting)
            if now - day_checked >= self._day_check_seconds:
                day_checked = now
                if matching.today != self._day.to_match():
                    await self._begin_day(self._day.to_match())
                    continue
            if not (more or told or snapshots.busy or snapshot.busy or table.busy):
                await self._wait(pacing.seconds_left() if holds_back else matching.deltas.seconds_to_next())

    def _waiting(self) -> int:
        """How many records wait to be taken in, as far as is known, and how many openings to be assessed."""
        return sum(each.lag for each in self._stream.progress()) + self._matching.openings_waiting

    async def _tell(self, pacing: PublishPacing) -> bool:
        """What is due, of as many people as one transaction takes; whether there was anything."""
        if self._matching.deltas.seconds_to_next() != 0:
            return False
        began = time.monotonic()
        deltas = await self._aside(partial(self._matching.deltas.due, self._batch_size.size, DUE_SECONDS))
        if deltas:
            await self._meanwhile(self._publish(deltas))
            pacing.published(began)
        return bool(deltas)

    async def _meanwhile(self, writing: Coroutine[Any, Any, None]) -> None:
        """While this is written, what waits is assessed."""
        task = asyncio.create_task(writing)
        try:
            while not task.done() and self._matching.openings_waiting:
                await self._aside(partial(self._matching.advance, ASSESS_SECONDS, task.done))
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _wait(self, due: float | None) -> None:
        """Until something is committed or due, or it is time to look again."""
        seconds = min(IDLE_SECONDS, self._day_check_seconds, *([] if due is None else [due]))
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _publish_removals(self, consuming: asyncio.Task[None]) -> None:
        """What was heard comes in; what may no longer match is withdrawn."""
        if consuming.done():
            consuming.result()  # raises why it does not consume
        await self._publish(await self._aside(self._taken_away))

    def _taken_away(self) -> list[MatchDelta]:
        self._matching.drain_inbox()
        return self._matching.removals()

    async def _begin_day(self, today: date) -> None:
        """What has ended goes; where the day's context is another, everybody is assessed again."""
        if today < self._matching.today:
            raise ClockSetBack  # what had ended may be open again: begin with everything that the database holds
        if self._matching.has_another_model(today):
            raise ModelChanged  # nothing that was assessed is right any more: likewise
        await self._aside(partial(self._matching.begin_day, today))
        self._day.reached = today
        await self._purge()
        warn_of_an_old_wage_table(self._matching.pack, today)
        _log.info("day_begun", opportunities=self._matching.index.sizes()[1])

    async def _purge(self) -> None:
        """Matches withdrawn long ago, a few at a time."""
        before, full = self._matching.today - timedelta(days=KEEP_WITHDRAWN_DAYS), True
        while full:
            ids = await self._repository.withdrawn_before(before, PURGED_AT_ONCE)
            await self._perform_one(self._matching.purge(ids, before))
            full = len(ids) == PURGED_AT_ONCE

    async def _publish(self, deltas: Sequence[MatchDelta]) -> None:
        """In transactions of some people each; when one is too much, the next are smaller."""
        left = list(deltas)
        while left:
            some = left[: self._batch_size.size]
            try:
                await self._perform([self._matching.deltas.publish(delta) for delta in some])
            except Unavailable as error:
                if not error.too_much or len(some) == 1:
                    raise
                self._batch_size.was_too_much(len(some) if isinstance(error, TooLargeTogether) else None)
                continue
            self._batch_size.worked(len(some))
            del left[: len(some)]

    async def _aside(self, work: Callable[[], T]) -> T:
        """In the thread. Whoever is cancelled meanwhile waits for its end: nobody else may touch the index before."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            return await asyncio.shield(future)
        finally:
            if not future.done():
                await asyncio.wait([future])

    async def _perform_one(self, operation: Operation[None]) -> None:
        await self._perform([operation])

    async def _perform(self, operations: Sequence[Operation[None]]) -> None:
        """In one transaction. Raises what any of them raised."""
        for result in await self._store.perform(operations):
            if isinstance(result, Exception):
                raise result


def _load_openings(matching: Matching, openings: Sequence[Loaded]) -> None:
    for one in openings:
        matching.load_opening(*one)


async def _yielding(items: AsyncIterator[T]) -> AsyncIterator[T]:
    """The same items; other tasks have their turn in between."""
    yielded = time.monotonic()
    async for item in items:
        yield item
        if time.monotonic() - yielded > TURN_SECONDS:
            await asyncio.sleep(0)
            yielded = time.monotonic()


def warn_of_a_proposal(pack: Pack, today: date) -> None:
    """Say in the log when no committee approved the model that decides."""
    if not pack.matching.approved_for(today):
        _log.warning("model_not_approved", pack=pack.name, remedy="Let a committee approve ranking.json of the pack.")


def warn_of_an_old_wage_table(pack: Pack, today: date) -> None:
    """Say in the log when the pack's wage table has ended, for an older floor is then in use."""
    if pack.wage_table_ended(today):
        _log.warning("wage_table_ended", pack=pack.name, remedy="Add the new floor to the pack's wages.json.")
