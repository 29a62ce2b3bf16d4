"""A standalone consumer: without a group, every replica reads every partition, by its own checkpoints.

For small topics that each replica must hear at once. There is nothing to join, so nobody waits for a group that finds
together or for a member that died; the price is that each replica does the work again, so it must be harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaConsumer

from shared.kit.base.backoff import Backoff
from shared.kit.base.observer import Observer
from shared.kit.kafka.aiokafka_internals import close, consumer_of
from shared.kit.kafka.client import connection
from shared.kit.kafka.consumer import Batch, Reader
from shared.kit.kafka.settings import KafkaSettings

POLL_MS = 1_000


class StandaloneConsumer(Reader):
    """One consumer session, as `Consumer` is one of a member of a group: the same promises."""

    def __init__(
        self,
        kafka: KafkaSettings,
        topics: Sequence[str],
        batch: Batch,
        assigned: Callable[[], None],
        observer: Observer,
    ) -> None:
        super().__init__(kafka, topics, batch)
        self._assigned = assigned
        self._observer = observer
        self._consumer: AIOKafkaConsumer | None = None
        self._stopped = False
        self._reading: asyncio.Task[None] | None = None

    @property
    def kafka(self) -> AIOKafkaConsumer | None:
        return self._consumer

    async def start(self) -> None:
        self._consumer = consumer = consumer_of(
            **connection(self._settings),
            client_id=self._settings.instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            metadata_max_age_ms=self._settings.metadata_max_age_ms,
            fetch_max_wait_ms=self._settings.fetch_wait_ms,
        )
        await consumer.start()
        consumer.assign(sorted(self._partitions()))
        self._assigned()
        self._reading = asyncio.create_task(self._read(consumer), name="ungrouped reader")

    async def stop(self) -> None:
        self._stopped = True
        if self._reading is not None:
            if not self._in_hand:
                self._reading.cancel()
            await asyncio.wait([self._reading])
        if self._consumer is not None:
            await close(self._consumer)

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        backoff = Backoff(0.1, 5.0)
        while not self._stopped:
            try:
                await self._poll(consumer)
                backoff.reset()
            except Exception as error:  # also what nobody foresaw: without this task nothing is read any more
                self._observer.retried("ungrouped", type(error).__name__)
                await backoff.wait()

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        polled = await consumer.getmany(timeout_ms=POLL_MS, max_records=self._settings.batch_max_records)
        if not polled:
            return
        try:
            await self._take([record for records in polled.values() for record in records])
        except BaseException:
            for partition, records in polled.items():
                consumer.seek(partition, records[0].offset)
            raise
