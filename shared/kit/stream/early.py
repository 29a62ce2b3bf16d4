"""Reading on before the group has found together.

A group may take long to say who reads what: the embedded broker always (0.8 session time-outs), Apache Kafka while
another member is missing. But what was ours when we were last seen is still ours by our own checkpoints until somebody
else claims it, and two readers of one partition cannot both commit (`claim.py`). So whoever comes back reads on at
once. It reads only what follows its checkpoints without a gap; at anything else it ends, and the group's reader, which
knows what to do then, comes later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.kit.base.observe import Observer
from shared.kit.kafka.client import connection
from shared.kit.kafka.log_ends import close
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.stream.checkpoints import PartitionCheckpoints

PATIENCE = 1.0  # seconds that a group may take, before anybody reads early
POLL_MS = 100

Batch = Callable[[Sequence[Any]], Awaitable[None]]


class EarlyReader:
    """One start's. ``claims`` must be nobody else's: ``batch`` works with them, and raises when it must not be called
    again. Reads until `stop`, or until something is not as it should be."""

    def __init__(
        self,
        kafka: KafkaSettings,
        claims: PartitionCheckpoints,
        ids: Mapping[str, str],
        batch: Batch,
        observer: Observer,
    ) -> None:
        self._kafka, self._claims, self._ids, self._batch, self._observer = kafka, claims, ids, batch, observer
        self._stopped = self._in_hand = False
        self._session = asyncio.create_task(self._run(), name="early reader")

    def end(self) -> None:
        """No batch begins any more."""
        if not self._stopped:
            self._stopped = True
            if not self._in_hand:
                self._session.cancel()

    async def stop(self) -> None:
        """The same, and wait for the batch in hand. May be called again, and by several at once."""
        self.end()
        await asyncio.wait([self._session])

    async def _run(self) -> None:
        await asyncio.sleep(PATIENCE)
        try:
            await self._read()
        except Exception as error:  # whatever it is: the group's reader comes
            self._observer.retried("early", type(error).__name__)

    async def _read(self) -> None:
        owned = await self._claims.owned(self._ids, self._kafka.partitions)
        next = {TopicPartition(self._kafka.physical(each.topic), each.number): done + 1 for each, done in owned.items()}
        if not next:
            return
        consumer = AIOKafkaConsumer(
            **connection(self._kafka),
            client_id=self._kafka.instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=POLL_MS,
        )
        try:
            await consumer.start()
            consumer.assign(list(next))
            for partition, offset in next.items():
                consumer.seek(partition, offset)
            while not self._stopped:
                polled = await consumer.getmany(timeout_ms=POLL_MS, max_records=self._kafka.batch_max_records)
                for partition, records in polled.items():
                    first, next[partition] = next[partition], next[partition] + len(records)
                    if [record.offset for record in records] != list(range(first, next[partition])):
                        return
                if polled:
                    self._in_hand = True
                    await self._batch([record for records in polled.values() for record in records])
                    self._in_hand = False
        finally:
            await close(consumer)
