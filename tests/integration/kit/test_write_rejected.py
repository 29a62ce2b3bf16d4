"""Work that the database refuses, or that somebody else's work is in the way of."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from pymongo.errors import OperationFailure

from shared.kit.store.store import Operation, Store, WriteRejected
from shared.kit.store.transaction_attempt import MOST_REPLACED
from shared.kit.store.unit_of_work import Need, UnitOfWork
from tests.integration.kit.stores import add, counts

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture(loop_scope="session")
async def store(database: Any) -> AsyncIterator[Store]:
    made = Store(database, patience=5.0)
    await made.start()
    yield made
    await made.stop()


class TestConflicts:
    async def test_two_stores_on_the_same_documents_lose_nothing(self, store: Store) -> None:
        other = Store(store.database, patience=20.0)
        await other.start()
        await asyncio.gather(*(each.perform([add("a"), add("b")]) for each in (store, other) for _ in range(20)))
        await other.stop()
        assert await counts(store) == {"a": 40, "b": 40}

    async def test_who_was_too_slow_once_takes_what_it_lost_before_it_reads(self, store: Store) -> None:
        """Else one whose transactions take long never gets through beside others that are quick."""
        meanwhile: list[int] = []  # codes of errors

        def quicker(n: int) -> None:
            update = {"q": {"_id": "hot"}, "u": {"$inc": {"n": n}}, "upsert": True}
            try:
                store.database.delegate.command({"update": "counts", "updates": [update], "maxTimeMS": 200})
                meanwhile.append(0)
            except OperationFailure as refused:
                meanwhile.append(refused.code or 0)

        quicker(1)

        def slow(work: UnitOfWork) -> None:
            held = work.get("counts", "hot")
            assert held is not None
            quicker(10)
            work.save("counts", {**held, "n": held["n"] + 100})

        assert await store.perform([Operation(lambda work: [Need.by_id("counts", "hot")], slow)]) == [None]
        assert meanwhile == [0, 0, 50]  # made; before the first attempt had written; MaxTimeMSExpired: it is held
        assert [document async for document in store.database.counts.find()] == [{"_id": "hot", "n": 111}]

    async def test_what_cannot_be_held_is_tried_again_as_before(self, store: Store) -> None:
        await store.database.create_collection(
            "counts", validator={"$jsonSchema": {"additionalProperties": False, "properties": {"_id": {}, "n": {}}}}
        )
        await asyncio.gather(store.perform([add("a")]), *(store.perform([add("a")]) for _ in range(3)))
        once: list[int] = []

        def slow(work: UnitOfWork) -> None:
            held = work.get("counts", "a")
            assert held is not None
            if not once:
                once.append(1)
                store.database.delegate.counts.update_one({"_id": "a"}, {"$inc": {"n": 10}})
            work.save("counts", {**held, "n": held["n"] + 100})

        assert await store.perform([Operation(lambda work: [Need.by_id("counts", "a")], slow)]) == [None]
        assert await counts(store) == {"a": 114}

    async def test_a_task_that_runs_into_a_unique_index_fails_alone(self, store: Store) -> None:
        await store.database.people.create_index("hash", unique=True)
        await store.database.people.insert_one({"_id": "old", "hash": "h"})

        def person(id: str, hash: str) -> Operation[None]:
            return Operation(lambda work: (), lambda work: work.save("people", {"_id": id, "hash": hash}))

        results = await store.perform([person("a", "x"), person("b", "h"), person("c", "y")])
        assert results[0] is None
        assert isinstance(results[1], WriteRejected)
        assert results[2] is None
        assert [d["_id"] async for d in store.database.people.find().sort("_id")] == ["a", "c", "old"]
        assert "h" not in str(results[1]).split()

    async def test_a_task_whose_document_the_database_cannot_take_fails_alone(self, store: Store) -> None:
        await store.database.create_collection("strict", validator={"n": {"$type": "int"}})

        def saving(id: str, n: object) -> Operation[None]:
            return Operation(lambda work: (), lambda work: work.save("strict", {"_id": id, "n": n}))

        results = await store.perform([saving("a", 1), saving("b", "one"), saving("c", 3)])
        assert [type(result) for result in results] == [type(None), WriteRejected, type(None)]
        assert [d["_id"] async for d in store.database.strict.find().sort("_id")] == ["a", "c"]

    async def test_a_clash_takes_no_later_task_of_the_same_document_along(self, store: Store) -> None:
        await store.database.people.create_index("hash", unique=True)
        await store.database.people.insert_one({"_id": "old", "hash": "h"})

        def changing(**change: str) -> Operation[None]:
            def do(work: UnitOfWork) -> None:
                work.save("people", {"_id": "a", **(work.get("people", "a") or {}), **change})

            return Operation(lambda work: [Need.by_id("people", "a")], do)

        results = await store.perform([changing(hash="h"), changing(seen="yes"), changing(hash="own")])
        assert [type(result) for result in results] == [type(None)] * 3, "the last one mends what the first did"
        results = await store.perform([changing(hash="h"), changing(seen="again")])
        assert [type(result) for result in results] == [WriteRejected, type(None)]
        assert await store.database.people.find_one({"_id": "a"}) == {"_id": "a", "hash": "own", "seen": "again"}

    async def test_many_that_run_into_a_unique_index_keep_nobody_waiting(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await store.database.people.create_index("hash", unique=True)
        waits: list[float] = []
        monkeypatch.setattr("shared.kit.store.store.Backoff.wait", lambda self: waits.append(1.0) or asyncio.sleep(0))

        def person(n: int) -> Operation[None]:  # another id at every attempt, as where ids are random
            def do(work: UnitOfWork) -> None:
                work.save("people", {"_id": secrets.token_hex(4), "hash": f"h{n // 2}"})

            return Operation(lambda work: (), do)

        results = await store.perform([person(n) for n in range(40)])
        assert [isinstance(result, WriteRejected) for result in results].count(True) == 20
        assert await store.database.people.count_documents({}) == 20
        assert waits == []

    async def test_a_killed_session_is_survived(self, store: Store) -> None:
        await store.perform([add("a")])
        await store.database.client.admin.command({"killSessions": [store.session_id]})
        assert await store.perform([add("a")]) == [2]


class TestManyThatAreThereAlready:
    """More than a few documents of a collection with many indexes are deleted together and inserted again: no
    transaction may be able to tell."""

    MANY = range(2 * MOST_REPLACED)

    @pytest_asyncio.fixture(loop_scope="session")
    async def store(self, database: Any) -> AsyncIterator[Store]:
        made = Store(database, patience=5.0, many_indexes={"counts", "people"})
        await made.start()
        yield made
        await made.stop()

    async def _held(self, store: Store) -> None:
        assert await store.perform([add(f"{n:02}") for n in self.MANY]) == [1] * len(self.MANY)

    async def test_each_is_what_was_saved_last_and_once(self, store: Store) -> None:
        await self._held(store)
        assert await store.perform([add(f"{n:02}", n) for n in self.MANY]) == [1 + n for n in self.MANY]
        assert await counts(store) == {f"{n:02}": 1 + n for n in self.MANY}
        assert await store.database.counts.count_documents({}) == len(self.MANY)

    async def test_beside_those_that_are_new_and_those_that_go(self, store: Store) -> None:
        await self._held(store)
        gone = Operation(
            lambda work: [Need.by_id("counts", "00")],
            lambda work: work.delete("counts", "00") if work.get("counts", "00") else None,
        )
        unseen = Operation(lambda work: (), lambda work: work.save("counts", {"_id": "unseen", "n": 9}))
        several: list[Operation[Any]] = [*(add(f"{n:02}") for n in self.MANY[1:]), gone, add("new", 5), unseen]
        await store.perform(several)
        expected = {f"{n:02}": 2 for n in self.MANY[1:]} | {"new": 5, "unseen": 9}
        assert await counts(store) == expected

    async def test_two_stores_on_the_same_ones_lose_nothing(self, store: Store) -> None:
        await self._held(store)
        other = Store(store.database, patience=20.0, many_indexes={"counts"})
        await other.start()
        all_of_them = [add(f"{n:02}") for n in self.MANY]
        await asyncio.gather(*(each.perform(all_of_them) for each in (store, other) for _ in range(5)))
        await other.stop()
        assert await counts(store) == {f"{n:02}": 11 for n in self.MANY}

    async def test_a_change_from_outside_meanwhile_is_seen(self, store: Store) -> None:
        """Somebody replaces, and somebody deletes, what was read and is about to be written."""
        await self._held(store)
        once: list[int] = []

        def meddling(work: UnitOfWork) -> None:
            if not once:
                once.append(1)
                raw = store.database.delegate.counts
                raw.replace_one({"_id": "03"}, {"_id": "03", "n": 100})
                raw.delete_one({"_id": "04"})

        several: list[Operation[Any]] = [*(add(f"{n:02}") for n in self.MANY), Operation(lambda work: (), meddling)]
        results = await store.perform(several)
        assert results[3:5] == [101, 1]
        assert await counts(store) == {f"{n:02}": 2 for n in self.MANY} | {"03": 101, "04": 1}

    async def test_one_that_runs_into_a_unique_index_fails_alone(self, store: Store) -> None:
        await store.database.people.create_index("hash", unique=True)
        await store.database.people.insert_many([{"_id": f"{n:02}", "hash": f"h{n}"} for n in self.MANY])
        await store.database.people.insert_one({"_id": "old", "hash": "taken"})

        def changing(n: int, hash: str) -> Operation[None]:
            def do(work: UnitOfWork) -> None:
                work.save("people", {"_id": f"{n:02}", **(work.get("people", f"{n:02}") or {}), "hash": hash})

            return Operation(lambda work: [Need.by_id("people", f"{n:02}")], do)

        results = await store.perform([changing(n, "taken" if n == 7 else f"new{n}") for n in self.MANY])
        assert [n for n, result in enumerate(results) if isinstance(result, WriteRejected)] == [7]
        hashes = {d["_id"]: d["hash"] async for d in store.database.people.find()}
        assert hashes == {f"{n:02}": f"new{n}" for n in self.MANY} | {"07": "h7", "old": "taken"}
