"""The reference: what a careful programmer writes on the bare libraries, without anything that keeps it right.

The same clients, acknowledgements, write concern and batch size. No transaction, no outbox, no checkpoint, no read, no
quarantine: a kill between two of its lines loses or doubles, one bad record stops it for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pymongo import ReplaceOne

from shared.events.topics.deliveries import NOTICE_DELIVERED
from shared.events.topics.matches import Match
from shared.kit.store.mongo import connect
from verification.benchmarks.workload import (
    BATCH,
    FETCH_WAIT_MS,
    LINGER_MS,
    MAX_BATCH_BYTES,
    POLL_MS,
    READS,
    SESSION_TIMEOUT_MS,
    SOURCE,
    STATE,
    WRITES,
    Names,
    document,
    told,
)  # fmt: skip

_CONSTANT = [
    ("ce_specversion", b"1.0"),
    ("ce_type", NOTICE_DELIVERED.name.encode()),
    ("ce_source", SOURCE.encode()),
    ("ce_dataschema", NOTICE_DELIVERED.dataschema.encode()),
    ("ce_dataclassification", NOTICE_DELIVERED.dataclassification.value.encode()),
    ("content-type", b"application/json"),
]


@asynccontextmanager
async def bare(names: Names) -> AsyncIterator[None]:
    """Runs it as long as the context lasts."""
    mongo = connect(names.mongo_url)
    consumer = AIOKafkaConsumer(
        names.prefix + READS, bootstrap_servers=names.kafka, group_id=names.prefix + "bench",
        group_instance_id=names.prefix + "bench-1", enable_auto_commit=False, auto_offset_reset="earliest",
        isolation_level="read_committed", session_timeout_ms=SESSION_TIMEOUT_MS, heartbeat_interval_ms=1_000,
        fetch_max_wait_ms=FETCH_WAIT_MS,
    )  # fmt: skip
    producer = AIOKafkaProducer(
        bootstrap_servers=names.kafka, acks="all", enable_idempotence=names.idempotent, linger_ms=LINGER_MS,
        max_batch_size=MAX_BATCH_BYTES,
    )  # fmt: skip
    await producer.start()
    await consumer.start()
    loop = asyncio.create_task(_loop(names, consumer, producer, mongo[names.database][STATE]))
    try:
        yield
    finally:
        loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await loop
        await consumer.stop()
        await producer.stop()
        mongo.close()


async def _loop(names: Names, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, state: Any) -> None:
    while True:
        polled = await consumer.getmany(max_records=BATCH, timeout_ms=POLL_MS)
        records = [record for of_partition in polled.values() for record in of_partition]
        if not records:
            continue
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z").encode()
        writes, said = [], []
        for record in records:
            headers = dict(record.headers)
            match = Match.model_validate_json(record.value or b"")
            kept = document(match, int(headers["ce_sequence"]))
            writes.append(ReplaceOne({"_id": kept["_id"]}, kept, upsert=True))
            said.append(
                (
                    match.match.encode(),
                    told(match).model_dump_json(by_alias=True, exclude_none=True).encode(),
                    [
                        *_CONSTANT,
                        ("ce_id", secrets.token_hex(16).encode()),
                        ("ce_time", now),
                        ("ce_partitionkey", match.match.encode()),
                        ("ce_sequence", headers["ce_sequence"]),
                        ("ce_correlationid", headers["ce_correlationid"]),
                        ("ce_causationid", headers["ce_id"]),
                        ("ce_recordedtime", headers["ce_recordedtime"]),
                    ],
                )
            )
        await state.bulk_write(writes, ordered=False)
        sent = [await producer.send(names.prefix + WRITES, v, key=k, headers=h) for k, v, h in said]
        await asyncio.gather(*sent)
        await consumer.commit()
