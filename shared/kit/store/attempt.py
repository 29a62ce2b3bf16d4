"""One attempt at one transaction: load what the tasks need, do them in order, write what they changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import DeleteOne, InsertOne, ReplaceOne
from pymongo.errors import BulkWriteError, PyMongoError

from shared.kit.base.slices import in_slices
from shared.kit.store.mongo import Database, Session
from shared.kit.store.unit_of_work import Need, NotNeeded, UnitOfWork

T = TypeVar("T")
NEEDS_ROUNDS = 5
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
_PASSING = frozenset({112, 251, 50, 262})  # WriteConflict, NoSuchTransaction, MaxTimeMSExpired, ExceededTimeLimit
_SLICE_SECONDS = 0.005  # so long the event loop (probes, heartbeats, small requests) may be kept from others


@dataclass(frozen=True)  # no slots: Task[None](...) would not work
class Operation(Generic[T]):
    """One piece of work. ``needs`` is called again after each load until it asks for nothing new (at most 5 rounds),
    and may read what is loaded so far (absent: None). ``do`` is pure over the Work: no await, no IO. ``otherwise`` is
    called instead when either raises, after everything of the task was undone, in the same transaction; when it raises
    itself, nothing of it stays and what it raised is the task's result."""

    needs: Callable[[UnitOfWork], Iterable[Need]]
    do: Callable[[UnitOfWork], T]
    otherwise: Callable[[UnitOfWork, Exception], None] | None = None


class TransactionParticipant(Protocol):
    """Memory that follows the store. ``mark`` before each task, ``undo(mark)`` when it failed; then either
    ``committed`` or ``aborted`` (back to the state before the transaction) for all of it.

    A ``mark`` that raises says that nothing may be done now (matching without its lease): the whole transaction is
    undone, no task is blamed, what ``mark`` raised is raised. The others must not raise: ``undo`` undoes the whole
    transaction then; after ``committed`` or ``aborted`` the memory is no longer what is stored, and the store does
    nothing more."""

    def savepoint(self) -> object: ...
    def rollback_to(self, mark: Any) -> None: ...
    def committed(self) -> None: ...
    def aborted(self) -> None: ...


class TooManyReads(RuntimeError):
    """A task's ``needs`` asked for something new more than 5 times."""


class WriteRejected(Exception):
    """The database refused what a task wrote (a unique index, a document that an index or a validator cannot take),
    again when the whole transaction was repeated."""

    def __init__(self, collection: str, operation_index: int, code: int) -> None:
        super().__init__(f"{collection}: {code}")
        self.collection = collection
        self.operation_index = operation_index


class TransactionAttempt(Generic[T]):
    """The tasks of one attempt and their results. ``clashes``: tasks not to be tried again."""

    def __init__(
        self,
        tasks: Sequence[Operation[T]],
        work: UnitOfWork,
        views: Sequence[TransactionParticipant],
        clashes: Mapping[int, WriteRejected],
    ) -> None:
        self.work = work
        self.results: list[T | Exception] = []
        self.written: list[
            tuple[str, list[int]]
        ] = []  # collection, and the index of the operation that each write is of
        self._tasks = tasks
        self._views = views
        self._failed: dict[int, Exception] = dict(clashes)

    async def run(self, database: Database, session: Session) -> None:
        """Load for all (also for those that clashed: what is done instead reads, too), then do one after the other."""
        await self._load(database, session, range(len(self._tasks)))
        async for n, task in in_slices(enumerate(self._tasks), _SLICE_SECONDS):
            self.work.operation_index = n
            result = self._failed[n] if n in self._failed else self._do(task)
            if isinstance(result, NotNeeded):  # what earlier tasks saved may lead it to more than was loaded
                await self._load(database, session, [n])
                result = self._failed[n] if n in self._failed else self._do(task)
            if isinstance(result, Exception) and task.otherwise is not None:
                result = self._instead(task.otherwise, result)
            self.results.append(result)

    async def write(self, database: Database, session: Session) -> None:
        """All changes, one bulk per collection."""
        for collection, changes in self.work.changes().items():
            operations: list[Any] = []
            for id, raw, new, _ in changes:
                if raw is None:
                    operations.append(DeleteOne({"_id": id}))
                elif new:
                    operations.append(InsertOne(RawBSONDocument(raw)))
                else:
                    operations.append(ReplaceOne({"_id": id}, RawBSONDocument(raw), upsert=True))
            self.written.append((collection, [piece for *_, piece in changes]))
            await database[collection].bulk_write(operations, ordered=False, session=session)
        self.written.clear()  # what fails after this is no task's

    def committed(self) -> None:
        """All of it happened. Every view is told; raises what the first that failed raised."""
        _each(view.committed for view in self._views)

    def aborted(self) -> None:
        """Nothing of it happened. Every view is told; raises what the first that failed raised."""
        _each(view.aborted for view in self._views)

    def _do(self, task: Operation[T]) -> T | Exception:
        mark = self.work.savepoint()
        marked = [(view, view.savepoint()) for view in self._views]  # what these raise is no task's fault
        try:
            return task.do(self.work)
        except Exception as error:
            for view, seen in marked:
                view.rollback_to(seen)
            self.work.rollback_to(mark)
            return error

    def _instead(self, otherwise: Callable[[UnitOfWork, Exception], None], error: Exception) -> Exception:
        mark = self.work.savepoint()
        try:
            otherwise(self.work, error)
        except Exception as second:
            self.work.rollback_to(mark)
            return second
        return error

    async def _load(self, database: Database, session: Session, pieces: Iterable[int]) -> None:
        """Ask the tasks what they need until nothing new comes up: one query per collection and field a round."""
        asking = list(pieces)
        for _ in range(NEEDS_ROUNDS + 1):
            wanted: dict[tuple[str, str], dict[Hashable, None]] = {}
            still = []
            self.work.asking = True
            async for n in in_slices(asking, _SLICE_SECONDS):
                try:
                    missing = [_askable(need) for need in self.work.missing(self._tasks[n].needs(self.work))]
                except Exception as error:
                    self._failed.setdefault(n, error)  # a clash stays one
                    continue
                if missing:
                    still.append(n)
                for need in missing:
                    wanted.setdefault((need.collection, need.field), {})[need.value] = None
            self.work.asking = False
            if not wanted:
                return
            asking = still
            for (collection, field), values in wanted.items():
                raw = database[collection].with_options(codec_options=_RAW)
                query = {field: {"$in": list(values)}}
                cursor = raw.find(query, session=session, max_time_ms=5_000, batch_size=2_000)
                found: list[Any] = await cursor.to_list(None)
                # bytes(): a long document comes as a memoryview of the whole answer
                self.work.loaded(collection, field, values, (bytes(document.raw) for document in found))
        for n in asking:
            self._failed.setdefault(n, TooManyReads("needs"))


def _askable(need: Need) -> Need:
    """Raises for a value that no question to the database can hold: one task's, and not its batch's."""
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


def write_rejected_of(error: PyMongoError, round: TransactionAttempt[Any]) -> WriteRejected | None:
    """Whose document was refused, if that is what happened in ``round.write``; a conflict of writers is none."""
    if not isinstance(error, BulkWriteError) or error.has_error_label("TransientTransactionError") or not round.written:
        return None
    refused = [item for item in (error.details or {}).get("writeErrors", ()) if item["code"] not in _PASSING]
    if not refused:
        return None
    collection, pieces = round.written[-1]
    return WriteRejected(collection, pieces[refused[0]["index"]], refused[0]["code"])
