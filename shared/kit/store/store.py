"""One MongoDB transaction for many operations, and their events in its outbox (group commit).

What ``perform`` returns is committed with w=majority, its events are in the outbox; participants in memory follow the
commits exactly. An outcome that is not known (Unavailable) is found out as soon as MongoDB answers again, and before
the next transaction. What is promised and what is not: README.md of the kit.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence, Set
from functools import partial
from typing import Any, Protocol, TypeVar, cast

from bson.binary import Binary
from pymongo import ReadPreference, WriteConcern
from pymongo.errors import ConnectionFailure, PyMongoError, WriteConcernError
from pymongo.read_concern import ReadConcern

from shared.kit.base.adaptive_batch_size import AdaptiveBatchSize, too_large, too_much
from shared.kit.base.backoff import Backoff
from shared.kit.base.clock import Clock
from shared.kit.base.observer import Observer
from shared.kit.store.group_commit import GROUP, Group, GroupQueue, refuse
from shared.kit.store.mongo import Client, Database, Session, end_session, in_one_turn
from shared.kit.store.outbox import Outbox
from shared.kit.store.transaction_attempt import (
    Operation,
    TransactionAttempt,
    TransactionParticipant,
    WriteRejected,
    acquit_later,
    contended_by,
    lost_race,
    write_rejected_of,
)
from shared.kit.store.transaction_io import InTransaction, TransactionIO, too_large_together
from shared.kit.store.unit_of_work import TooLarge, UnitOfWork

__all__ = ["Operation", "Store", "TooLargeTogether", "TransactionParticipant", "Unavailable", "WriteRejected"]

T = TypeVar("T")
SESSIONS = "sessions"  # of each store of each replica: {"_id": name, "session": the one it writes in}
GROUP_BYTES = 16 * 1024 * 1024  # written by a group, of however many operations; a single one may write more


class Unavailable(Exception):
    """MongoDB did not take it in time (``str``: class of the last error). Try again later; it may have worked.

    ``too_much``: less in one transaction may go through."""

    def __init__(self, why: str, *, too_much: bool = False) -> None:
        super().__init__(why)
        self.too_much = too_much


class TooLargeTogether(Unavailable):
    """These operations write more than one transaction may hold. Nothing was written; fewer of them may go through."""

    def __init__(self, why: str) -> None:
        super().__init__(why, too_much=True)


class Piggyback(Protocol):
    """Operations that go along with the next transaction, whoever begins it. ``take`` says which (``company``: the
    transaction has something else to do, too), ``done`` is told what came of them, in their order, or the error when
    nothing is known to be written: they go along with the next one, and are done twice when a commit of unknown outcome
    turns out to have worked."""

    def take(self, *, company: bool) -> Sequence[Operation[Any]]: ...
    def done(self, results: Sequence[Any] | Exception) -> None: ...


class Store:
    """The only writer of a service's state. One transaction at a time, so that events leave in the order of commits.
    ``many_indexes``: collections whose documents are written anew where a transaction changes many of them
    (decision 71): whoever changes one of these outside of a transaction looks whether it was found."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox | None = None,
        observer: Observer | None = None,
        *,
        patience: float = 20.0,
        clock: Clock | None = None,
        many_indexes: Set[str] = frozenset(),
    ) -> None:
        self.database = database
        self._many_indexes = many_indexes
        self._client: Client = database.client
        self._outbox = outbox
        self._observer = observer or Observer()
        self._patience = patience
        self._clock = clock or Clock()
        self._participants: list[TransactionParticipant] = []
        self._piggyback: Piggyback | None = None
        self._session: Session | None = None
        self._name: str | None = None
        self._turn = asyncio.Lock()
        self._committing: TransactionAttempt[Any] | None = None  # its commit was asked for, and no answer is known
        self._resolving: asyncio.Task[None] | None = None
        self._broken: str | None = None
        self._latest = math.inf
        self._queue = GroupQueue()
        self._group_size = AdaptiveBatchSize(GROUP)
        self._running: set[asyncio.Task[Any]] = set()
        self._grouping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the session. Raises PyMongoError when MongoDB does not answer."""
        self._session = await self._client.start_session()

    async def take_over_session(self, name: str) -> None:
        """End the open transaction of whoever wrote under this name before: after a crash the server keeps all it had
        written locked, for a minute by default, and whoever wants to write there waits. ``name``: of one replica and
        one store of it; two processes that share it only cost each other a repetition. Raises PyMongoError."""
        mine = {"session": self.session_id}
        before = await self.database[SESSIONS].find_one_and_update(
            {"_id": name}, {"$set": mine}, upsert=True, maxTimeMS=5_000
        )
        self._name = name
        await end_session(self.database, before, self.session_id)

    async def stop(self) -> None:
        """Let what is under way end, then close the session. Call before the client is closed."""
        if self._grouping is not None:
            await asyncio.wait([self._grouping])
        if self._running:
            await asyncio.wait(self._running)
        if self._resolving is not None:
            self._resolving.cancel()
            await asyncio.gather(self._resolving, return_exceptions=True)
        if self._session is not None:
            if self._name is not None:
                with contextlib.suppress(PyMongoError, TimeoutError):  # else one small document stays
                    async with asyncio.timeout(1.0):
                        await self.database[SESSIONS].delete_one({"_id": self._name, "session": self.session_id})
            await self._session.end_session()
            self._session = None

    def hurry(self, seconds: float) -> None:
        """The process is to end: what MongoDB has not taken in so many seconds from now is Unavailable then, also all
        that waits in the queue."""
        self._latest = min(self._latest, time.monotonic() + seconds)

    @property
    def broken(self) -> bool:
        """Whether a participant does not follow any more, so that nothing will be done until a restart."""
        return self._broken is not None

    @property
    def session_id(self) -> dict[str, Binary]:
        """The session that a successor has to kill, if this process dies inside a transaction."""
        found: Any = self._started.session_id  # motor types it as a method
        return dict(found)

    @property
    def _started(self) -> Session:
        assert self._session is not None, "start() first"
        return self._session

    def enlist(self, participant: TransactionParticipant) -> None:
        """Memory that must follow the store: told of every rollback, commit and abort."""
        self._participants.append(participant)

    def take_along(self, piggyback: Piggyback) -> None:
        """What it has waiting is done behind the operations of every `perform`, in their transaction."""
        self._piggyback = piggyback

    async def perform(
        self, operations: Sequence[Operation[T]], *, in_transaction: InTransaction | None = None
    ) -> list[T | Exception]:
        """Do the operations in order in ONE transaction; the exception of one stands in its place. With nothing to do
        there is a transaction only for what goes along.

        ``in_transaction`` may write in the same transaction (checkpoints), in a thread of the driver; what it raises
        undoes all and is raised.
        Transient failures are repeated with the whole transaction for ``patience`` seconds, then Unavailable is raised;
        at once TooLargeTogether, of several operations. A single one that is too large has TooLarge for its result.
        Once begun it ends, even when the caller is cancelled.
        """

        async def in_turn() -> list[T | Exception]:
            async with self._turn:
                piggyback, todo = self._piggyback, bool(operations) or in_transaction is not None
                along = piggyback.take(company=todo) if piggyback is not None else ()
                try:
                    results = await self._perform([*operations, *along], in_transaction) if todo or along else []
                except BaseException as error:
                    if piggyback is None:
                        raise
                    if todo and along and isinstance(error, TooLargeTogether):
                        return await self._alone(operations, in_transaction, piggyback)
                    piggyback.done(error if isinstance(error, Exception) else Unavailable(type(error).__name__))
                    raise
                if piggyback is not None:
                    piggyback.done(results[len(operations) :])
                return results[: len(operations)]

        running = asyncio.create_task(in_turn())
        self._running.add(running)
        running.add_done_callback(self._ended)
        return await asyncio.shield(running)

    async def _alone(
        self, operations: Sequence[Operation[T]], in_transaction: InTransaction | None, piggyback: Piggyback
    ) -> list[T | Exception]:
        """With what was to go along they were too large: it is told that it was too much, unless they are so alone."""
        why = Unavailable("TooLargeAlone")
        try:
            results = await self._perform(operations, in_transaction)
            if not any(isinstance(each, TooLarge) for each in results):
                why = TooLargeTogether("Along")
        finally:
            piggyback.done(why)
        return results

    def _ended(self, running: asyncio.Task[Any]) -> None:
        self._running.discard(running)
        if not running.cancelled():
            running.exception()  # whoever asked may be gone, and nobody else fetches it

    async def submit(self, operation: Operation[T]) -> T:
        """Group commit: do one operation in a transaction that it shares with others that wait, up to 500 and 16 MB.

        Raises the operation's own exception, TooLarge if it has no room in a transaction of its own, or Unavailable
        (also at once, when too many wait).
        """
        (result,) = await self.submit_all([operation])
        if isinstance(result, Exception):
            raise result
        return result

    async def submit_all(self, operations: Sequence[Operation[T]], *, ahead: bool = False) -> list[T | Exception]:
        """The same for operations that belong together: in order, in one transaction, or in several where that is too
        much for one; exceptions stand for results.

        So when Unavailable is raised, no later one was kept without the earlier ones: repeating all keeps the order.
        ``ahead``: in a queue of its own, as long as the other, which is served in the next transaction but one at the
        latest and shares it with nobody else: for what must not wait behind traffic. The others have every second turn.
        """
        if not operations:
            return []
        if (answer_of := self._queue.add(operations, ahead=ahead)) is None:
            raise Unavailable("QueueFull")
        if self._grouping is None or self._grouping.done():
            self._grouping = asyncio.create_task(self._commit_groups())
        return cast("list[T | Exception]", await answer_of)

    async def _commit_groups(self) -> None:
        """Whose transaction holds too much goes on with less; nobody has to know."""
        group, size = Group(), self._group_size
        try:
            while self._queue:
                async with self._turn:  # while another transaction runs, the group grows
                    group = self._queue.next_group(size.size)
                    try:
                        results = await self._perform(group.operations, None, GROUP_BYTES)
                    except TooLargeTogether:
                        size.was_too_much(len(group.operations))
                        self._queue.done(group, [])
                    except Exception as error:
                        if isinstance(error, Unavailable) and error.too_much:
                            size.was_too_much(len(group.operations))
                        refuse(group.members, error)
                    else:
                        size.worked(len(results))
                        self._queue.done(group, results)
        except BaseException as error:  # it is torn down: neither they nor who came in the meantime are left waiting
            refuse(group.members, Unavailable(type(error).__name__))
            self._queue.refuse_all(Unavailable(type(error).__name__))
            raise

    async def _perform(
        self, operations: Sequence[Operation[T]], in_transaction: InTransaction | None, most_bytes: float = math.inf
    ) -> list[T | Exception]:
        """Results of as many as had room in ``most_bytes``."""
        end = time.monotonic() + self._patience
        backoff, turn = Backoff(0.01, 1.0), Backoff(0.005, 0.05)
        contended: dict[str, list[Hashable]] = {}  # by collection: others write these, too, and were quicker
        rejected: dict[int, Exception] = {}  # operations that the database refused twice
        suspects: set[int] = set()
        acquitted = Counter[int]()
        mine: TransactionAttempt[T] | None = None
        together = True
        while True:
            attempt: TransactionAttempt[T] | None = None
            if self._broken is not None:
                raise Unavailable(self._broken)
            if time.monotonic() > self._latest:
                raise Unavailable("Stopping")
            try:
                if (unknown := self._committing) is not None:  # nothing new before its outcome is known
                    await self._to_its_end(unknown)
                    if unknown is mine:
                        return mine.results
                clock, outbox = self._clock, self._outbox
                work = UnitOfWork(
                    clock.calendar(),
                    outbox.writes if outbox is not None else None,
                    codec=outbox.codec if outbox is not None else None,
                    earliest=clock.earliest(),
                    latest=clock.latest(),
                    trusted=clock.trusted(),
                )
                mine = attempt = TransactionAttempt(
                    operations, work, self._participants, rejected, self._many_indexes, most_bytes
                )
                await self._to_its_end(attempt, self._transaction(attempt, in_transaction, together, contended))
                return attempt.results
            except PyMongoError as error:
                if together and too_large_together(error):
                    together = False
                    continue
                self._observer.retried("store", type(error).__name__)
                if too_large(error) and attempt is not None and self._committing is None:
                    if len(attempt.results) == 1 and not rejected:
                        rejected[0] = TooLarge("more than one transaction holds")
                        continue
                    raise (TooLargeTogether if len(operations) > 1 else Unavailable)(type(error).__name__) from None
                refused = write_rejected_of(error, attempt) if attempt is not None else None
                if refused is not None and (index := refused.operation_index) not in rejected:
                    if index in suspects:  # not a race: it fails alone, and the others need not wait for it
                        rejected[index] = refused
                        acquit_later(rejected, refused, acquitted)
                        end = time.monotonic() + self._patience
                    suspects.add(index)
                    if time.monotonic() <= min(end, self._latest):
                        continue
                if time.monotonic() > min(end, self._latest):
                    if self._committing is not None and self._resolving is None:
                        self._resolving = asyncio.create_task(self._resolve_unknown_commit(), name="unknown commit")
                    raise Unavailable(type(error).__name__, too_much=too_much(error)) from None
                contended = contended | contended_by(attempt) if attempt is not None and lost_race(error) else {}
                await (turn if contended else backoff).wait()

    async def _resolve_unknown_commit(self) -> None:
        """Find out what became of a commit that was given up, also when nothing new comes: its events are waiting."""
        backoff = Backoff(0.1, 2.0)
        try:
            while self._committing is not None:
                await backoff.wait()
                async with self._turn:
                    if (unknown := self._committing) is None:
                        return
                    try:
                        await self._to_its_end(unknown)
                    except Exception as error:  # also what nobody foresaw: the next attempt decides
                        self._observer.retried("store", type(error).__name__)
        finally:
            self._resolving = None

    async def _transaction(
        self,
        attempt: TransactionAttempt[Any],
        in_transaction: InTransaction | None,
        together: bool,
        contended: Mapping[str, Sequence[Hashable]],
    ) -> None:
        """All of one. Driver errors pass as they are: their labels decide. ``contended``: taken first. A replica whose
        transactions take longer would lose to quick ones of another for as long as these go on: between reading and
        writing there is always one that was quicker."""
        session = self._started
        session.start_transaction(
            read_concern=ReadConcern("snapshot"),
            write_concern=WriteConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
            max_commit_time_ms=10_000,
        )
        io = TransactionIO(self.database, session, together=together)
        for collection, ids in contended.items():
            await io.hold(collection, ids)
        await attempt.run(io)
        if attempt.work.emitted:
            assert self._outbox is not None, "a store without an outbox cannot emit"
            attempt.rows = self._outbox.rows(attempt.work.emitted, self._clock.trusted())
        await attempt.write(io, in_transaction, partial(self._commit, attempt))

    def _commit(self, attempt: TransactionAttempt[Any]) -> None:
        """In a thread of the driver. From here on only the server knows."""
        self._committing = attempt
        self._started.delegate.commit_transaction()

    async def _to_its_end(self, attempt: TransactionAttempt[Any], asked: Awaitable[None] | None = None) -> None:
        """What was ``asked`` ends with a commit; None: that is asked for again. Then everybody is told. Raises the
        driver's error when all is undone, or the outcome is not known (`_committing`)."""
        try:
            await (asked or in_one_turn(partial(self._commit, attempt)))
        except BaseException as error:
            if self._committing is None or (isinstance(error, PyMongoError) and _undone(error)):
                self._committing = None
                self._told(attempt.aborted)
                with contextlib.suppress(PyMongoError):  # a cancel waits for it: it would end the next one
                    await in_one_turn(self._started.delegate.abort_transaction)
            raise
        self._committing = None
        if self._outbox is not None:
            self._outbox.hand_over(attempt.rows)
        self._told(attempt.committed)
        # a call that knows its unit of work makes a cycle of it and all that the transaction held, which would stay
        # until somebody looks for cycles
        calls, attempt.work.calls = attempt.work.calls, []
        for call in calls:
            try:
                call()
            except Exception as error:  # it is committed: whatever a caller's metric does, that stays
                self._observer.retried("after_commit", type(error).__name__)

    def _told(self, tell: Callable[[], None]) -> None:
        """Tell the participants. One that fails does not follow the store any more: nothing is done on its word from
        here on (Unavailable), until a restart builds it anew."""
        try:
            tell()
        except Exception as error:
            self._broken = f"Participant{type(error).__name__}"
            self._observer.retried("participant", type(error).__name__)


def _undone(error: PyMongoError) -> bool:
    """Whether nothing of a commit can have happened. Only the server can say so, and says it with this label.

    All else leaves it open: an answer that was lost, and a wait for the majority that was interrupted (a successor
    killed our session, the primary stepped down) when the commit itself was done. Asked again, the server tells.
    """
    if isinstance(error, ConnectionFailure | WriteConcernError):
        return False
    return error.has_error_label("TransientTransactionError")
