"""How many records of each agency's topic wait: its end less its checkpoint. Asked for apart from the readers, since
one that stands still asks for nothing.

Not counted are answers that wait to be published. What retention took away unread counts until something newer is
taken: it was lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.intake import metrics
from services.intake.inbound.reader import GROUP, Inbound
from shared.kit.base.observer import Observer
from shared.kit.kafka.aiokafka_internals import close, consumer_of
from shared.kit.kafka.client import KAFKA_ERRORS, connection
from shared.kit.kafka.records import Partition
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.store.mongo import Database
from shared.kit.stream.checkpoints import PartitionCheckpoints

TELL_SECONDS = 5.0
ASK_SECONDS = 5.0  # of one topic


class Lag:
    """Told while `run` runs; 0 afterwards, for whoever tells it then."""

    def __init__(self, kafka: KafkaSettings, database: Database, observer: Observer) -> None:
        self._kafka = kafka
        self._checkpoints = PartitionCheckpoints(database, GROUP, kafka.instance)
        self._observer = observer
        self._consumer: AIOKafkaConsumer | None = None
        self._told = set[str]()

    async def run(self, there: Callable[[], Collection[Inbound]]) -> None:
        """Of those that are `there`, every few seconds, until it is cancelled."""
        try:
            while True:
                await self.tell(there())
                await asyncio.sleep(TELL_SECONDS)
        finally:
            await self._forget_consumer()
            self._forget(self._told)

    async def tell(self, there: Collection[Inbound]) -> None:
        """Once. A topic that cannot be asked keeps what was told of it; the others are told."""
        self._forget(self._told - {each.agency for each in there})
        for inbound in there:
            try:
                lag = await self._of(inbound)
            except KAFKA_ERRORS as error:
                self._observer.retried("inbound_lag", type(error).__name__)
                await self._forget_consumer()
            else:
                metrics.inbound_lag.of(agency=inbound.agency).set(lag)
                self._told.add(inbound.agency)

    async def _of(self, inbound: Inbound) -> int:
        """Raises KafkaError, TimeoutError."""
        ends = await self._ends(inbound)
        places = {Partition(inbound.topic, number): inbound.topic_id for number in range(inbound.partitions)}
        done = await self._checkpoints.done(places)
        return sum(max(0, ends[place.number] - done[place] - 1) for place in places)

    async def _ends(self, inbound: Inbound) -> dict[int, int]:
        topic = self._kafka.physical(inbound.topic)
        async with asyncio.timeout(ASK_SECONDS):
            if self._consumer is None:
                self._consumer = consumer_of(
                    **connection(self._kafka),
                    isolation_level="read_committed",
                    enable_auto_commit=False,
                    request_timeout_ms=int(ASK_SECONDS * 1_000),
                )
                await self._consumer.start()
            asked = [TopicPartition(topic, number) for number in range(inbound.partitions)]
            found: dict[TopicPartition, int] = await self._consumer.end_offsets(asked)
            return {place.partition: end for place, end in found.items()}

    async def _forget_consumer(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await close(consumer)

    def _forget(self, agencies: Collection[str]) -> None:
        for agency in list(agencies):
            metrics.inbound_lag.of(agency=agency).set(0)
            self._told.discard(agency)
