"""One attempt at one transaction: load what its operations need, do them in order, write what they changed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import bson
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError

from shared.kit.base.adaptive_batch_size import too_large
from shared.kit.base.cpu_slices import in_slices
from shared.kit.store.mongo import Document, in_one_turn
from shared.kit.store.transaction_io import InTransaction, TransactionIO, Write
from shared.kit.store.unit_of_work import Need, NotNeeded, UnitOfWork

T = TypeVar("T")
MOST_LOADS = 5
MOST_MIXED = 40  # writes to one collection that are one command, also when some are known to be new
MOST_REPLACED = 10  # documents of a collection with many indexes, before they are written anew instead
ACQUITTALS = 3  # of one operation: each costs an attempt of the whole transaction
MOST_HELD = 100  # documents of a collection that are taken first after a lost race
_WRITE_CONFLICT = 112
_PASSING = frozenset({_WRITE_CONFLICT, 251, 50, 262})  # NoSuchTransaction, MaxTimeMSExpired, ExceededTimeLimit
_SLICE_SECONDS = 0.005  # so long the event loop (probes, heartbeats, small requests) may be kept from others


@dataclass(frozen=True)  # no slots: Task[None](...) would not work
class Operation(Generic[T]):
    """What one caller wants done in a transaction that it may share. ``needs`` is called before anything is loaded, and
    again, when ``do`` misses something, until it asks for nothing new (at most 5 times); it may read what is loaded so
    far (absent: None). What it can guess it names at once: that is one question to the database. ``do`` is pure over
    the unit of work: no await, no IO; it is done again from the start when it misses something. ``otherwise`` is called
    instead when either raises, after a rollback to the savepoint before the operation, in the same transaction; when it
    raises itself, nothing of it stays and what it raised is the operation's result."""

    needs: Callable[[UnitOfWork], Iterable[Need]]
    do: Callable[[UnitOfWork], T]
    otherwise: Callable[[UnitOfWork, Exception], None] | None = None


class TransactionParticipant(Protocol):
    """Memory that follows the store. ``savepoint`` before each operation, ``rollback_to`` it when that failed; then
    either ``committed`` or ``aborted`` (back to the state before the transaction) for all of it.

    A ``savepoint`` that raises says that nothing may be done now (matching without its lease): the whole transaction is
    undone, no operation is blamed, and what it raised is raised. The others must not raise: ``rollback_to`` ends the
    whole transaction then; after ``committed`` or ``aborted`` the memory is no longer what is stored, and the store
    does nothing more."""

    def savepoint(self) -> object: ...
    def rollback_to(self, savepoint: Any) -> None: ...
    def committed(self) -> None: ...
    def aborted(self) -> None: ...


class TooManyReads(RuntimeError):
    """An operation's ``needs`` asked for something new more than 5 times."""


class NoRoom(Exception):
    """With what the operation writes it would be too much for one transaction: it waits for the next."""


class WriteRejected(Exception):
    """The database refused what an operation wrote (a unique index, a document that an index or a validator cannot
    take), again when the whole transaction was repeated."""

    def __init__(self, collection: str, operation_index: int, code: int) -> None:
        super().__init__(f"{collection}: {code}")
        self.collection = collection
        self.operation_index = operation_index


class TransactionAttempt(Generic[T]):
    """The operations of one attempt and their results: of as many, in order, as have room in ``most_bytes`` of what is
    written, the first always. ``rejected``: those not to be tried again; ``many_indexes``: collections in which a
    replacement is dear."""

    def __init__(
        self,
        operations: Sequence[Operation[T]],
        work: UnitOfWork,
        participants: Sequence[TransactionParticipant],
        rejected: Mapping[int, Exception],
        many_indexes: Set[str] = frozenset(),
        most_bytes: float = math.inf,
    ) -> None:
        self.work = work
        self.results: list[T | Exception] = []
        self.failed: list[Write] = []  # the one that the database refused, if one was
        self.rows: list[Document] = []  # of the outbox, written last: what fails there is no operation's fault
        self._operations = operations
        self._participants = participants
        self._many_indexes = many_indexes
        self._most_bytes = most_bytes
        self._failed: dict[int, Exception] = dict(rejected)

    async def run(self, io: TransactionIO) -> None:
        """Load for all (also for the rejected ones: what is done instead reads, too), then do one after the other.

        They are asked once and believed: most know all that they need before anything is loaded. The first that misses
        something is undone, and it and all behind it are asked until nothing new comes up. From then on what is missing
        follows from what earlier ones saved, and is loaded for the one that misses it."""
        last = len(self._operations)
        await self._load(io, range(last))
        believed = True
        async for n, operation in in_slices(enumerate(self._operations), _SLICE_SECONDS):
            self.work.operation_index = n
            result = self._result(n, operation)
            if isinstance(result, NotNeeded):
                await self._load(io, range(n, last) if believed else [n], missed=n)
                believed = False
                result = self._result(n, operation, loaded=True)
            if isinstance(result, NoRoom):
                break
            self.results.append(result)
        self.work.end()

    async def write(self, io: TransactionIO, alongside: InTransaction | None, commit: Callable[[], None]) -> None:
        """In one turn of a thread all changes, by collection, then the rows of the outbox, and the commit."""
        writes = [
            write
            for collection, changes in self.work.changes().items()
            for write in _writes(collection, changes, anew=collection in self._many_indexes)
        ]

        def write_all() -> None:
            io.write(writes, self.rows, self.failed, alongside)
            commit()

        await in_one_turn(write_all)

    def committed(self) -> None:
        """All of it happened. Every participant is told; raises what the first that failed raised."""
        _each(participant.committed for participant in self._participants)

    def aborted(self) -> None:
        """Nothing of it happened. Every participant is told; raises what the first that failed raised."""
        _each(participant.aborted for participant in self._participants)

    def _result(self, n: int, operation: Operation[T], *, loaded: bool = False) -> T | Exception:
        """What came of it, or of what is done instead. NotNeeded, unless all is ``loaded``, when either missed
        something: nothing of it stays, and it is done again."""
        result = self._failed[n] if n in self._failed else self._do(operation)
        if not isinstance(result, Exception) or isinstance(result, NoRoom) or operation.otherwise is None:
            return result
        return result if isinstance(result, NotNeeded) and not loaded else self._instead(operation.otherwise, result)

    def _do(self, operation: Operation[T]) -> T | Exception:
        savepoint = self.work.savepoint()
        theirs = [(each, each.savepoint()) for each in self._participants]  # what these raise is no operation's fault
        try:
            result = operation.do(self.work)
            if self.results and self.work.size > self._most_bytes:
                raise NoRoom
            return result
        except Exception as error:
            for participant, its_savepoint in theirs:
                participant.rollback_to(its_savepoint)
            self.work.rollback_to(savepoint)
            return error

    def _instead(self, otherwise: Callable[[UnitOfWork, Exception], None], error: Exception) -> Exception:
        savepoint = self.work.savepoint()
        try:
            otherwise(self.work, error)
        except Exception as second:
            self.work.rollback_to(savepoint)
            return second
        return error

    async def _load(self, io: TransactionIO, indexes: Iterable[int], *, missed: int | None = None) -> None:
        """Ask the operations what they need, once, or when one has ``missed`` something until nothing new comes up,
        with one question to the database each time. Whoever cannot say it fails; of those behind the one that missed
        something nobody does, for it may not matter to them: what becomes of one must not depend on its neighbours."""
        asking = list(indexes)
        for _ in range(MOST_LOADS + 1):
            wanted: dict[tuple[str, str], dict[Hashable, None]] = {}
            still = []
            self.work.asking = True
            async for n in in_slices(asking, _SLICE_SECONDS):
                try:
                    missing = [_askable(need) for need in self.work.missing(self._operations[n].needs(self.work))]
                except Exception as error:
                    if missed in (None, n):
                        self._failed.setdefault(n, error)  # a rejected one stays rejected
                    continue
                if missing:
                    still.append(n)
                for need in missing:
                    wanted.setdefault((need.collection, need.field), {})[need.value] = None
            self.work.asking = False
            if not wanted:
                return
            asking = still
            for (collection, field), found in (await io.read(wanted)).items():
                self.work.loaded(collection, field, wanted[collection, field], found)
            if missed is None:
                return
        if missed in asking:
            self._failed.setdefault(missed, TooManyReads("needs"))


def _writes(collection: str, changes: Sequence[tuple[str, bytes | None, bool, int]], *, anew: bool) -> list[Write]:
    """What is known to be new is inserted, which is cheaper; a few beside others are replaced as these are, for each
    kind of write is a command. ``anew``: more than a few that are there already are deleted together and
    inserted again. For a replacement in a transaction MongoDB 6 reads the whole definition of the collection twice for
    each of its indexes, 0.4 ms with thirteen, and for a delete and an insert not, 0.1 (decision 71). Whichever way, a
    document that came or changed meanwhile is a conflict. Not so outside of a transaction: who changes such a document
    there by its id, and waits for this one, may find nothing any more, and has to look again."""
    before = [id for id, _, new, _ in changes if not new]
    if anew and len(before) > MOST_REPLACED:
        first = changes[0][3]
        deleted = Write("delete", collection, [bson.encode({"q": {"_id": {"$in": before}}, "limit": 0})], [first])
        return [deleted, *_inserted(collection, changes)]
    mixed = len(changes) <= MOST_MIXED and any(raw is not None and not new for _, raw, new, _ in changes)
    gone = [(bson.encode({"q": {"_id": id}, "limit": 1}), index) for id, raw, _, index in changes if raw is None]
    replaced = [
        (bson.encode({"q": {"_id": id}, "u": RawBSONDocument(raw), "upsert": True}), index)
        for id, raw, new, index in changes
        if raw is not None and (mixed or not new)
    ]
    found = [Write("delete", collection, *_apart(gone))] if gone else []
    if replaced:
        found.append(Write("update", collection, *_apart(replaced)))
    return found if mixed else [*found, *_inserted(collection, [each for each in changes if each[2]])]


def _inserted(collection: str, changes: Sequence[tuple[str, bytes | None, bool, int]]) -> list[Write]:
    those = [(raw, index) for _, raw, _, index in changes if raw is not None]
    return [Write("insert", collection, *_apart(those))] if those else []


def _apart(statements: Sequence[tuple[bytes, int]]) -> tuple[list[bytes], list[int]]:
    return [statement for statement, _ in statements], [index for _, index in statements]


def _askable(need: Need) -> Need:
    """Raises for a value that no question to the database can hold: one operation's fault, not its batch's."""
    if isinstance(need.value, str):
        need.value.encode()
    else:
        hash(need.value)
        bson.encode({"": need.value})
    return need


def _each(calls: Iterable[Callable[[], None]]) -> None:
    failed: list[Exception] = []
    for call in calls:
        try:
            call()
        except Exception as error:
            failed.append(error)
    if failed:
        raise failed[0]


def lost_race(error: PyMongoError) -> bool:
    """Whether somebody else has written, or is about to, what this transaction wanted to write."""
    return isinstance(error, OperationFailure) and error.code == _WRITE_CONFLICT


def contended_by(attempt: TransactionAttempt[Any]) -> dict[str, list[Hashable]]:
    """By collection the ids of the documents among which it lost its race, if that was as it wrote, and they are few
    enough to be held."""
    if not attempt.failed:
        return {}
    (write,) = attempt.failed
    if write.kind != "update" or len(write.statements) > MOST_HELD:
        return {}
    return {write.collection: [bson.decode(statement)["q"]["_id"] for statement in write.statements]}


def write_rejected_of(error: PyMongoError, attempt: TransactionAttempt[Any]) -> WriteRejected | None:
    """Whose document was refused, if that is what happened in ``attempt.write``; a conflict of writers is none."""
    passing = error.has_error_label("TransientTransactionError") or too_large(error)
    if not isinstance(error, BulkWriteError) or passing or not attempt.failed:
        return None
    refused = [item for item in (error.details or {}).get("writeErrors", ()) if item["code"] not in _PASSING]
    if not refused:
        return None
    (write,) = attempt.failed
    return WriteRejected(write.collection, write.operations[refused[0]["index"]], refused[0]["code"])


def acquit_later(rejected: dict[int, Exception], refused: WriteRejected, acquitted: Counter[int]) -> None:
    """Whoever changed a document last is blamed first; the fault may be this earlier operation's alone."""
    for later in [n for n in rejected if n > refused.operation_index and acquitted[n] < ACQUITTALS]:
        error = rejected[later]
        if isinstance(error, WriteRejected) and error.collection == refused.collection:
            del rejected[later]
            acquitted[later] += 1
