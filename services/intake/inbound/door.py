"""Which agencies' topics are read here: those that are registered and have both topics, on one replica at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaClient

from services.intake import metrics
from services.intake.dependencies import Dependencies
from services.intake.inbound.api import ANSWERS, INBOUND
from services.intake.inbound.lag import Lag
from services.intake.inbound.reader import Inbound, Means, Reader
from services.intake.repository import Repository
from shared.events.identity_boxes import BoxKeys
from shared.events.topics.agencies import Agency
from shared.kit.base.logs import logger
from shared.kit.base.observer import Observer
from shared.kit.base.supervise import end_all, supervise
from shared.kit.kafka.aiokafka_internals import topic_ids
from shared.kit.kafka.client import KAFKA_ERRORS, bootstrapped
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.store.lease import Lease
from shared.kit.store.store import Store
from shared.kit.web.quotas import Quotas

LEASE = "inbound"
LOOK_SECONDS = 2.0
ASK_MS = 5_000
MOST_PARTITIONS = 16  # of a topic: each may hold a fetch in memory
_log = logger("inbound")


class KafkaDoor:
    """Keeps a reader for every agency that has its topics. Made once the store is there."""

    def __init__(
        self,
        kafka: KafkaSettings,
        store: Store,
        repository: Repository,
        dependencies: Dependencies,
        boxes: BoxKeys,
        quotas: Quotas,
        observer: Observer,
        lease_seconds: float,
    ) -> None:
        self._kafka = kafka
        self._repository = repository
        self._observer = observer
        self._means = Means(kafka, store, dependencies, boxes, quotas, observer, asyncio.Lock())
        self._lease = Lease(store.database, LEASE, kafka.instance, lease_seconds)
        self._lag = Lag(kafka, store.database, observer)
        self._readers: dict[Inbound, asyncio.Task[None]] = {}
        self._loops: tuple[asyncio.Task[None], ...] = ()
        self._client: AIOKafkaClient | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping`: read while the lease is held here."""
        self._stopping = stopping
        await self._lease.keep(self._begin, self._end, stopping)

    async def _begin(self) -> None:
        metrics.inbound_open.of().set(1)
        loops = {"inbound topics": self._look, "inbound lag": lambda: self._lag.run(lambda: list(self._readers))}
        self._loops = tuple(
            asyncio.create_task(supervise(loop, self._stopping), name=name) for name, loop in loops.items()
        )

    async def _end(self) -> None:
        await end_all([*self._loops, *self._readers.values()])
        self._readers.clear()
        await self._forget_client()
        metrics.inbound_open.of().set(0)
        metrics.inbound_agencies.of().set(0)

    async def _look(self) -> None:
        """A reader for what is there; none for what is not, or is another topic now."""
        while True:
            try:
                wanted = await self._there()
            except KAFKA_ERRORS as error:  # readers find out by themselves when it is back
                self._observer.retried("inbound", type(error).__name__)
                await self._forget_client()
            else:
                gone = {each: task for each, task in self._readers.items() if each not in wanted or task.done()}
                await end_all(gone.values())
                for each in gone:
                    del self._readers[each]
                for each in wanted.keys() - self._readers.keys():
                    self._readers[each] = asyncio.create_task(
                        Reader(each, wanted[each], self._means).run(), name=each.topic
                    )
                metrics.inbound_agencies.of().set(len(self._readers))
            await asyncio.sleep(LOOK_SECONDS)

    async def _there(self) -> dict[Inbound, Agency]:
        """Raises KafkaError, TimeoutError."""
        agencies = {each.agency: each for each in await self._repository.agencies()}
        names = {self._kafka.physical(kind + name): (kind, name) for name in agencies for kind in (INBOUND, ANSWERS)}
        found = await self._topics(set(names))
        there = {}
        for name, agency in agencies.items():
            topic = found.get(self._kafka.physical(INBOUND + name))
            if topic is None or self._kafka.physical(ANSWERS + name) not in found:
                continue
            if topic[1] > MOST_PARTITIONS:
                _log.warning("inbound_not_read", agency=name, partitions=topic[1])
                continue
            there[Inbound(name, INBOUND + name, *topic, ANSWERS + name)] = agency
        return there

    async def _topics(self, names: set[str]) -> Mapping[str, tuple[str, int]]:
        """Id and partitions of those that exist. All names are asked for, so that what the broker hides is not told
        from what is not there."""
        async with asyncio.timeout(ASK_MS / 1_000):
            if self._client is None:
                self._client = await bootstrapped(self._kafka, ASK_MS)
            seen = await self._client.fetch_all_metadata()
            found, _ = await topic_ids(self._client, sorted(names & seen.topics()))
        return {name: (each.id, each.partitions) for name, each in found.items()}

    async def _forget_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await asyncio.gather(client.close(), return_exceptions=True)
