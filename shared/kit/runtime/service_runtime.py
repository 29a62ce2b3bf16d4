"""How a service of ours lives: one lifespan that opens everything in order, and closes it in the other.

Start: logs, MongoDB, indexes, Kafka, topics, outbox; then, behind the open HTTP port, what the service loads
(``before_streams``), its streams and loops; then it is ready, once its streams know their topics: requests wait for no
group of consumers to find together. Stop: not ready, loops and streams end after what they
have in hand, the store ends its transaction, the outbox sends what it holds, MongoDB is closed last. All of it has one
budget, whatever does not answer: what cannot end in time is left as a crash would leave it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from fastapi import APIRouter, FastAPI
from pymongo import IndexModel
from pymongo.errors import ConnectionFailure, PyMongoError

from shared.events import registry
from shared.kit.base import garbage_collection, logs, metrics
from shared.kit.base.backoff import wait_or_stop
from shared.kit.base.clock import Clock
from shared.kit.base.ids import Ids
from shared.kit.base.logs import logger
from shared.kit.base.observer import Observer
from shared.kit.base.sealing import Sealer
from shared.kit.base.supervise import Loop, supervise
from shared.kit.kafka.client import KAFKA_ERRORS
from shared.kit.kafka.rights import Rights
from shared.kit.kafka.topics import Topics
from shared.kit.runtime.cloudevent_codec import CloudEventCodec
from shared.kit.runtime.connect import open_both
from shared.kit.runtime.metering import sample_gauges, sample_readiness
from shared.kit.runtime.settings import ServiceSettings
from shared.kit.store import outbox
from shared.kit.store.mongo import Client, Database, ping, server_time
from shared.kit.store.outbox import Outbox
from shared.kit.store.store import Store, Unavailable
from shared.kit.stream import checkpoints, quarantine
from shared.kit.stream.quarantine import Quarantine, dead_topic
from shared.kit.stream.stream import Stream
from shared.kit.web import contract_routes, problems
from shared.kit.web.authentication import Authenticator
from shared.kit.web.docs_page import docs_routes
from shared.kit.web.metrics_routes import metrics_routes
from shared.kit.web.middleware import Outermost
from shared.kit.web.openapi import describe_problems
from shared.kit.web.operator_routes import operator_routes
from shared.kit.web.probes import Health, Watchdog, probe_routes
from shared.kit.web.problem_details import Remedies, Sayings
from shared.kit.web.quotas import Quotas
from shared.kit.web.route_bounds import bounded_routes

Hook = Callable[[], Awaitable[None]]
MakeAuthenticator = Callable[[Database, Callable[[], datetime]], Authenticator[Any]]
START_SECONDS = 3.0  # so long the port stays closed for a start that is quick anyway
LOOP_SECONDS = 10.0
CLOCK_SECONDS = 5.0
CLOSE_SECONDS = 2.0
HEAR_SECONDS = 5.0
MANY_INDEXES = 8  # of a collection: from so many on a replacement in a transaction is dear (decision 71)
# Seconds after the stop began until which each part may take its time (requests: run.DRAIN_SECONDS). A container is
# given 30.
STOP_STORE, STOP_STREAMS, STOP_HOOKS, STOP_OUTBOX, STOP_TOPICS = 6.0, 18.0, 20.0, 23.0, 24.0
DEAD_LETTER_RETENTION = timedelta(days=30)
VERSION = "0.1.0"
_AWAY = (ConnectionFailure, Unavailable)  # of MongoDB: no bug of a loop's
_log = logger("service")


class ServiceRuntime:
    """The parts of one service. ``database``, ``store``, ``outbox``, ``topics``, ``quarantine`` and
    ``authenticator`` exist from the start of the lifespan on: in ``before_streams``, loops, requests; not while the
    application is put together.

    ``streams`` are started by the kit; ``held_streams`` are only made ready, the service starts and stops them itself
    (under a lease). ``writes`` are the topics that this service alone writes, ``writes_under`` and ``reads_under`` how
    the names of those begin that others make for it to write or read. ``ready_needs_kafka=False``: once running it
    stays ready on MongoDB alone. ``authenticator`` makes the part that says who calls, from the database and the
    time; ``remedies`` says what to do about what is refused. ``stopping`` is set as soon as the process is to end.
    ``aside`` is a second store, of the streams that are read everywhere: its transactions do not wait for those of
    ``store``, and what they change no view of ``store`` may hold.
    """

    client: Client
    database: Database
    topics: Topics
    outbox: Outbox
    store: Store
    aside: Store
    quarantine: Quarantine
    authenticator: Authenticator[Any]
    health: Health

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        authenticator: MakeAuthenticator,
        streams: Sequence[Stream] = (),
        held_streams: Sequence[Stream] = (),
        writes: Sequence[str] = (),
        rereads: Sequence[str] = (),
        writes_under: Sequence[str] = (),
        reads_under: Sequence[str] = (),
        indexes: Mapping[str, Sequence[IndexModel]] | None = None,
        ready_needs_kafka: bool = True,
        remedies: Remedies = problems.general_remedy,
        sayings: Sayings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings
        self.ids = Ids(settings.id_key_bytes)
        self.sealer = Sealer(settings.sealing_key_bytes)
        self.codec = CloudEventCodec()
        self.observer = Observer()
        self.clock = clock or Clock(timedelta(seconds=settings.calendar_offset_seconds))
        self.quotas = Quotas(settings)
        self.stopping = asyncio.Event()
        self.ready = asyncio.Event()
        self.failed = False
        self._streams = tuple(streams)
        self._all_streams = (*self._streams, *held_streams)
        self._indexes = {**outbox.INDEXES, **checkpoints.INDEXES, **quarantine.INDEXES, **(indexes or {})}
        self._ready_needs_kafka = ready_needs_kafka
        self._make_authenticator = authenticator
        self._remedies, self._sayings = remedies, sayings
        self._writes = sorted({*writes, *(dead_topic(topic) for each in self._all_streams for topic in each.topics)})
        self._rereads = tuple(sorted(rereads))
        self._writes_under, self._reads_under = tuple(writes_under), tuple(reads_under)
        self._watchdog = Watchdog(settings.stalled_seconds)
        self._loops: list[asyncio.Task[None]] = []
        self._stop_began: float | None = None
        self.cut_short = False

    @property
    def rights(self) -> Rights:
        return Rights(
            user=self.settings.service,
            writes=tuple(self._writes),
            reads=tuple(sorted({topic for each in self._all_streams for topic in each.topics})),
            groups=tuple(sorted({each.service for each in self._all_streams if not each.everywhere})),
            rereads=self._rereads,
            writes_under=self._writes_under,
            reads_under=self._reads_under,
        )

    def app(
        self,
        *,
        title: str,
        routers: Sequence[APIRouter],
        loops: Sequence[Loop] = (),
        before_streams: Sequence[Hook] = (),
        on_stop: Sequence[Hook] = (),
    ) -> FastAPI:
        """The application. ``loops`` run until ``stopping`` (crashed ones again); ``before_streams`` run once, in
        order, before anything is consumed (load memory); ``on_stop`` after loops and streams, MongoDB still open."""

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            async with AsyncExitStack() as stack:
                await self._open(stack)
                stack.push_async_callback(self._within, STOP_HOOKS, "on_stop", _in_turn, on_stop)
                beginning = asyncio.create_task(self._begin(before_streams, loops), name="beginning")
                stack.push_async_callback(self._within, STOP_STREAMS, "streams", self._end, beginning)
                await self._quick_start(beginning)
                if beginning.done():
                    beginning.result()
                yield
                self.stop()

        app = FastAPI(
            title=title,
            version=VERSION,
            lifespan=lifespan,
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,  # it would send callers and their keys where the Host header says, without TLS
        )
        app.state.runtime = self
        app.add_middleware(Outermost)
        problems.install(app, self._remedies, [Unavailable], self._sayings)
        operator = operator_routes(lambda: self.quarantine, self._all_streams, lambda: self.database)
        probes = probe_routes(lambda: self.health)
        measures = [metrics_routes()] if self.settings.metrics_port is None else []
        for router in (*routers, operator, probes, contract_routes.routes, docs_routes(app), *measures):
            app.include_router(router)
        describe_problems(app)
        list(bounded_routes(app))  # raises for a route that anybody could send anything to
        return app

    def stop(self) -> None:
        """Say that it is to end: not ready any more; whoever waits for ``stopping`` goes on."""
        if self._stop_began is not None:
            return
        self._stop_began = time.monotonic()
        self.stopping.set()
        self.ready.clear()
        for store in (getattr(self, "store", None), getattr(self, "aside", None)):
            if store is not None:
                store.hurry(STOP_STORE)
        if hasattr(self, "health"):
            self.health.phase = "stopping"

    async def _open(self, stack: AsyncExitStack) -> None:
        """Everything that must answer before anything can begin. Raises CannotStart."""
        settings = self.settings
        logs.setup(settings.service, settings.instance, settings.log_level)
        metrics.build_info.of(service=settings.service, version=VERSION).set(1)
        _log.info("starting", settings=" ".join(f"{name}={value}" for name, value in settings.summary().items()))
        if settings.profile == "development":
            remedy = "Set IEUM_PROFILE=production and keys of your own before anybody's data comes in."
            keys = "guessable" if settings.has_guessable_keys else "own"
            _log.warning("development_profile", kind=f"{keys}_keys", remedy=remedy)
        self.topics = Topics(settings.kafka_settings, self.observer)
        self.client = await open_both(settings, self._indexes, self.topics, self.rights, self._retentions())
        stack.push_async_callback(self._close_client)
        stack.push_async_callback(self._within, STOP_TOPICS, "topics", self.topics.stop)
        self.database = self.client[settings.database]
        await self._hear_the_time()  # before anything is decided or stamped
        urgent = [topic.name for topic in registry.topics.values() if topic.urgent]
        self.outbox = Outbox(self.database, self.topics, self.codec, self.observer, clock=self.clock, urgent=urgent)
        many = {name for name, indexes in self._indexes.items() if len(indexes) >= MANY_INDEXES}
        self.store, self.aside = (
            Store(self.database, self.outbox, self.observer, clock=self.clock, many_indexes=many) for _ in range(2)
        )
        for name, store in (("store", self.store), ("aside", self.aside)):
            await store.start()
            await store.take_over_session(f"{settings.instance}/{name}")
        await self.outbox.start(self._writes)
        stack.push_async_callback(self._within, STOP_OUTBOX, "outbox", self.outbox.stop)
        stack.push_async_callback(self._within, STOP_HOOKS, "store", self.store.stop)
        stack.push_async_callback(self._within, STOP_HOOKS, "store", self.aside.stop)
        self.quarantine = Quarantine(self.database, self.sealer, settings.service, self.codec)
        self.authenticator = self._make_authenticator(self.database, self.clock.latest)
        for stream in self._all_streams:
            store = self.aside if stream.everywhere else self.store
            stream.bind(store, self.topics, self.quarantine, self.codec, self.observer)
        needed: dict[str, Hook] = {"mongodb": partial(ping, self.client, 2.0)}
        others: dict[str, Hook] = {}
        (needed if self._ready_needs_kafka else others)["kafka"] = self.topics.ping
        self.health = Health(self._watchdog, needed, others, lambda: self.store.broken, lambda: self.clock.doubtful)
        logs.capture()
        garbage_collection.tune_gc()

    async def _begin(self, before: Sequence[Hook], loops: Sequence[Loop]) -> None:
        """From open to ready; may take long, or as long as somebody else holds a lease."""
        self._run(self._tell_readiness)
        try:
            await _in_turn(before)
        except Exception:
            _log.exception("cannot_begin")
            self.failed = True
            self.stop()
            raise
        self._run(self._look, self._keep_time)
        async with asyncio.TaskGroup() as starting:
            for stream in self._streams:
                # Kafka may have gone since it answered
                starting.create_task(supervise(stream.start, self.stopping, (*_AWAY, *KAFKA_ERRORS)))
            await self._catch_up()
            self._run(*loops)
            if not self._ready_needs_kafka:
                self._is_ready()
            for stream in self._streams:
                await stream.opened.wait()
            self._is_ready()

    def _run(self, *loops: Loop) -> None:
        self._loops += [asyncio.create_task(supervise(loop, self.stopping, _AWAY)) for loop in loops]

    async def _catch_up(self) -> None:
        """What every replica hears (what forbids, whose key ended) was said while this one was away, too: it is heard
        before anything is sent or shown. But a broker that does not answer keeps nobody from that for ever."""
        try:
            async with asyncio.timeout(HEAR_SECONDS):
                await self._heard_all()
        except (TimeoutError, *KAFKA_ERRORS) as error:
            _log.warning("begins_behind", error=type(error).__name__, seconds=HEAR_SECONDS)
            metrics.began_behind.of().set(1)
            self._run(self._catch_up_late)

    async def _heard_all(self) -> None:
        for stream in self._streams:
            if stream.everywhere:
                await stream.opened.wait()
                await stream.caught_up()

    async def _catch_up_late(self) -> None:
        await self._heard_all()
        metrics.began_behind.of().set(0)
        _log.info("caught_up")
        await self.stopping.wait()

    def _is_ready(self) -> None:
        if not self.stopping.is_set() and not self.ready.is_set():
            self.health.phase = "running"
            self.ready.set()
            _log.info("ready", port=self.settings.port)

    async def _quick_start(self, beginning: asyncio.Task[None]) -> None:
        """Until it is ready or has failed, but not long: a start that takes its time is watched through ``/ready``."""
        ready = asyncio.create_task(self.ready.wait())
        await asyncio.wait([beginning, ready], timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()

    async def _end(self, beginning: asyncio.Task[None]) -> None:
        """Everything that consumes or acts by itself ends, after what it has in hand."""
        await _ended(beginning, 0.0)
        await asyncio.gather(
            *(_ended(loop, LOOP_SECONDS) for loop in self._loops), *(stream.stop() for stream in self._streams)
        )

    async def _within(self, until: float, part: str, end: Callable[..., Awaitable[None]], *given: object) -> None:
        """End a part, at the latest so many seconds after the stop began."""
        self.stop()
        assert self._stop_began is not None
        left = max(0.5, self._stop_began + until - time.monotonic())
        ending = asyncio.ensure_future(end(*given))
        await asyncio.wait([ending], timeout=left)
        if not ending.done():
            self.cut_short = True
            _log.warning("stop_cut_short", loop=part)
            ending.cancel()
            await asyncio.wait([ending], timeout=0.5)
            return
        try:
            await ending
        except Exception:  # the other parts end all the same
            _log.exception("stop_failed", loop=part)

    async def _close_client(self) -> None:
        """It says good-bye to the server, which takes it seconds when nobody is there; the process ends without it."""
        if not self.cut_short:
            closing = asyncio.create_task(asyncio.to_thread(self.client.close))
            _, waiting = await asyncio.wait([closing], timeout=CLOSE_SECONDS)
            self.cut_short = bool(waiting)

    async def _look(self) -> None:
        await sample_gauges(self._all_streams, self.outbox, self._watchdog, self.stopping)

    async def _tell_readiness(self) -> None:
        await sample_readiness(self.health, self.stopping)

    async def _hear_the_time(self) -> None:
        asked = time.monotonic()
        server = await server_time(self.client)
        self.clock.heard(server, asked, time.monotonic())

    async def _keep_time(self) -> None:
        """Every few seconds compare this machine's clock with MongoDB's; say when they part and when they agree."""
        said = False
        while True:
            with contextlib.suppress(PyMongoError):  # the server's time goes on by the monotonic clock
                await self._hear_the_time()
            difference, doubtful = self.clock.difference.total_seconds(), self.clock.doubtful
            metrics.clock_difference_seconds.of().set(difference)
            metrics.clock_doubtful.of().set(doubtful)
            if doubtful != said:
                said = doubtful
                _log.warning("clock_doubtful" if said else "clock_believed_again", seconds=round(difference))
            if await wait_or_stop(self.stopping, CLOCK_SECONDS):
                return

    def _retentions(self) -> dict[str, int]:
        times = {topic.name: topic.retention for topic in registry.topics.values()}
        times |= {topic.dead: DEAD_LETTER_RETENTION for topic in registry.topics.values()}
        return {name: int(time.total_seconds() * 1000) for name, time in times.items()}


async def _in_turn(hooks: Sequence[Hook]) -> None:
    for hook in hooks:
        await hook()


async def _ended(task: asyncio.Task[None], seconds: float) -> None:
    """Let it end by itself for so long, then cancel it. It has told its own failures."""
    await asyncio.wait([task], timeout=seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
