"""Records of the kit, read off what a broker hands out: the same as aiokafka reads, in whatever state a log is."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder

from shared.kit.kafka.aiokafka_internals import QuickRecords, ReadableRecords

pytestmark = pytest.mark.unit
PEOPLE = TopicPartition("people", 3)
PLAIN, GZIP = 0, 1
ABORT = (b"\x00\x00\x00\x00", b"\x00\x00\x00\x00\x00\x00")
VALUES = [(b"k", b"v"), (None, b"v"), (b"k", None), (None, None), (b"", b"")]


def batch(first: int, records: Any, *, codec: int = PLAIN, producer: int = -1, last: int | None = None) -> bytes:
    """``records`` by their place in the batch; ``last``: the place of one behind them that compaction took away."""
    builder = _DefaultRecordBatchBuilderPy(2, codec, int(producer >= 0), producer, 0, 0, 1_000_000)
    for place, (key, value) in records.items():
        builder.append(place, 1_000, key, value, [("x", b"1"), ("none", None)] if place % 2 else [])
    found = bytearray(builder.build())
    found[:8] = first.to_bytes(8)
    if last is not None:
        found[23:27] = last.to_bytes(4)
    return bytes(found)


def control(first: int, producer: int) -> bytes:
    """That a transaction was aborted, as a broker writes it."""
    found = bytearray(batch(first, {0: ABORT}, producer=producer))
    found[22] |= 0x20
    return bytes(found)


def old(magic: Literal[0, 1]) -> bytes:
    builder = LegacyRecordBatchBuilder(magic, PLAIN, 1_000_000)
    for place, (key, value) in enumerate(VALUES):
        builder.append(place, 1_000, key, value)
    return bytes(builder.build())


EVERY = dict(enumerate(VALUES))
LOGS = {
    "keys and values that are none or empty": batch(0, EVERY),
    "packed": batch(0, EVERY, codec=GZIP) + batch(5, EVERY),
    "with holes": batch(0, {0: (b"k", b"v"), 7: (b"k", None)}) + batch(40, {2: (None, b"v")}, last=9),
    "batches of which nothing is left": batch(0, {}, last=4) + batch(5, EVERY) + batch(10, {}, last=3),
    "nothing but an empty batch": batch(0, {}, last=4),
    "aborted": batch(0, EVERY, producer=7) + batch(5, EVERY, producer=8) + control(10, 7) + batch(11, EVERY),
    "magic 0": old(0),
    "magic 1": old(1),
}


def read(kind: Any, data: bytes, begin: int, most: int) -> list[Any]:
    """What is read, in turns of so many, and which offset is fetched next after each turn."""
    records = kind(PEOPLE, ReadableRecords(data), [(7, 0)], begin, None, None, False, READ_COMMITTED)
    found: list[Any] = []
    while True:
        turn: list[Any] = []
        for record in records:
            said = (record.topic, record.partition, record.offset, record.key, record.value, tuple(record.headers))
            turn.append(said)
            if len(turn) == most:
                break
        found.append((turn, records.next_fetch_offset))
        if len(turn) < most:
            return found


@pytest.mark.parametrize("begin", [0, 2, 6])
@pytest.mark.parametrize("most", [1, 3, 1_000])
@pytest.mark.parametrize("log", LOGS)
def test_they_are_those_that_aiokafka_reads(log: str, most: int, begin: int) -> None:
    found = read(QuickRecords, LOGS[log], begin, most)
    assert found == read(PartitionRecords, LOGS[log], begin, most)


def test_what_is_compared_is_not_nothing() -> None:
    ((all_, _),) = read(QuickRecords, LOGS["aborted"], 0, 1_000)
    assert [offset for _, _, offset, *_ in all_] == [5, 6, 7, 8, 9, 11, 12, 13, 14, 15]
    assert read(QuickRecords, LOGS["nothing but an empty batch"], 0, 1_000) == [([], 5)]
    ((left, then),) = read(QuickRecords, LOGS["with holes"], 0, 1_000)
    assert ([offset for _, _, offset, *_ in left], then) == ([0, 7, 42], 50)
