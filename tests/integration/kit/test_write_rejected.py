"""Work that the database refuses, or that somebody else's work is in the way of."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from shared.kit.store.store import Operation, Store, WriteRejected
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
