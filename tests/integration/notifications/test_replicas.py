"""Two replicas on one database: an endpoint gets no more than it wants; one that is down is asked by one of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from deploy.local.ports import free_port
from services.notifications.domain.retry_schedule import OUTAGE
from tests.integration.notifications.parts import (
    OK,
    Client,
    Partner,
    Request,
    Setup,
    answer_of,
    child,
    eventually,
    match,
    person,
    stored,
)

pytestmark = pytest.mark.integration
PER_SECOND = 8.0
REPLICAS = ("notifications-1", "notifications-2")


@asynccontextmanager
async def two_replicas(setup: Setup, **changes: Any) -> AsyncIterator[tuple[Any, Any]]:
    """Each knows of the other."""
    one, two = (setup.running(instance=instance, **changes) for instance in REPLICAS)
    async with one as first, two as second:
        leases = first.state.database.leases

        async def renewed() -> dict[str, Any]:
            return {each["_id"]: each["until"] async for each in leases.find({"_id": {"$regex": "^dispatcher/"}})}

        both = await eventually(lambda: _two(renewed))

        async def again() -> bool:
            return all(until > both[name] for name, until in (await renewed()).items())

        await eventually(again)
        yield first, second


async def _two(renewed: Any) -> dict[str, Any] | None:
    found: dict[str, Any] = await renewed()
    return found if len(found) == 2 else None


async def _owners(app: Any, seen: set[str]) -> None:
    """Who is seen to hold something, until cancelled."""
    while True:
        seen |= set(await app.state.database.deliveries.distinct("owner", {"state": "sending"}))
        await asyncio.sleep(0.02)


async def test_together_they_send_no_more_than_the_endpoint_wants(setup: Setup) -> None:
    names = [f"p{number}" for number in range(120)]
    async with Partner() as partner, two_replicas(setup) as (one, _):
        await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in names))
        async with Client(one, setup.tokens["gjf"]) as gjf:
            made = await gjf.subscribed("webhook", partner.url, per_second=PER_SECOND)
            address = f"/subscriptions/{made['subscription']}"
            assert (await gjf.post(f"{address}/pause")).status_code == 200
            await setup.publish(*(match(name, "x") for name in names))
            await eventually(lambda: stored(one, len(names), state="due"))
            seen: set[str] = set()
            watching = asyncio.create_task(_owners(one, seen))
            assert (await gjf.post(f"{address}/resume")).status_code == 200
            await eventually(lambda: stored(one, len(names), state="delivered"))
            watching.cancel()
    assert {owner.split("/")[0] for owner in seen} == set(REPLICAS), "both had a part in it"
    assert len(partner.requests) == len(names)
    at_least = (len(names) - len(REPLICAS)) / PER_SECOND  # a burst of one for each
    took = partner.requests[-1].at - partner.requests[0].at
    assert took >= 0.9 * at_least  # the first may have been late


async def test_an_endpoint_that_is_down_is_asked_by_one_at_a_time_and_by_the_other_when_that_is_gone(
    setup: Setup,
) -> None:
    """Which one it is changes with each failure: one that cannot get there is not the only one that asks."""
    at_once, most, down = 0, 0, True

    async def answers(request: Request) -> bytes:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.2)
        at_once -= 1
        return answer_of(503) if down else OK

    names = [f"p{number}" for number in range(40)]
    async with Partner(answers) as partner:
        async with two_replicas(setup, breaker_seconds=0.3, breaker_longest_seconds=0.3) as (one, _):
            await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in names))
            async with Client(one, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("webhook", partner.url)
                await setup.publish(*(match(name, "x") for name in names))
                await eventually(lambda: stored(one, 1, "subscriptions", failures={"$gte": OUTAGE}))
                await eventually(lambda: _none_under_way(one))
                seen: set[str] = set()
                watching = asyncio.create_task(_owners(one, seen))
                before, most = len(partner.requests), 0
                await eventually(lambda: _more(partner, before + 6))
                watching.cancel()
        assert most == 1
        assert {owner.split("/")[0] for owner in seen} <= set(REPLICAS)
        async with setup.running(instance=REPLICAS[0], breaker_seconds=0.3, breaker_longest_seconds=0.3) as left:
            down = False
            await eventually(lambda: stored(left, len(names), state="delivered"))


async def _none_under_way(app: Any) -> bool:
    return not await stored(app, 1, state="sending")


async def _more(partner: Partner, than: int) -> bool:
    return len(partner.requests) > than


class TestKilled:
    async def test_what_it_held_waits_for_as_long_as_its_own_channel_needs(self, setup: Setup) -> None:
        """A webhook does not wait until a mail must have ended."""
        killed, hangs = free_port(), asyncio.Event()

        async def hanging(request: Request) -> bytes:
            await hangs.wait()
            return OK

        async def silent(*_: object) -> None:
            await hangs.wait()

        mail_server = await asyncio.start_server(silent, "127.0.0.1", 0)
        changes = {
            "deadline_seconds": 4,
            "smtp_host": "127.0.0.1",
            "smtp_port": mail_server.sockets[0].getsockname()[1],
            "smtp_security": "none",
            "mail_sender": "notices@ieum.example",
        }
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(setup.mongo_url)
        deliveries = client[setup.database].deliveries
        async with Partner(hanging) as partner:
            async with child(setup, killed, instance=REPLICAS[0], **changes):
                await setup.publish(setup.agency("gjf"), person("a", "gjf"))
                async with Client(None, setup.tokens["gjf"], f"http://127.0.0.1:{killed}") as gjf:
                    await gjf.subscribed("webhook", partner.url)
                    await gjf.subscribed("email", "mailto:a@partner.example")
                await setup.publish(match("a", "x"))

                async def held() -> bool:
                    return await deliveries.count_documents({"state": "sending"}) == 2

                await eventually(held)
            hangs.set()
            async with setup.running(instance=REPLICAS[1], **changes) as other:
                await eventually(lambda: stored(other, 1, state="delivered"))
                (mail,) = await deliveries.find({"state": "sending"}).to_list(None)
                assert mail["owner"] == f"{REPLICAS[0]}/slow/1"
        mail_server.close()
        client.close()
