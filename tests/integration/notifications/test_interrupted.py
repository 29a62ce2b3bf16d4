"""Deliveries that are under way while something of ours ends, fails or restarts: each arrives once (22, 23, 31)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import PyMongoError

from deploy.local.apache.broker import ApacheBroker
from deploy.local.errors import StartError
from deploy.local.ports import free_port
from deploy.local.stack import LocalStack
from services.notifications.delivery.dependencies import Dependencies
from services.notifications.delivery.dispatcher import Dispatcher
from shared.kit.store.unit_of_work import UnitOfWork
from tests.integration.notifications.parts import (
    OK,
    Client,
    Partner,
    Request,
    Setup,
    child,
    eventually,
    match,
    person,
    stored,
)
from tests.support.missed import cannot_run_here

pytestmark = pytest.mark.integration
NAMES = [f"p{n}" for n in range(60)]
BEGUN = 5  # requests that are there when it happens


class Slow(Partner):
    """Says when it has been told some."""

    def __init__(self) -> None:
        super().__init__(self._slowly)
        self.begun = asyncio.Event()

    async def _slowly(self, request: Request) -> bytes:
        if len(self.requests) >= BEGUN:
            self.begun.set()
        await asyncio.sleep(0.05)
        return OK

    @property
    def times(self) -> Counter[str]:
        return Counter(request.headers["webhook-id"] for request in self.requests)


class TestTheBroker:
    @pytest.fixture
    def broker(self, tmp_path: Path) -> Iterator[ApacheBroker]:
        """One that keeps its log, for this test alone."""
        broker = ApacheBroker(free_port(), tmp_path / "apache")
        try:
            broker.start()
        except StartError as reason:
            cannot_run_here("deliveries through a restart of Apache Kafka", because=str(reason))
        yield broker
        broker.kill()

    async def test_killed_and_back_while_notices_leave_loses_and_doubles_nothing(
        self, broker: ApacheBroker, mongo_url: str, database: Any, topic_prefix: str
    ) -> None:
        setup = Setup(broker.address, mongo_url, database.name, topic_prefix)
        async with setup.running(kafka_idempotent=True) as app, Slow() as partner:
            await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in NAMES))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("webhook", partner.url)
                await setup.publish(*(match(name, "x") for name in NAMES))
                await asyncio.wait_for(partner.begun.wait(), 60)
                await asyncio.to_thread(broker.kill)
                await eventually(lambda: stored(app, len(partner.times), state="delivered"))
                await asyncio.to_thread(broker.start)
                await setup.publish(*(match(name, "y") for name in NAMES))
                await eventually(lambda: stored(app, 2 * len(NAMES), state="delivered"), 120)
                await eventually(lambda: _all_said(setup))
        assert len(partner.times) == 2 * len(NAMES)
        assert set(partner.times.values()) == {1}


async def _all_said(setup: Setup) -> bool:
    kinds = Counter(outcome.type for outcome in await setup.outcomes())
    assert kinds["notice-delivered"] <= 2 * len(NAMES)
    return kinds["notice-delivered"] == 2 * len(NAMES)


LONG = 24  # seconds: a transaction is repeated for less
WRITES = ["insert", "update", "delete", "findAndModify", "commitTransaction"]


class TestTheDatabase:
    @pytest_asyncio.fixture(loop_scope="session")
    async def admin(self, own_stack: LocalStack) -> AsyncIterator[Any]:
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(own_stack.mongo_url)
        yield client.admin
        client.close()

    @staticmethod
    async def step_down(admin: Any) -> None:
        """Without a successor it is elected again itself, after these seconds."""
        wish = {"replSetStepDown": 3, "secondaryCatchUpPeriodSecs": 0, "force": True}
        try:
            await admin.command(wish)
        except PyMongoError:  # it may hang up on who says so
            hello = await admin.command("hello")
            assert not hello["isWritablePrimary"]

    @staticmethod
    async def refuse_writes(admin: Any, code: int, seconds: float) -> None:
        data = {"failCommands": WRITES, "errorCode": code}
        await admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})
        await asyncio.sleep(seconds)
        off = await admin.command({"configureFailPoint": "failCommand", "mode": "off"})
        assert off["count"] > 0, "nothing was refused"

    @pytest.mark.parametrize("own_stack", [{"enableTestCommands": "1"}], indirect=True, ids=[""])
    @pytest.mark.parametrize(
        "trouble",
        [None, (91, 3), (14031, 3), (14031, LONG)],
        ids=["steps-down", "shuts-down", "disk-full", "disk-full-for-long"],
    )
    async def test_that_takes_no_writes_for_a_while_loses_and_doubles_nothing(
        self, own_stack: LocalStack, admin: Any, trouble: tuple[int, float] | None
    ) -> None:
        setup = Setup(own_stack.kafka, own_stack.mongo_url, "refused", "refused.")
        async with setup.running() as app, Slow() as partner:
            await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in NAMES))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("webhook", partner.url)
                await setup.publish(*(match(name, "x") for name in NAMES))
                await asyncio.wait_for(partner.begun.wait(), 60)
                await (self.step_down(admin) if trouble is None else self.refuse_writes(admin, *trouble))

                async def all_delivered() -> bool:
                    try:
                        return await stored(app, len(NAMES), state="delivered")
                    except PyMongoError:  # our own look met it, too
                        return False

                await eventually(all_delivered)
        assert len(partner.times) == len(NAMES)
        assert set(partner.times.values()) == {1}


class TestSigterm:
    async def test_what_is_being_sent_is_waited_for_written_down_and_not_sent_again(self, setup: Setup) -> None:
        reached, may_answer = asyncio.Event(), asyncio.Event()

        async def slowly(request: Request) -> bytes:
            reached.set()
            await may_answer.wait()
            return OK

        port = free_port()
        async with Partner(slowly) as partner:
            async with child(setup, port) as service:
                await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
                async with Client(None, setup.tokens["gjf"], f"http://127.0.0.1:{port}") as gjf:
                    await gjf.subscribed("webhook", partner.url)
                    await asyncio.wait_for(reached.wait(), 30)
                    service.terminate()
                    await eventually(lambda: _not_ready(gjf))
                    await asyncio.sleep(1)  # it has begun to end
                    may_answer.set()
                    assert await asyncio.wait_for(service.wait(), 60) == 0
            client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(setup.mongo_url)
            (delivery,) = await client[setup.database].deliveries.find().to_list(None)
            client.close()
            assert (delivery["state"], delivery["attempts"]) == ("delivered", 1)
            async with setup.running() as app:
                await setup.publish(match("a", "y"))
                await eventually(lambda: stored(app, 2, state="delivered"))
        assert len({event["id"] for event in partner.told}) == len(partner.told) == 2

    async def test_what_a_transaction_claimed_as_it_ended_is_left_to_others_at_once(
        self, setup: Setup, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It was committed when nobody was there any more to send it."""
        claims, run = Dispatcher._claim_at_birth, Dispatcher.run
        ends: list[asyncio.Event] = []

        async def runs(self: Dispatcher, deps: Dependencies, stopping: asyncio.Event) -> None:
            ends.append(stopping)
            await run(self, deps, stopping)

        def claims_and_ends(self: Dispatcher, work: UnitOfWork, *given: Any) -> None:
            claims(self, work, *given)
            ends[0].set()

        monkeypatch.setattr(Dispatcher, "run", runs)
        monkeypatch.setattr(Dispatcher, "_claim_at_birth", claims_and_ends)
        async with Partner() as partner:
            async with setup.running() as app:
                await setup.publish(setup.agency("gjf"), person("a", "gjf"))
                async with Client(app, setup.tokens["gjf"]) as gjf:
                    await gjf.subscribed("webhook", partner.url)
                    await setup.publish(match("a", "x"))
                    await eventually(lambda: stored(app, 1))
            client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(setup.mongo_url)
            (delivery,) = await client[setup.database].deliveries.find().to_list(None)
            client.close()
        assert partner.requests == []
        assert "claim" in delivery, "it had been claimed"
        assert (delivery["state"], delivery["owner"], delivery["possibly_sent"]) == ("due", None, False)


async def _not_ready(client: Client) -> bool:
    try:
        return (await client.get("/ready")).status_code != 200
    except httpx.HTTPError:  # its door is closed
        return True
