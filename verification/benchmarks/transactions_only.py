"""The other reference: nothing but the MongoDB transactions. The very same documents as the service writes, made before
the clock starts; no Kafka, no parsing, no reading."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from pymongo import InsertOne, ReadPreference, ReplaceOne, UpdateOne, WriteConcern
from pymongo.read_concern import ReadConcern

from shared.events import Event
from shared.events.topics.deliveries import NOTICE_DELIVERED
from shared.kit.kafka.records import EventCodec
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.kafka.topics import Topics
from shared.kit.runtime.cloudevent_codec import CloudEventCodec
from shared.kit.store import outbox
from shared.kit.store.mongo import connect, ensure_indexes
from shared.kit.store.outbox import Outbox
from shared.kit.store.unit_of_work import UnitOfWork
from shared.kit.stream import checkpoints
from verification.benchmarks.workload import BATCH, BEFORE, SOURCE, STATE, Names, document, match_found, told


async def group_transactions(names: Names, count: int, warm_up: int) -> float:
    """Events per second after the warm-up."""
    client = connect(names.mongo_url)
    database = client[names.database]
    await ensure_indexes(database, {**outbox.INDEXES, **checkpoints.INDEXES})
    kafka = KafkaSettings(bootstrap=names.kafka, instance="bench-1", prefix=names.prefix)
    codec = CloudEventCodec()
    box = Outbox(database, Topics(kafka), codec)
    await database[checkpoints.COLLECTION].insert_one({"_id": "bench/0", "epoch": 1, "offset": -1})
    groups = [_documents(range(start, min(start + BATCH, count)), box, codec) for start in range(0, count, BATCH)]
    write = _replacement if names.held else InsertOne[dict[str, Any]]
    begun, done, before = 0.0, 0, 0
    async with await client.start_session() as session:
        for states, rows in groups:
            if not begun and done >= warm_up:
                begun, before = time.perf_counter(), done
            async with session.start_transaction(
                ReadConcern("snapshot"), WriteConcern("majority"), ReadPreference.PRIMARY
            ):
                move = UpdateOne({"_id": "bench/0", "epoch": 1, "offset": done - 1}, {"$inc": {"offset": len(states)}})
                await database[checkpoints.COLLECTION].bulk_write([move], ordered=False, session=session)
                await database[STATE].bulk_write([write(each) for each in states], ordered=False, session=session)
                await database[outbox.COLLECTION].insert_many(rows, session=session)
            done += len(states)
    seconds = time.perf_counter() - begun
    client.close()
    return (done - before) / seconds


def _replacement(document: dict[str, Any]) -> ReplaceOne[dict[str, Any]]:
    return ReplaceOne({"_id": document["_id"]}, document)


def _documents(numbers: range, box: Outbox, codec: EventCodec) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    work = UnitOfWork(datetime.now(UTC), codec=codec)
    states = []
    for n in numbers:
        event = match_found(n)
        states.append(document(event.data, BEFORE + 1))
        said = Event(
            id=event.id, source=SOURCE, type=NOTICE_DELIVERED.name, version=1, time=work.now, key=event.data.match,
            data=told(event.data), sequence=BEFORE + 1, correlationid=event.correlationid, causationid=event.id,
            recordedtime=event.recordedtime,
        )  # fmt: skip
        work.emit(said)
    return states, box.rows(work.emitted, work.now)
