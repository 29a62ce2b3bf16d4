"""One MongoDB transaction for many pieces of work, on a real replica set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import pytest
import pytest_asyncio
from pymongo.errors import OperationFailure

from shared.kit.kafka.records import Outgoing
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.kafka.topics import Topics
from shared.kit.store.mongo import DriverSession
from shared.kit.store.outbox import Outbox
from shared.kit.store.store import Operation, Store, Unavailable
from shared.kit.store.transaction_attempt import TooManyReads
from shared.kit.store.unit_of_work import Need, NotNeeded, UnitOfWork
from tests.integration.kit.parts import CODEC
from tests.integration.kit.stores import Memory, add, counts, failing

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture(loop_scope="session")
async def store(database: Any) -> AsyncIterator[Store]:
    made = Store(database, patience=5.0)
    await made.start()
    yield made
    await made.stop()


class TestPerform:
    async def test_later_tasks_see_what_earlier_ones_saved(self, store: Store) -> None:
        assert await store.perform([add("a"), add("a"), add("b", 5)]) == [1, 2, 5]
        assert await store.perform([add("a")]) == [3]
        assert await counts(store) == {"a": 3, "b": 5}

    async def test_a_task_that_raises_is_undone_alone_and_its_error_stands_in_its_place(self, store: Store) -> None:
        bug = ValueError("a bug")
        results = await store.perform([add("other"), failing("a", bug), add("a")])
        assert results == [1, bug, 1]
        assert await counts(store) == {"other": 1, "a": 1}

    async def test_needs_that_raise_fail_their_own_task_only(self, store: Store) -> None:
        def bad_needs(work: UnitOfWork) -> Iterable[Need]:
            raise KeyError("x")

        first, second = await store.perform([Operation(bad_needs, lambda work: 1), add("a")])
        assert isinstance(first, KeyError)
        assert second == 1

    @pytest.mark.parametrize("value", [2**70, "\ud800", object(), [1]])
    async def test_needs_that_the_database_cannot_be_asked_for_fail_their_own_task_only(
        self, store: Store, value: Any
    ) -> None:
        for need in (Need.by_id("counts", value), Need("counts", "n", value)):
            bad = Operation(lambda work, need=need: [need], lambda work: 1)
            results = await store.perform([bad, add("a", 0)])
            assert isinstance(results[0], Exception)
            assert results[1] == 0

    async def test_otherwise_is_done_in_the_same_transaction_when_a_task_fails(self, store: Store) -> None:
        def otherwise(work: UnitOfWork, error: Exception) -> None:
            work.save("apart", {"_id": "x", "why": type(error).__name__})

        task = failing("a", ValueError())
        await store.perform([Operation(task.needs, task.do, otherwise), add("b")])
        assert await store.database.apart.find_one() == {"_id": "x", "why": "ValueError"}
        assert await counts(store) == {"b": 1}

    async def test_needs_are_asked_again_until_they_want_nothing_new(self, store: Store) -> None:
        for n in range(3):
            await store.database.chain.insert_one({"_id": f"c{n}", "next": f"c{n + 1}"})

        def needs(work: UnitOfWork) -> Iterable[Need]:
            id = "c0"
            while True:
                yield Need.by_id("chain", id)
                found = work.get("chain", id)
                if found is None:
                    return
                id = found["next"]

        assert await store.perform([Operation(needs, lambda work: work.get("chain", "c2"))]) == [
            {"_id": "c2", "next": "c3"}
        ]

    async def test_needs_without_an_end_fail_their_task(self, store: Store) -> None:
        calls = iter(range(10_000))
        endless = Operation[Any](
            lambda work: [Need.by_id("chain", f"x{next(calls)}")], lambda work: work.get("chain", "never named")
        )
        first, second = await store.perform([endless, add("a")])
        assert isinstance(first, TooManyReads)
        assert second == 1

    async def test_what_an_earlier_task_of_the_batch_leads_to_is_loaded_late(self, store: Store) -> None:
        await store.database.people.insert_one({"_id": "p", "name": "x"})

        def by_alias(work: UnitOfWork) -> Iterable[Need]:
            yield Need.by_id("aliases", "al")
            if alias := work.get("aliases", "al"):
                yield Need.by_id("people", alias["person"])

        def person(work: UnitOfWork) -> Any:
            alias = work.get("aliases", "al")
            return alias and work.get("people", alias["person"])

        save = Operation(lambda work: (), lambda work: work.save("aliases", {"_id": "al", "person": "p"}))
        results: list[Any] = await store.perform([save, Operation(by_alias, person)])
        assert results[1] == {"_id": "p", "name": "x"}

    async def test_asking_for_what_was_never_named_fails_the_task(self, store: Store) -> None:
        (result,) = await store.perform([Operation(lambda work: (), lambda work: work.get("counts", "a"))])
        assert isinstance(result, NotNeeded)

    async def test_finds_by_field_with_what_the_batch_changed(self, store: Store) -> None:
        await store.database.matches.insert_many([{"_id": "1", "person": "p"}, {"_id": "2", "person": "p"}])

        def change(work: UnitOfWork) -> None:
            work.delete("matches", "1")
            work.save("matches", {"_id": "3", "person": "p"})

        find = Operation(
            lambda work: [Need("matches", "person", "p")],
            lambda work: [d["_id"] for d in work.find("matches", "person", "p")],
        )
        operations: list[Operation[Any]] = [find, Operation(lambda work: (), change), find]
        results = await store.perform(operations)
        assert results == [["1", "2"], None, ["2", "3"]]
        assert [d["_id"] async for d in store.database.matches.find().sort("_id")] == ["2", "3"]

    async def test_long_documents_are_loaded_like_short_ones(self, store: Store) -> None:
        long = [{"_id": f"l{n}", "person": "p", "text": "x" * 200_000} for n in range(3)]
        await store.database.matches.insert_many(long)
        operations: list[Operation[Any]] = [
            Operation(lambda work: [Need.by_id("matches", "l1")], lambda work: [work.get("matches", "l1")]),
            Operation(lambda work: [Need("matches", "person", "p")], lambda w: w.find("matches", "person", "p")),
        ]
        by_id, by_field = await store.perform(operations)
        assert by_id == [long[1]]
        assert by_field == long

    async def test_a_long_document_is_loaded_like_any_other(self, store: Store) -> None:
        long = {"_id": "long", "kind": "k", "text": "x" * 20_000}  # pymongo hands such out as a view of its buffer
        await store.database.counts.insert_one(long)
        by_id = Operation(lambda work: [Need.by_id("counts", "long")], lambda work: work.get("counts", "long"))
        by_field = Operation(lambda work: [Need("counts", "kind", "k")], lambda work: work.find("counts", "kind", "k"))
        assert await store.perform([by_id]) == [long]
        assert await store.perform([by_field]) == [[long]]

    async def test_what_is_asked_of_several_collections_in_one_command_is_found_by_their_indexes(
        self, store: Store
    ) -> None:
        database = store.database
        for collection in ("some", "others"):
            await database[collection].create_index("n")
            await database[collection].insert_many({"_id": f"{n}", "n": n % 500} for n in range(1_000))
        await database.command("profile", 2)
        find = Operation(
            lambda work: [Need.by_id("some", "7"), Need("others", "n", 7), Need.by_id("others", "nobody")],
            lambda work: [each["_id"] for each in [work.get("some", "7") or {}, *work.find("others", "n", 7)]],
        )
        assert await store.perform([find]) == [["7", "507", "7"]]
        await database.command("profile", 0)
        looked = [each async for each in database["system.profile"].find({"op": "command"})]
        (asked,) = [each for each in looked if "aggregate" in each["command"]]
        assert (asked["docsExamined"], "COLLSCAN" in str(asked)) == (3, False)

    async def test_what_is_more_than_one_answer_can_hold_is_loaded_all_the_same(self, store: Store) -> None:
        for collection in ("some", "others"):
            await store.database[collection].insert_one({"_id": "x", "text": "a" * 9_000_000})
        lengths: Operation[Any] = Operation(
            lambda work: [Need.by_id("some", "x"), Need.by_id("others", "x")],
            lambda work: [len((work.get(name, "x") or {})["text"]) for name in ("some", "others")],
        )
        assert await store.perform([lengths, add("a")]) == [[9_000_000, 9_000_000], 1]

    async def test_what_runs_alongside_is_in_the_transaction(self, store: Store) -> None:
        def in_transaction(session: DriverSession) -> None:
            store.database.delegate.checkpoints.insert_one({"_id": "c"}, session=session)
            raise RuntimeError("fenced")

        with pytest.raises(RuntimeError, match="fenced"):
            await store.perform([add("a")], in_transaction=in_transaction)
        assert await counts(store) == {}
        assert await store.database.checkpoints.count_documents({}) == 0
        assert await store.perform([add("a")]) == [1]

    async def test_calls_after_the_commit_are_made_for_kept_work_only(self, store: Store) -> None:
        called: list[str] = []

        def noting(name: str, error: Exception | None = None) -> Operation[None]:
            def do(work: UnitOfWork) -> None:
                work.after_commit(lambda: called.append(name))
                if error:
                    raise error

            return Operation(lambda work: (), do)

        await store.perform([noting("kept"), noting("undone", ValueError())])
        assert called == ["kept"]


class Waiting:
    """Waits for a transaction of somebody's."""

    def __init__(self, *operations: Operation[Any]) -> None:
        self.operations = list(operations)
        self.told: list[Any] = []
        self.company: list[bool] = []

    def take(self, *, company: bool) -> Sequence[Operation[Any]]:
        self.company.append(company)
        return self.operations

    def done(self, results: Sequence[Any] | Exception) -> None:
        self.told.append(results)
        if not isinstance(results, Exception):
            self.operations.clear()


class TestTakenAlong:
    async def test_it_is_in_the_same_transaction_behind_what_it_goes_along_with(self, store: Store) -> None:
        bug = ValueError()
        waiting = Waiting(add("a"), failing("a", bug), add("b"))
        store.take_along(waiting)
        assert await store.perform([add("a"), add("a")]) == [1, 2]
        assert waiting.told == [[3, bug, 1]]
        assert waiting.company == [True]
        assert await counts(store) == {"a": 3, "b": 1}

    async def test_it_goes_along_with_the_next_one_when_that_was_undone(self, store: Store) -> None:
        waiting = Waiting(add("a"))
        store.take_along(waiting)

        def fenced(session: DriverSession) -> None:
            raise RuntimeError("fenced")

        with pytest.raises(RuntimeError, match="fenced"):
            await store.perform([add("b")], in_transaction=fenced)
        assert [type(each) for each in waiting.told] == [RuntimeError]
        assert await counts(store) == {}
        assert await store.perform([add("b")]) == [1]
        assert waiting.told[1:] == [[1]]

    async def test_with_nobody_to_go_along_with_it_has_a_transaction_of_its_own(self, store: Store) -> None:
        waiting = Waiting(add("a"))
        store.take_along(waiting)
        await store.perform(())
        await store.perform(())
        assert waiting.told == [[1], []]
        assert waiting.company == [False, False]
        assert await counts(store) == {"a": 1}


class TestHurry:
    async def test_nothing_is_tried_for_longer_and_nothing_that_waits_is_begun(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store._patience = 600.0
        tried, loop = asyncio.Event(), asyncio.get_running_loop()

        def away(session: DriverSession) -> None:
            loop.call_soon_threadsafe(tried.set)
            raise OperationFailure("no", 112)

        trying = asyncio.create_task(store.perform([add("a")], in_transaction=away))
        await tried.wait()
        waiting = [asyncio.create_task(store.submit(add("b"))) for _ in range(3)]
        await asyncio.sleep(0)
        store.hurry(0.0)
        for each in (trying, *waiting):
            with pytest.raises(Unavailable):
                await each
        assert await counts(store) == {}


class TestViews:
    async def test_follow_undo_and_commit(self, store: Store) -> None:
        memory = Memory()
        store.enlist(memory)

        def noting(name: str, error: Exception | None = None) -> Operation[None]:
            def do(work: UnitOfWork) -> None:
                memory.pending.append(name)
                if error:
                    raise error

            return Operation(lambda work: (), do)

        await store.perform([noting("a"), noting("b", ValueError()), noting("c")])
        assert memory.kept == ["a", "c"]

    async def test_one_whose_mark_says_no_undoes_everything_and_sets_nothing_apart(
        self, store: Store, monkeypatch: Any
    ) -> None:
        memory, guarding = Memory(), Memory()
        store.enlist(memory)
        store.enlist(guarding)
        marks = iter(["first"])  # the lease is lost between the first task and the second
        monkeypatch.setattr(guarding, "savepoint", lambda: next(marks, None) or 1 // 0)
        monkeypatch.setattr(guarding, "rollback_to", lambda mark: pytest.fail("it was never marked"))
        task = add("a")
        noting = Operation(task.needs, lambda work: (memory.pending.append("a"), task.do(work))[1])
        innocent = Operation(
            lambda work: (), lambda work: 1, lambda work, error: pytest.fail("a healthy record is set apart")
        )
        with pytest.raises(ZeroDivisionError):
            await store.perform([noting, innocent])
        assert await counts(store) == {}
        assert memory.pending == memory.kept == []
        monkeypatch.undo()
        assert await store.perform([add("a")]) == [1]

    async def test_one_that_fails_after_the_commit_keeps_no_event_back_and_nothing_is_done_on_its_word(
        self, database: Any
    ) -> None:
        handed: list[str] = []

        class Handing(Outbox):
            def hand_over(self, rows: Any) -> None:
                handed.extend(row["topic"] for row in rows)

        topics = Topics(KafkaSettings(bootstrap="127.0.0.1:1", instance="test-1"))
        store = Store(database, Handing(database, topics, CODEC), patience=0.0)
        await store.start()
        memory, other = Memory(), Memory()
        store.enlist(memory)
        store.enlist(other)

        def saying(work: UnitOfWork) -> None:
            other.pending.append("x")
            work.emit_record(Outgoing("agencies", b"k", b"{}", []))

        def breaks() -> None:
            raise ValueError

        memory.committed = breaks  # type: ignore[method-assign]  # a bug of the view
        assert await store.perform([Operation(lambda work: (), saying)]) == [None]
        assert handed == ["agencies"]
        assert other.kept == ["x"], "the other views are told all the same"
        with pytest.raises(Unavailable, match="ParticipantValueError"):
            await store.perform([add("a")])
        assert store.broken
        await store.stop()


class TestSubmit:
    async def test_those_that_wait_together_share_transactions(self, store: Store) -> None:
        answers = await asyncio.gather(*(store.submit(add("a")) for _ in range(200)))
        assert sorted(answers) == list(range(1, 201))
        assert await counts(store) == {"a": 200}

    async def test_each_gets_its_own_error(self, store: Store) -> None:
        good, bad = await asyncio.gather(
            store.submit(add("a")), store.submit(failing("b", ValueError("mine"))), return_exceptions=True
        )
        assert good == 1
        assert isinstance(bad, ValueError)

    async def test_what_belongs_together_is_never_split_over_two_transactions(self, store: Store) -> None:
        where = Operation[Any](lambda work: (), lambda work: work)
        alone = [asyncio.create_task(store.submit(where)) for _ in range(300)]
        await asyncio.sleep(0)
        together = await store.submit_all([*[where] * 150, failing("b", ValueError("mine")), *[where] * 149])
        assert isinstance(together.pop(150), ValueError)
        assert len({id(work) for work in together}) == 1
        assert id(together[0]) not in {id(work) for work in await asyncio.gather(*alone)}
        assert await store.submit_all([]) == []

    async def test_nobody_is_left_waiting_when_it_is_torn_down(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun = asyncio.Event()

        async def hangs(*_: Any) -> None:
            begun.set()
            await asyncio.sleep(3_600)

        monkeypatch.setattr(store, "_perform", hangs)
        first = asyncio.create_task(store.submit(add("a")))
        await begun.wait()
        second = asyncio.create_task(store.submit(add("b")))
        await asyncio.sleep(0)
        assert store._grouping is not None
        store._grouping.cancel()
        async with asyncio.timeout(20):
            for each in (first, second):
                with pytest.raises(Unavailable):
                    await each
        monkeypatch.undo()
        assert await store.submit(add("a")) == 1

    async def test_a_caller_who_leaves_takes_nobody_along(self, store: Store) -> None:
        leaving = asyncio.create_task(store.submit(add("a")))
        staying = asyncio.create_task(store.submit(add("a")))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await staying in (1, 2)
        await store.stop()
        await store.start()
        assert (await counts(store))["a"] >= 1
