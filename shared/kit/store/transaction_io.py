"""What one transaction asks of the database and writes to it, in as few commands and turns of threads as that takes.

A command costs the service about as much as handling an event does, and each turn of one of the driver's threads as
much again. So a small question is one aggregate command, whatever it asks of several collections, and all that is
written goes to the database in one turn, with the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError, OperationFailure

from shared.kit.store.mongo import UTC_CODEC, Database, Document, DriverSession, Session, in_one_turn
from shared.kit.store.outbox import COLLECTION as OUTBOX
from shared.kit.store.pymongo_internals import Answer, WriteCommand, send_together

Wanted = Mapping[tuple[str, str], Collection[Hashable]]  # by collection and field the values that are asked for
Found = dict[tuple[str, str], list[bytes]]
MOST_TOGETHER = 300  # values in one aggregate command: with more of them a query for each collection is the cheaper way
MOST_STATEMENTS = 1_000  # of one command
MOST_BYTES = 16 * 1024 * 1024  # of the same, but for a single statement; the server takes 48 MB
TIME_LIMIT_MS = 5_000
# what an aggregate command says when all that it found is more than one document can hold
_TOO_LARGE_TOGETHER = frozenset({4568, 10334, 13548, 17419, 17420})
_HOLD = "_hold"  # a field that no document has: the server passes over an update that changes nothing
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


@dataclass(frozen=True, slots=True)
class Write:
    """What is written to one collection in one way: statements as BSON, and which operation each of them is of."""

    kind: Literal["insert", "update", "delete"]
    collection: str
    statements: Sequence[bytes]
    operations: Sequence[int] = ()

    def commands(self) -> Iterator[tuple[int, WriteCommand]]:
        """It as commands, each with the place of its first statement: more than one where it is too much for one."""
        start, size = 0, 0
        for n, statement in enumerate(self.statements):
            if n > start and (n - start >= MOST_STATEMENTS or size + len(statement) > MOST_BYTES):
                yield start, WriteCommand(self.kind, self.collection, self.statements[start:n])
                start, size = n, 0
            size += len(statement)
        if self.statements:
            yield start, WriteCommand(self.kind, self.collection, self.statements[start:])


@dataclass(frozen=True, slots=True)
class Condition:
    """Updates that must find their documents, every one of them; else ``otherwise`` is raised, and all is undone."""

    updates: Write
    otherwise: Exception


# In a thread of the driver: reads and writes in the transaction; what it returns is sent with all else that is written.
InTransaction = Callable[[DriverSession], Condition | None]


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

    async def hold(self, collection: str, ids: Sequence[Hashable]) -> None:
        """Before anything is read: from here on others that write these documents have the conflict. They stay as they
        are. Raises PyMongoError where somebody else has one of them."""
        those, changes = {"_id": {"$in": list(ids)}}, ({"$set": {_HOLD: True}}, {"$unset": {_HOLD: ""}})
        updates = [{"q": those, "u": change, "multi": True} for change in changes]
        answer = await in_one_turn(
            partial(self._database.command, {"update": collection, "updates": updates}, session=self._session)
        )
        _good(answer)

    def _read_together(self, wanted: Wanted) -> Found:
        names = {name: f"{number}" for number, name in enumerate(wanted)}
        pipeline: list[Document] = [{"$documents": [{}]}]
        for (collection, field), values in wanted.items():
            matching = [{"$match": {field: {"$in": list(values)}}}]
            pipeline.append({"$lookup": {"from": collection, "as": names[collection, field], "pipeline": matching}})
        command = {"aggregate": 1, "pipeline": pipeline, "cursor": {}, "maxTimeMS": TIME_LIMIT_MS}
        answer = self._database.command(command, session=self._session, codec_options=_RAW)  # no cursor: it is one row
        (found,) = answer["cursor"]["firstBatch"]
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
        self, writes: Sequence[Write], rows: list[Document], failed: list[Write], alongside: InTransaction | None
    ) -> None:
        """In a thread of the driver: what runs alongside, each write, the rows of the outbox. ``failed`` holds the
        write that was refused, if one of them was. Raises PyMongoError, and what runs alongside raises."""
        condition = alongside(self._session) if alongside is not None else None
        before = [condition.updates] if condition is not None else []
        outbox = [Write("insert", OUTBOX, [bson.encode(row, codec_options=UTC_CODEC) for row in rows])]
        sent = [(write, *command) for write in (*before, *writes, *outbox) for command in write.commands()]
        commands = [command for _, _, command in sent]
        answers = send_together(self._database.client, self._session, self._database.name, commands)
        answered = list(zip(sent, answers, strict=True))
        if condition is not None:  # before all else: who is fenced must not take it for a conflict, and try again
            found = [_good(answer)["n"] for (write, *_), answer in answered if write is condition.updates]
            if sum(found) != len(condition.updates.statements):
                raise condition.otherwise
        for (write, start, _), answer in answered:
            failed[:] = [write] if write.operations else []  # a row of the outbox is no operation's
            _good(answer, start)
        failed.clear()


def _good(answer: Answer, start: int = 0) -> Document:
    """Raises what the driver would have raised; ``start``: the place of the command's first statement in its write."""
    if isinstance(answer, OperationFailure):
        raise answer
    if refused := answer.get("writeErrors"):
        raise BulkWriteError({"writeErrors": [{**each, "index": start + each["index"]} for each in refused]})
    return answer


def too_large_together(error: Exception) -> bool:
    """Whether what was asked in one command would have been found by several."""
    return isinstance(error, OperationFailure) and error.code in _TOO_LARGE_TOGETHER


def _as_bytes(documents: Any) -> list[bytes]:
    """bytes(): a long document comes as a memoryview of the whole answer."""
    return [bytes(document.raw) for document in documents]
