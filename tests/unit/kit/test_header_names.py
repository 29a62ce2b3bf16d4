"""A header name that is no UTF-8 keeps no record from being read, and no neighbour."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from shared.kit.kafka import consumer
from shared.kit.kafka.header_names import ReadableRecords
from tests.support.poison import OddName

pytestmark = pytest.mark.unit
PLAIN, GZIP = 0, 1


def batch(first: int, *, odd: bool, codec: int = PLAIN) -> bytes:
    """Three records as a broker hands them out; the second may have an odd name."""
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 1_000_000)
    for n in range(3):
        name = OddName("x") if odd and n == 1 else "x"
        builder.append(n, 1_000, b"key", b"value %d" % (first + n), [(name, b"1"), ("none", None)])
    found = bytearray(builder.build())
    found[:8] = first.to_bytes(8)  # the base offset, which a broker sets; it is not in the checksum
    return bytes(found)


def unpacked(records: Any) -> list[Any]:
    """As the fetcher of aiokafka does it."""
    fetched = fetcher.PartitionRecords(TopicPartition("people", 0), records, [], 0, None, None, True, 0)
    return list(fetched)


@pytest.mark.parametrize("codec", [PLAIN, GZIP])
class TestReadableRecords:
    def test_gives_every_record_once_and_in_order(self, codec: int) -> None:
        data = batch(0, odd=False, codec=codec) + batch(3, odd=True, codec=codec) + batch(6, odd=False)
        found = unpacked(ReadableRecords(data))
        assert [(record.offset, record.value) for record in found] == [(n, b"value %d" % n) for n in range(9)]
        assert [name for name, _ in found[4].headers] == ["\\xff\\xfe", "none"]
        assert found[4].headers[1] == ("none", None)
        assert all(type(record.value) is bytes and type(record.key) is bytes for record in found)

    def test_is_needed(self, codec: int) -> None:
        with pytest.raises(UnicodeDecodeError):
            unpacked(MemoryRecords(batch(0, odd=True, codec=codec)))

    def test_changes_nothing_for_others(self, codec: int) -> None:
        data = batch(0, odd=False, codec=codec) + batch(3, odd=False)
        assert [vars(record) for record in unpacked(ReadableRecords(data))] == [
            vars(record) for record in unpacked(MemoryRecords(data))
        ]


def test_every_consumer_of_the_kit_reads_with_it() -> None:
    assert consumer.Consumer
    assert fetcher.MemoryRecords is ReadableRecords
