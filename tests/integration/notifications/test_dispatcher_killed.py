"""A dispatcher that is killed, and two of them at once, with the whole service running."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
import pytest

from deploy.local.ports import free_port
from tests.integration.notifications.parts import (
    OK,
    Client,
    Partner,
    Request,
    Setup,
    all_ended,
    child,
    eventually,
    match,
    person,
)
from tests.unit.notifications.world import holding

pytestmark = pytest.mark.integration


class Hanging(Partner):
    """Answers recalls alone, until it is well; says when it has been told something else."""

    def __init__(self) -> None:
        super().__init__(self._hangs)
        self.reached, self.well = asyncio.Event(), False

    async def _hangs(self, request: Request) -> bytes | None:
        if self.well or request.event["type"] == "recall":
            return OK
        self.reached.set()
        await asyncio.sleep(20)  # who asked is killed before it hears the answer
        return None


async def killed_while_it_asks(setup: Setup, partner: Hanging) -> str:
    """A dispatcher tells the partner of a match, and is killed before it hears the answer. The webhook's secret."""
    await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
    port = free_port()
    async with child(setup, port), Client(None, setup.tokens["gjf"], f"http://127.0.0.1:{port}") as gjf:
        made = await gjf.subscribed("webhook", partner.url)
        await asyncio.wait_for(partner.reached.wait(), 30)
    secret: str = made["secret"]
    return secret


class TestCrash:
    async def test_killed_between_send_and_write_the_notice_comes_again_with_the_same_id(self, setup: Setup) -> None:
        async with Hanging() as partner:
            secret = await killed_while_it_asks(setup, partner)
            partner.well = True
            port = free_port()
            async with child(setup, port), Client(None, setup.tokens["gjf"], f"http://127.0.0.1:{port}") as gjf:
                await eventually(lambda: len(partner.requests) >= 2)
                await eventually(lambda: _delivered(gjf))
            assert len(partner.requests) == 2
            assert {e["id"] for e in partner.told} == {partner.told[0]["id"]}
            partner.verify(secret)

    async def test_what_may_have_left_before_a_crash_is_recalled_when_consent_ends(self, setup: Setup) -> None:
        async with Hanging() as partner:
            await killed_while_it_asks(setup, partner)
            await setup.publish(person("a", sequence=2))
            async with setup.running() as app:
                await eventually(lambda: partner.told[-1]["type"] == "recall")
                await eventually(lambda: all_ended(app, 2))


class TestTwoDispatchers:
    async def test_no_delivery_is_sent_by_both(self, setup: Setup) -> None:
        async def slow(request: Request) -> bytes:
            await asyncio.sleep(0.01)
            return OK

        names = [f"p{n}" for n in range(60)]
        async with (
            Partner(slow) as partner,
            setup.running(instance="notifications-1") as one,
            setup.running(instance="notifications-2"),
        ):
            await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in names))
            async with Client(one, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("webhook", partner.url)
                await setup.publish(*(match(name, "x") for name in names))
                await eventually(lambda: all_ended(one, 60))
                assert Counter(e["id"] for e in partner.told).most_common(1)[0][1] == 1
                assert len(holding(partner.told)) == 60


async def _delivered(client: Client) -> bool:
    try:
        found = (await client.get("/deliveries")).json()["deliveries"]
    except httpx.ConnectError:  # the process is still starting
        return False
    return bool(found) and all(d["state"] == "delivered" for d in found)
