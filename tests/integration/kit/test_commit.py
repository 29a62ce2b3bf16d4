"""A commit whose outcome is not known, or not what was hoped for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
import pytest_asyncio
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError, WriteConcernError

from shared.kit.store.mongo import DriverSession
from shared.kit.store.pymongo_internals import Answer, WriteCommand, send_together
from shared.kit.store.store import Operation, Store, Unavailable
from shared.kit.store.unit_of_work import UnitOfWork
from tests.integration.kit.parts import until
from tests.integration.kit.stores import Memory, add, counts

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture(loop_scope="session")
async def store(database: Any) -> AsyncIterator[Store]:
    made = Store(database, patience=5.0)
    await made.start()
    yield made
    await made.stop()


def driver_session(store: Store) -> Any:
    """The one whose commit the store asks for."""
    session: Any = store._session
    return session.delegate


class TestCommit:
    @staticmethod
    def _answer_lost(
        store: Store,
        monkeypatch: pytest.MonkeyPatch,
        reaches_server: bool,
        times: int = 1,
        error: PyMongoError = AutoReconnect("gone"),
    ) -> list[str]:
        session: Any = driver_session(store)
        real: Callable[[], Any] = session.commit_transaction
        asked: list[str] = []

        def commit() -> None:
            asked.append("asked")
            if len(asked) <= times:
                if reaches_server:
                    real()
                raise error
            real()

        monkeypatch.setattr(session, "commit_transaction", commit)
        return asked

    @pytest.mark.parametrize("reaches_server", [True, False])
    async def test_an_answer_that_is_lost_doubles_nothing(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, reaches_server: bool
    ) -> None:
        memory = Memory()
        store.enlist(memory)
        asked = self._answer_lost(store, monkeypatch, reaches_server)
        task = add("a")
        noting = Operation(task.needs, lambda work: (memory.pending.append("a"), task.do(work))[1])
        assert await store.perform([noting]) == [1]
        assert len(asked) == 2
        assert await counts(store) == {"a": 1}
        assert memory.kept == ["a"]

    async def test_a_wait_for_the_majority_that_is_interrupted_undoes_nothing(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What a successor's claim does to the commit of an owner that lives."""
        memory = Memory()
        store.enlist(memory)
        interrupted = WriteConcernError("interrupted", 11601, {"code": 11601, "errmsg": "operation was interrupted"})
        asked = self._answer_lost(store, monkeypatch, reaches_server=True, error=interrupted)
        task = add("a")
        noting = Operation(task.needs, lambda work: (memory.pending.append("a"), task.do(work))[1])
        assert await store.perform([noting]) == [1]
        assert (len(asked), await counts(store), memory.kept) == (2, {"a": 1}, ["a"])

    async def test_what_the_server_says_is_undone_is_done_again(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        killed: list[object] = []
        session: Any = driver_session(store)
        real: Callable[[], Any] = session.commit_transaction

        def commit() -> None:
            if not killed:
                killed.append(store.database.client.delegate.admin.command({"killSessions": [store.session_id]}))
            real()

        monkeypatch.setattr(session, "commit_transaction", commit)
        memory = Memory()
        store.enlist(memory)
        task = add("a")
        noting = Operation(task.needs, lambda work: (memory.pending.append("a"), task.do(work))[1])
        assert await store.perform([noting]) == [1]
        assert (await counts(store), memory.kept) == ({"a": 1}, ["a"])

    async def test_an_outcome_unknown_for_too_long_is_found_out_before_anything_new(
        self, database: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = Store(database, patience=0.0)
        await store.start()
        memory = Memory()
        store.enlist(memory)
        self._answer_lost(store, monkeypatch, reaches_server=True)
        task = add("a")
        with pytest.raises(Unavailable):
            await store.perform([Operation(task.needs, lambda work: (memory.pending.append("a"), task.do(work))[1])])
        assert memory.kept == []
        assert await store.perform([add("b")]) == [1]
        assert memory.kept == ["a"]
        assert await counts(store) == {"a": 1, "b": 1}
        await store.stop()

    async def test_an_outcome_unknown_for_too_long_is_found_out_without_anything_new(
        self, database: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = Store(database, patience=0.0)
        await store.start()
        memory = Memory()
        store.enlist(memory)
        self._answer_lost(store, monkeypatch, reaches_server=True, times=3)
        task = add("a")
        with pytest.raises(Unavailable):
            await store.perform([Operation(task.needs, lambda work: (memory.pending.append("a"), task.do(work))[1])])

        async def known() -> bool:
            return memory.kept == ["a"]

        await until(known)
        assert await store.perform([add("b")]) == [1]
        await store.stop()

    async def test_what_fails_for_too_long_is_unavailable_and_undone(
        self, database: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = Store(database, patience=0.0)
        await store.start()
        memory = Memory()
        store.enlist(memory)

        def away(session: DriverSession) -> None:
            raise OperationFailure("no", 112)

        task = Operation[None](lambda work: (), lambda work: memory.pending.append("x"))
        with pytest.raises(Unavailable, match="OperationFailure"):
            await store.perform([task], in_transaction=away)
        assert memory.kept == memory.pending == []
        await store.stop()

    @pytest.mark.parametrize("refused", [False, True])
    async def test_a_cancel_in_the_middle_of_the_writes_leaves_all_of_them_or_none(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, refused: bool
    ) -> None:
        """The driver's thread goes on, up to the commit. What came of that is found out before anything new, and what
        is left of the writes must not be written once the transaction was aborted."""
        memory = Memory()
        store.enlist(memory)
        loop, written, ended = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

        def slow(client: Any, session: Any, name: str, commands: Sequence[WriteCommand]) -> list[Answer]:
            try:
                found = send_together(client, session, name, commands[:2])
                loop.call_soon_threadsafe(written.set)
                time.sleep(0.5)
                if refused:
                    raise OperationFailure("no", 112)
                return [*found, *send_together(client, session, name, commands[2:])]
            finally:
                loop.call_soon_threadsafe(ended.set)

        monkeypatch.setattr("shared.kit.store.transaction_io.send_together", slow)
        names = ("a", "b", "c")
        for name in names:
            await store.database.create_collection(name)

        def do(work: UnitOfWork) -> None:
            memory.pending.append("1")
            for name in names:
                work.save(name, {"_id": "1"})

        performing = asyncio.create_task(store.perform([Operation(lambda work: (), do)]))
        await written.wait()
        running = list(store._running)
        for task in running:
            task.cancel()
        await asyncio.gather(performing, *running, return_exceptions=True)
        await ended.wait()
        monkeypatch.undo()
        assert await store.perform([add("counted")]) == [1]
        each = 0 if refused else 1
        assert [await store.database[name].count_documents({}) for name in names] == [each, each, each]
        assert memory.kept == ["1"] * each

    async def test_a_cancel_while_it_is_undone_lets_nothing_new_begin_before_it_is(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The driver's thread goes on, and would take whatever has begun meanwhile for what it is to undo."""
        session, loop = driver_session(store), asyncio.get_running_loop()
        real: Callable[[], Any] = session.abort_transaction
        undoing, may_go_on = asyncio.Event(), threading.Event()

        def abort() -> None:
            loop.call_soon_threadsafe(undoing.set)
            assert may_go_on.wait(60)
            real()

        def refuses(session: DriverSession) -> None:
            raise LookupError

        monkeypatch.setattr(session, "abort_transaction", abort)
        async with asyncio.timeout(60):
            performing = asyncio.create_task(store.perform([add("a")], in_transaction=refuses))
            await undoing.wait()
            (undone,) = store._running
            undone.cancel()
            following = asyncio.create_task(store.perform([add("a")]))
            await asyncio.sleep(0.2)  # whatever waits for nothing has begun by now
            assert not undone.done()
            may_go_on.set()
            assert await following == [1]
        await asyncio.gather(performing, undone, return_exceptions=True)
        assert await store.database.counts.find_one({"_id": "a"}) == {"_id": "a", "n": 1}
