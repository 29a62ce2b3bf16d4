"""The canary of what the kit uses of PyMongo that is private: fails when another version is installed, or when commands
that are sent together do not do what the driver's own way does.

A new version: read `MongoClient._retryable_write`, `ClientSession._apply_to` and `Connection` in its source, mend
`pymongo_internals`, run the integration tests of the kit and `make chaos`, then change its ``VERSION``.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from importlib.metadata import version
from typing import Any

import bson
import pytest
import pytest_asyncio
from bson.raw_bson import RawBSONDocument
from pymongo import DeleteOne, InsertOne, MongoClient, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.errors import AutoReconnect, BulkWriteError, DocumentTooLarge, NotPrimaryError, OperationFailure

from shared.kit.store.pymongo_internals import AHEAD_BYTES, VERSION, Answer, WriteCommand, send_together
from shared.kit.store.store import Store
from shared.kit.store.transaction_io import Condition, TransactionIO, Write
from tests.integration.kit.stores import add

pytestmark = pytest.mark.integration
NO_TRANSACTION = 251


def inserts(collection: str, *documents: dict[str, Any]) -> WriteCommand:
    return WriteCommand("insert", collection, [bson.encode(each) for each in documents])


def replaces(collection: str, *documents: dict[str, Any]) -> WriteCommand:
    rows = [{"q": {"_id": each["_id"]}, "u": RawBSONDocument(bson.encode(each)), "upsert": True} for each in documents]
    return WriteCommand("update", collection, [bson.encode(each) for each in rows])


def deletes(collection: str, *ids: Any) -> WriteCommand:
    return WriteCommand("delete", collection, [bson.encode({"q": {"_id": id}, "limit": 1}) for id in ids])


@pytest.fixture
def client(mongo_url: str) -> Iterator[MongoClient[Any]]:
    with MongoClient[Any](mongo_url, w="majority", journal=True, readConcernLevel="majority") as found:
        yield found


@pytest.fixture
def name(client: MongoClient[Any], database: Any) -> str:
    for each in ("a", "b"):
        client[database.name].create_collection(each)
    return str(database.name)


def together(client: MongoClient[Any], session: ClientSession, name: str, *commands: WriteCommand) -> list[Answer]:
    return send_together(client, session, name, commands)


def held(client: MongoClient[Any], name: str) -> dict[str, list[Any]]:
    return {each: list(client[name][each].find({}).sort("_id")) for each in ("a", "b")}


def test_it_was_written_for_this_version() -> None:
    assert version("pymongo") == VERSION


class TestAsTheDriver:
    def test_the_same_writes_leave_the_same_documents(self, client: MongoClient[Any], name: str) -> None:
        """Some hundred transactions of every kind of write, each also by the driver's own way in another database."""
        chance, other = random.Random(5), f"{name}-driver"
        for each in ("a", "b"):
            client[other].create_collection(each)
        try:
            for turn in range(150):
                ids = chance.sample(range(40), chance.randint(1, 9))
                kinds = {id: chance.choice(("put", "put", "gone")) for id in ids}
                documents = [{"_id": id, "turn": turn, "list": [None, {"n": turn}]} for id in ids]
                put = [each for each in documents if kinds[each["_id"]] == "put"]
                gone = [id for id in ids if kinds[id] == "gone"]
                new = {"_id": f"new {turn}"}
                reads = chance.random() < 0.5  # else the first write begins the transaction
                with client.start_session() as session, session.start_transaction():
                    if reads:
                        client[name].a.find_one({"_id": ids[0]}, session=session)
                    commands = [
                        *([replaces("a", *put)] if put else []),
                        inserts("b", new),
                        *([deletes("a", *gone)] if gone else []),
                    ]
                    answers = together(client, session, name, *commands)
                    assert [each["ok"] for each in answers if isinstance(each, dict)] == [1.0] * len(commands)
                with client.start_session() as session, session.start_transaction():
                    writes: list[Any] = [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in put]
                    client[other].a.bulk_write([*writes, *(DeleteOne({"_id": id}) for id in gone)], session=session)
                    client[other].b.bulk_write([InsertOne(dict(new))], session=session)
            assert held(client, name) == held(client, other)
        finally:
            client.drop_database(other)

    def test_nothing_is_kept_before_the_commit_and_nothing_after_an_abort(
        self, client: MongoClient[Any], name: str
    ) -> None:
        with client.start_session() as session:
            session.start_transaction()
            together(client, session, name, inserts("a", {"_id": 1}), inserts("b", {"_id": 1}))
            assert held(client, name) == {"a": [], "b": []}
            assert client[name].a.find_one({"_id": 1}, session=session) == {"_id": 1}
            session.abort_transaction()
        assert held(client, name) == {"a": [], "b": []}

    def test_the_first_that_is_refused_ends_the_transaction_for_all_behind_it(
        self, client: MongoClient[Any], name: str
    ) -> None:
        client[name].a.insert_one({"_id": 1})
        with client.start_session() as session:
            session.start_transaction()
            first, refused, behind = together(
                client,
                session,
                name,
                inserts("b", {"_id": 1}),
                inserts("a", {"_id": 2}, {"_id": 1}),
                inserts("b", {"_id": 2}),
            )
            assert isinstance(first, dict)
            assert isinstance(refused, dict)
            assert [(each["index"], each["code"]) for each in refused["writeErrors"]] == [(1, 11000)]
            assert isinstance(behind, OperationFailure)
            assert behind.code == NO_TRANSACTION
            with pytest.raises(OperationFailure) as error:
                session.commit_transaction()
            assert error.value.has_error_label("TransientTransactionError")
        assert held(client, name) == {"a": [{"_id": 1}], "b": []}

    def test_a_conflict_says_that_all_may_be_tried_again(self, client: MongoClient[Any], name: str) -> None:
        client[name].a.insert_one({"_id": 1, "by": "nobody"})
        with client.start_session() as slow, client.start_session() as quick:
            slow.start_transaction()
            client[name].a.find_one({"_id": 1}, session=slow)
            with quick.start_transaction():
                together(client, quick, name, replaces("a", {"_id": 1, "by": "quick"}))
            (answer,) = together(client, slow, name, replaces("a", {"_id": 1, "by": "slow"}))
            assert isinstance(answer, OperationFailure)
            assert answer.has_error_label("TransientTransactionError")
        assert held(client, name)["a"] == [{"_id": 1, "by": "quick"}]

    def test_nothing_is_sent_twice_whatever_the_server_calls_its_refusal(
        self, client: MongoClient[Any], name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With these labels the driver repeats a command, also in a transaction."""
        refusal = {"ok": 0, "code": 91, "errorLabels": ["SystemOverloadedError", "RetryableError"]}
        asked: list[str] = []

        def refused(*_: Any) -> None:
            asked.append("once")
            raise NotPrimaryError("no", refusal)

        with client.start_session() as session:
            session.start_transaction()
            monkeypatch.setattr("shared.kit.store.pymongo_internals._check_command_response", refused)
            with pytest.raises(AutoReconnect) as error:
                together(client, session, name, inserts("a", {"_id": 1}), inserts("b", {"_id": 1}))
            assert error.value.has_error_label("TransientTransactionError")
            assert not error.value.has_error_label("SystemOverloadedError")
            session.abort_transaction()
        assert asked == ["once"]
        assert held(client, name) == {"a": [], "b": []}

    def test_more_than_may_be_under_way_at_once(self, client: MongoClient[Any], name: str) -> None:
        """Also messages that are larger than that each, and more answers than one would send ahead of."""
        sizes = [AHEAD_BYTES // 3] * 7 + [2 * AHEAD_BYTES] * 2 + [10] * 40
        with client.start_session() as session, session.start_transaction():
            commands = [inserts("a", {"_id": n, "text": "x" * size}) for n, size in enumerate(sizes)]
            assert len(together(client, session, name, *commands)) == len(sizes)
        kept = {each["_id"]: len(each["text"]) for each in held(client, name)["a"]}
        assert kept == dict(enumerate(sizes))

    def test_what_is_too_large_for_a_document_is_not_sent(self, client: MongoClient[Any], name: str) -> None:
        with client.start_session() as session:
            session.start_transaction()
            with pytest.raises(DocumentTooLarge):
                together(client, session, name, inserts("a", {"_id": 1, "text": "x" * 17_000_000}))
        assert held(client, name)["a"] == []

    def test_a_driver_that_would_compress_or_listen_still_works(self, mongo_url: str, name: str) -> None:
        """These messages are neither compressed nor told to listeners, as the protocol allows."""
        with MongoClient[Any](mongo_url, compressors="zlib") as zipping:
            with zipping.start_session() as session, session.start_transaction():
                together(zipping, session, name, inserts("a", {"_id": 1}))
            assert held(zipping, name)["a"] == [{"_id": 1}]


class Cut:
    """Between a client and the database: lets so many bytes of answers through, then it ends every connection."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self.left: int | None = None
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(self._address)
                for pair in ((near, far, False), (far, near, True)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if answers and self.left is not None:
                    data, self.left = data[: self.left], max(0, self.left - len(data))
                sink.sendall(data)
                if answers and self.left == 0:
                    break
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def close(self) -> None:
        self._server.close()


class TestCutOff:
    @pytest.fixture
    def cut(self, client: MongoClient[Any]) -> Iterator[Cut]:
        address = client.address
        assert address is not None
        made = Cut(address)
        yield made
        made.close()

    @pytest.mark.parametrize("answers", [0, 1, 100, 300, 600])
    def test_a_connection_that_ends_among_the_answers_keeps_nothing_and_the_next_transaction_is_whole(
        self, client: MongoClient[Any], name: str, cut: Cut, answers: int
    ) -> None:
        url = f"mongodb://127.0.0.1:{cut.port}/?directConnection=true"
        with contextlib.ExitStack() as open_:
            far: MongoClient[Any] = open_.enter_context(MongoClient(url))
            with far.start_session() as session:
                session.start_transaction()
                far[name].a.find_one({}, session=session)
                cut.left = answers
                commands = [inserts("a", {"_id": n}) for n in range(8)]
                with pytest.raises(AutoReconnect) as error:
                    together(far, session, name, *commands)
                assert error.value.has_error_label("TransientTransactionError")
                cut.left = None
                session.abort_transaction()
                with session.start_transaction():
                    answered = together(far, session, name, replaces("a", {"_id": 9}), inserts("b", {"_id": 9}))
                    assert [each["n"] for each in answered if isinstance(each, dict)] == [1, 1]
        assert held(client, name) == {"a": [{"_id": 9}], "b": [{"_id": 9}]}


class TestWrites:
    """What a transaction of the store sends."""

    @pytest_asyncio.fixture(loop_scope="session")
    async def store(self, database: Any) -> AsyncIterator[Store]:
        made = Store(database, patience=5.0)
        await made.start()
        yield made
        await made.stop()

    def test_a_large_write_is_several_commands_and_what_is_refused_is_found_in_any(
        self, client: MongoClient[Any], name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shared.kit.store.transaction_io.MOST_STATEMENTS", 3)
        client[name].a.insert_one({"_id": 7})
        write = Write("insert", "a", [bson.encode({"_id": n}) for n in range(10)], range(100, 110))
        assert [start for start, _ in write.commands()] == [0, 3, 6, 9]
        failed: list[Write] = []
        with client.start_session() as session:
            session.start_transaction()
            with pytest.raises(BulkWriteError) as error:
                self._io(client, session, name).write([write], [], failed, None)
        assert failed == [write]
        assert [each["index"] for each in error.value.details["writeErrors"]] == [7]

    @pytest.mark.parametrize("there", [True, False])
    def test_what_a_condition_does_not_find_undoes_all(self, client: MongoClient[Any], name: str, there: bool) -> None:
        client[name].a.insert_many([{"_id": 1, "epoch": 1}, {"_id": 2, "epoch": 1 if there else 2}])
        moved = [bson.encode({"q": {"_id": id, "epoch": 1}, "u": {"$set": {"done": 5}}}) for id in (1, 2)]
        condition = Condition(Write("update", "a", moved), LookupError("fenced"))
        write = Write("insert", "b", [bson.encode({"_id": 1})], [0])
        with client.start_session() as session:
            session.start_transaction()
            with contextlib.nullcontext() if there else pytest.raises(LookupError, match="fenced"):
                self._io(client, session, name).write([write], [], [], lambda _: condition)
                session.commit_transaction()
        assert len(held(client, name)["b"]) == (1 if there else 0)
        assert sum("done" in each for each in held(client, name)["a"]) == (2 if there else 0)

    def test_a_condition_is_judged_before_all_else_that_was_refused(self, client: MongoClient[Any], name: str) -> None:
        client[name].a.insert_one({"_id": 1, "epoch": 2})
        client[name].b.insert_one({"_id": 1})
        moved = bson.encode({"q": {"_id": 1, "epoch": 1}, "u": {"$set": {"done": 5}}})
        condition = Condition(Write("update", "a", [moved]), LookupError("fenced"))
        failed: list[Write] = []
        with client.start_session() as session, client.start_session() as successor:
            session.start_transaction()
            client[name].a.find_one({}, session=session)
            successor.start_transaction()
            client[name].b.update_one({"_id": 1}, {"$set": {"by": "successor"}}, session=successor)
            conflicts = Write("update", "b", replaces("b", {"_id": 1}).statements, [0])
            with pytest.raises(LookupError, match="fenced"):
                self._io(client, session, name).write([conflicts], [], failed, lambda _: condition)
        assert failed == []

    def test_a_row_of_the_outbox_that_is_refused_is_no_operations_fault(
        self, client: MongoClient[Any], name: str
    ) -> None:
        client[name].outbox.insert_one({"_id": "there"})
        failed: list[Write] = []
        write = Write("insert", "b", [bson.encode({"_id": 1})], [0])
        with client.start_session() as session:
            session.start_transaction()
            with pytest.raises(BulkWriteError):
                self._io(client, session, name).write([write], [{"_id": "new"}, {"_id": "there"}], failed, None)
        assert failed == []

    async def test_the_commit_is_asked_for_only_when_all_answers_are_good(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else a part of it could be committed: whoever does not know the outcome asks for the commit again."""
        session: Any = store._session
        commits: list[str] = []
        real = session.delegate.commit_transaction
        monkeypatch.setattr(session.delegate, "commit_transaction", lambda: (commits.append("asked"), real())[1])
        lost = [AutoReconnect("gone", errors=["TransientTransactionError"])]

        def once(client: Any, session: Any, name: str, commands: Sequence[WriteCommand]) -> list[Answer]:
            if lost:
                send_together(client, session, name, commands[:1])  # the first has arrived
                assert commits == []
                raise lost.pop()
            return send_together(client, session, name, commands)

        monkeypatch.setattr("shared.kit.store.transaction_io.send_together", once)
        assert await asyncio.gather(store.submit(add("a")), store.submit(add("b"))) == [1, 1]
        assert await store.database.counts.count_documents({"n": 1}) == 2

    @staticmethod
    def _io(client: MongoClient[Any], session: ClientSession, name: str) -> TransactionIO:
        """As the store makes it, of Motor's."""

        class Delegate:
            def __init__(self, delegate: Any) -> None:
                self.delegate = delegate

        made: Any = TransactionIO
        io: TransactionIO = made(Delegate(client[name]), Delegate(session))
        return io
