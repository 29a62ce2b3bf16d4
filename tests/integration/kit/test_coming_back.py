"""What a service that was killed does not wait for when it comes back: its group, and its own last transaction."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from motor.motor_asyncio import AsyncIOMotorDatabase

from shared.kit.kafka.consumer import Consumer
from shared.kit.kafka.topics import Topics
from shared.kit.runtime import service_runtime
from shared.kit.runtime.service_runtime import ServiceRuntime
from shared.kit.store.store import SESSIONS, Store, Unavailable
from shared.kit.stream import session
from shared.kit.stream.session import Session
from tests.integration.kit.parts import agency_event, publish, until
from tests.integration.kit.stores import add, counts
from tests.support.small_service import SmallSettings, build

pytestmark = pytest.mark.integration
LEAVES_A_TRANSACTION = """
import asyncio, sys, threading
from shared.kit.store.mongo import connect
from shared.kit.store.store import Store
from tests.integration.kit.stores import add

async def main():
    store = Store(connect(sys.argv[1])[sys.argv[2]])
    await store.start()
    await store.take_over_session("small-1/store")

    def alongside(session):
        store.database.delegate.counts.update_one({"_id": "a"}, {"$inc": {"n": 100}}, session=session)
        print("open", flush=True)
        threading.Event().wait()

    await store.perform([], in_transaction=alongside)

asyncio.run(main())
"""


async def killed_in_a_transaction(mongo_url: str, database: AsyncIOMotorDatabase[dict[str, Any]]) -> None:
    """A process called small-1 wrote to the document ``a`` and was killed before it committed."""
    await database.counts.insert_one({"_id": "a", "n": 0})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LEAVES_A_TRANSACTION, mongo_url, database.name, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"open\n"
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def store(database: AsyncIOMotorDatabase[dict[str, Any]]) -> AsyncIterator[Store]:
    """One that waits for nobody's transaction."""
    made = Store(database, patience=0.0)
    await made.start()
    yield made
    await made.stop()


@asynccontextmanager
async def begun(settings: SmallSettings) -> AsyncIterator[FastAPI]:
    """The service in this process, ready."""
    app = build(settings)
    async with app.router.lifespan_context(app):
        async with asyncio.timeout(60):
            await app.state.runtime.ready.wait()
        yield app


@pytest.fixture
def settings(
    kafka: str, mongo_url: str, database: AsyncIOMotorDatabase[dict[str, Any]], topic_prefix: str
) -> SmallSettings:
    return SmallSettings(
        profile="development", kafka=kafka, mongo_url=mongo_url, database=database.name, topic_prefix=topic_prefix,
        instance="small-1",
    )  # fmt: skip


class TestItsOwnLastTransaction:
    async def test_is_ended_by_who_comes_back_under_the_name_and_by_nobody_else(
        self, mongo_url: str, database: AsyncIOMotorDatabase[dict[str, Any]]
    ) -> None:
        await killed_in_a_transaction(mongo_url, database)
        async with store(database) as other, store(database) as successor:
            await other.take_over_session("small-2/store")
            with pytest.raises(Unavailable):  # what was written and not committed is locked
                await other.perform([add("a")])
            await successor.take_over_session("small-1/store")
            assert await other.perform([add("a")]) == [1]
            assert await successor.perform([add("a")]) == [2]
            assert await counts(successor) == {"a": 2}

    async def test_of_each_store_of_a_service_is_ended_at_its_start(
        self, settings: SmallSettings, database: AsyncIOMotorDatabase[dict[str, Any]]
    ) -> None:
        async with begun(settings) as first:
            runtime: ServiceRuntime = first.state.runtime
            sessions = {each["_id"]: each["session"] async for each in runtime.database[SESSIONS].find()}
            assert sessions == {"small-1/store": runtime.store.session_id, "small-1/aside": runtime.aside.session_id}
        assert await database[SESSIONS].count_documents({}) == 0, "who has stopped in order leaves nothing to end"

    async def test_holds_up_no_service_that_starts(
        self, settings: SmallSettings, mongo_url: str, database: AsyncIOMotorDatabase[dict[str, Any]]
    ) -> None:
        await killed_in_a_transaction(mongo_url, database)
        async with begun(settings) as app:
            runtime: ServiceRuntime = app.state.runtime
            runtime.store._patience = 0.0
            assert await runtime.store.perform([add("a")]) == [1]


class TestAGroupThatDoesNotFindTogether:
    @pytest.fixture
    def joining(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        asked: list[str] = []

        class Never(Consumer):
            async def start(self) -> None:
                asked.append("join")
                await asyncio.Event().wait()

        monkeypatch.setattr(session, "Consumer", Never)
        return asked

    @pytest.mark.parametrize("needs_kafka", [True, False])
    async def test_holds_up_no_request_and_no_loop_and_no_end(
        self, settings: SmallSettings, joining: list[str], needs_kafka: bool
    ) -> None:
        async with begun(settings.model_copy(update={"needs_kafka": needs_kafka})) as app:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://small") as client:
                assert (await client.get("/ready")).json() == {"ready": True, "phase": "running", "missing": []}

                async def at_work() -> bool:
                    return bool(joining) and app.state.told.count("tick") == 3

                await until(at_work)
            assert joining == ["join"]
        assert app.state.told[-2:] == ["tock", "stopped"]
        assert not app.state.runtime.cut_short

    async def test_but_nobody_is_ready_who_does_not_know_what_to_read(
        self, settings: SmallSettings, joining: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known, asked = Topics.declare, asyncio.Event()

        async def none_yet(self: Topics, topics: Any) -> dict[str, str]:
            found = await known(self, topics)
            if set(topics) == {"agencies"}:  # the stream's
                asked.set()
                return {}
            return found

        monkeypatch.setattr(Topics, "declare", none_yet)
        app = build(settings)
        async with app.router.lifespan_context(app):
            async with asyncio.timeout(60):
                await asked.wait()
            assert (app.state.runtime.ready.is_set(), joining) == (False, [])


class TestWhatEveryReplicaHears:
    @pytest.fixture
    def hearing(self, monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, asyncio.Event]:
        """Set when a record is in hand; set it to let it be done."""
        begun, may_end = asyncio.Event(), asyncio.Event()
        known = Session._transaction

        async def held(self: Session, *given: Any) -> None:
            begun.set()
            await may_end.wait()
            await known(self, *given)

        monkeypatch.setattr(Session, "_transaction", held)
        return begun, may_end

    async def said_while_away(self, settings: SmallSettings) -> SmallSettings:
        everywhere = settings.model_copy(update={"everywhere": True})
        async with begun(everywhere):
            pass
        await publish(settings.kafka, f"{settings.topic_prefix}agencies", [agency_event("gjf", 1)])
        return everywhere

    async def test_is_heard_before_anything_begins(
        self, settings: SmallSettings, hearing: tuple[asyncio.Event, asyncio.Event]
    ) -> None:
        app = build(await self.said_while_away(settings))
        async with app.router.lifespan_context(app):
            async with asyncio.timeout(60):
                await hearing[0].wait()
            await asyncio.sleep(0.2)  # whatever waits for nothing has begun by now
            assert (app.state.told, app.state.runtime.ready.is_set()) == (["load"], False)
            hearing[1].set()
            async with asyncio.timeout(60):
                await app.state.runtime.ready.wait()

            async def at_work() -> bool:
                return bool("tick" in app.state.told)

            await until(at_work)

    async def test_keeps_nobody_away_for_ever(
        self, settings: SmallSettings, hearing: tuple[asyncio.Event, asyncio.Event], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service_runtime, "HEAR_SECONDS", 0.5)
        async with begun(await self.said_while_away(settings)):
            hearing[1].set()
