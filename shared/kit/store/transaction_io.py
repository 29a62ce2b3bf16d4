"""What one transaction asks of the database and writes to it, in as few commands and turns of threads as that takes.

A command costs the service about as much as handling an event does, and each turn of one of the driver's threads as
much again. So a small question is one aggregate command, whatever it asks of several collections, and all that is
written goes to the database in one turn, with the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure

from shared.kit.store.mongo import Database, Document, DriverSession, Session, in_one_turn
from shared.kit.store.outbox import COLLECTION as OUTBOX

Wanted = Mapping[tuple[str, str], Collection[Hashable]]  # by collection and field the values that are asked for
Found = dict[tuple[str, str], list[bytes]]
InTransaction = Callable[[DriverSession], None]  # writes and reads in the transaction; in a thread of the driver
MOST_TOGETHER = 300  # values in one aggregate command: with more of them a query for each collection is the cheaper way
TIME_LIMIT_MS = 5_000
# what an aggregate command says when all that it found is more than one document can hold
_TOO_LARGE_TOGETHER = frozenset({4568, 10334, 13548, 17419, 17420})
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


@dataclass(frozen=True, slots=True)
class Bulk:
    """Writes to one collection, and which operation each of them is of. ``ordered``: one after the other."""

    collection: str
    writes: list[Any]
    operations: list[int]
    ordered: bool = False


class TransactionIO:
    """Of one transaction. ``together``: small questions may be one command; not when that has failed for its size."""

    def __init__(self, database: Database, session: Session, *, together: bool = True) -> None:
        self._database: Any = database.delegate  # the driver's own, without the event loop
        self._session: DriverSession = session.delegate
        self._together = together

    async def read(self, wanted: Wanted) -> Found:
        """All documents with one of these values. Raises PyMongoError."""
        small = self._together and len(wanted) > 1 and sum(map(len, wanted.values())) <= MOST_TOGETHER
        return await in_one_turn(partial(self._read_together if small else self._read_each, wanted))

    def _read_together(self, wanted: Wanted) -> Found:
        names = {name: f"{number}" for number, name in enumerate(wanted)}
        pipeline: list[Document] = [{"$documents": [{}]}]
        for (collection, field), values in wanted.items():
            matching = [{"$match": {field: {"$in": list(values)}}}]
            pipeline.append({"$lookup": {"from": collection, "as": names[collection, field], "pipeline": matching}})
        raw = self._database.with_options(codec_options=_RAW)
        (found,) = raw.aggregate(pipeline, session=self._session, maxTimeMS=TIME_LIMIT_MS)
        return {name: _as_bytes(found[place]) for name, place in names.items()}

    def _read_each(self, wanted: Wanted) -> Found:
        found: Found = {}
        for (collection, field), values in wanted.items():
            raw = self._database.get_collection(collection, codec_options=_RAW)
            query = {field: {"$in": list(values)}}
            found[collection, field] = _as_bytes(
                raw.find(query, session=self._session, max_time_ms=TIME_LIMIT_MS, batch_size=2_000)
            )
        return found

    def write(
        self, bulks: Sequence[Bulk], rows: list[Document], begun: list[Bulk], alongside: InTransaction | None
    ) -> None:
        """In a thread of the driver: what runs alongside, each bulk, the rows of the outbox. ``begun`` ends with the
        bulk that failed, and is empty when none did. Raises PyMongoError, and what runs alongside raises."""
        if alongside is not None:
            alongside(self._session)
        for bulk in bulks:
            begun.append(bulk)
            collection = self._database[bulk.collection]
            collection.bulk_write(bulk.writes, ordered=bulk.ordered, session=self._session)
        begun.clear()
        if rows:
            self._database[OUTBOX].insert_many(rows, session=self._session)


def too_large_together(error: Exception) -> bool:
    """Whether what was asked in one command would have been found by several."""
    return isinstance(error, OperationFailure) and error.code in _TOO_LARGE_TOGETHER


def _as_bytes(documents: Any) -> list[bytes]:
    """bytes(): a long document comes as a memoryview of the whole answer."""
    return [bytes(document.raw) for document in documents]
