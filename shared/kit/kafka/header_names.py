"""Records whose header names are no UTF-8 can be read, too.

aiokafka (0.14) dies of such a name while it unpacks what it fetched, at every attempt anew: one such record would hold
its partition up for ever. Here its batch is unpacked a second time, with the odd bytes of the name written as escapes;
what the record is worth is then for its reader to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, SupportsIndex

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy


class _Bytes(bytearray):
    """A buffer whose slices can always be decoded."""

    def __getitem__(self, place: SupportsIndex | slice) -> Any:
        found = super().__getitem__(place)
        return _Bytes(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


class _Batch:
    """One batch, as quickly unpacked as ever, and only when that fails as patiently as it needs."""

    def __init__(self, quick: Any, data: bytes, number: int) -> None:
        self._quick, self._data, self._number = quick, data, number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._quick, name)

    def __next__(self) -> Any:
        return next(self._quick)

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._quick
        except UnicodeDecodeError:
            yield from self._patiently()  # from the batch's first record: the fetcher leaves out what it has had

    def _patiently(self) -> Iterator[Any]:
        batches = _MemoryRecordsPy(self._data)
        for _ in range(self._number):
            batches.next_batch()
        piece: Any = batches._next_slice
        batch: Any = _DefaultRecordBatchPy(piece)
        batch._maybe_uncompress()
        batch._buffer = _Bytes(batch._buffer)
        return iter(batch)


class ReadableRecords:
    """Stands in for aiokafka's MemoryRecords: what one answer of the broker holds for one partition."""

    def __init__(self, data: bytes) -> None:
        self._data, self._quick, self._taken = data, MemoryRecords(data), 0

    def has_next(self) -> bool:
        """Whether there is another batch."""
        return self._quick.has_next()

    def next_batch(self) -> _Batch:
        """The next batch."""
        number, self._taken = self._taken, self._taken + 1
        return _Batch(self._quick.next_batch(), self._data, number)

    def size_in_bytes(self) -> int:
        """Of all batches."""
        return self._quick.size_in_bytes()


def read_any_header_name() -> None:
    """From now on, for every consumer of this process."""
    vars(fetcher)["MemoryRecords"] = ReadableRecords
