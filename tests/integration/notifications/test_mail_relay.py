"""A mail server that refuses us, or one mailbox, or a letter, through the whole service."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from services.notifications import main
from services.notifications.channels.mail import digest
from tests.integration.notifications.mailed import Mailed
from tests.integration.notifications.parts import eventually
from tests.support.mail_server import Received
from tests.unit.notifications.world import holding

pytestmark = pytest.mark.integration
REFUSED = "554 5.7.1 <someone>: Relay access denied"
POLICY = "554 5.7.1 not you"


@pytest.mark.parametrize("channel", ["email", "email-digest"])
@pytest.mark.parametrize("answer", [REFUSED, POLICY, "550 no", "454 4.7.1 <someone>: Relay access denied"])
async def test_one_that_refuses_everybody_loses_nothing_and_ends_nothing(
    mailed: Mailed, channel: str, answer: str
) -> None:
    """Its notice, and the recall of what was told before, arrive once it is set right."""
    subscriptions, server = mailed.app.state.database.subscriptions, mailed.server
    await mailed.publish(mailed.agency("gjf"), mailed.person("a", "gjf"), mailed.person("b", "gjf"))
    await mailed.publish(mailed.match("a", "x"))
    async with mailed.client("gjf") as gjf:
        made = await gjf.subscribed(channel, f"mailto:{mailed.address()}")
        await eventually(lambda: len(mailed.received()) == 1)
        server.at_recipient = answer
        await mailed.publish(mailed.match("b", "x"), mailed.person("a", sequence=2))
        await eventually(lambda: server.tried[mailed.address()] >= 9)
        await subscriptions.update_one({"_id": made["subscription"]}, {"$set": {"failures": 20}})
        endpoint = await subscriptions.find_one({"_id": made["subscription"]})
        assert (endpoint["state"], endpoint.get("failing_since")) == ("active", None)
        assert await mailed.count(state="failed") == 0
        waiting = (await gjf.get("/deliveries")).json()["deliveries"]
        assert {each["reason"] for each in waiting if each["state"] == "due"} <= {"mail-server", None}
        server.at_recipient = None
        await eventually(lambda: len(mailed.told()) == 3)
        assert sorted(each["type"] for each in mailed.told()) == ["notice", "notice", "recall"]
        assert holding(mailed.told()) == {mailed.key("b", "x", "gjf")}


async def test_one_that_refuses_a_mailbox_and_takes_others_fails_its_notice_and_tries_its_recall_again(
    mailed: Mailed,
) -> None:
    to, server = mailed.address(), mailed.server

    async def stored(**query: Any) -> bool:
        return await mailed.stored(1, **query)

    await mailed.publish(*(mailed.agency(name) for name in ("gjf", "hana")), mailed.person("a", "gjf", "hana"))
    async with mailed.client("gjf") as gjf, mailed.client("hana") as hana:
        await gjf.subscribed("email", f"mailto:{to}")
        await hana.subscribed("email", f"mailto:{mailed.address('other')}")
        await mailed.publish(mailed.match("a", "x"))
        await eventually(lambda: len(mailed.received()) == 2)
        server.refused[to] = POLICY
        for count in range(50):
            if await stored(state="failed", reason="mail-554"):
                break
            await mailed.publish(mailed.match("a", f"y{count}"))
            await eventually(lambda count=count: len(mailed.received()) >= 3 + count)
        assert await stored(state="failed", reason="mail-554")
        before = server.tried[to]
        await mailed.publish(mailed.person("a", sequence=2))
        await eventually(lambda: server.tried[to] >= before + 5)
        assert not await stored(about="recall", state="failed")
        del server.refused[to]
        await eventually(lambda: stored(about="recall", state="delivered", recipient=mailed.own("gjf")))


async def test_a_letter_that_is_refused_is_one_attempt_however_much_is_in_it(
    mailed: Mailed, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2090, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(main, "next_window", lambda after, zone, at: moment)
    mailed.server.at_data = "554 5.6.0 not like that"
    await mailed.publish(mailed.agency("gjf"), *(mailed.person(name, "gjf") for name in "abcdefgh"))
    async with mailed.client("gjf") as gjf:
        made = await gjf.subscribed("email-digest", f"mailto:{mailed.address()}")
        await mailed.publish(*(mailed.match(name, "x") for name in "abcdefgh"))
        await eventually(lambda: _count(mailed, 8, due=moment))
        await mailed.become_due(datetime.now(UTC))
        await eventually(lambda: _count(mailed, 8, state="failed"))
        endpoint = await mailed.app.state.database.subscriptions.find_one({"_id": made["subscription"]})
        assert (endpoint["failures"], endpoint["state"]) == (1, "active")
        assert mailed.server.tried[mailed.address()] == 1


async def test_a_recall_that_becomes_due_while_digests_leave_waits_for_none_of_them(
    mailed: Mailed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest, "RECALLS_SECONDS", 0.05)
    monkeypatch.setattr(digest, "AT_ONCE", 1)
    window: datetime | None = None
    monkeypatch.setattr(main, "next_window", lambda after, zone, at: window or after)
    names, go = ("gjf", "hana", "portal"), threading.Event()

    def waits(_: Received) -> None:
        go.wait(60)

    await mailed.publish(*(mailed.agency(name) for name in names), mailed.person("a", "gjf"))
    await mailed.publish(mailed.person("b", *names))
    for name in names:
        async with mailed.client(name) as client:
            await client.subscribed("email-digest", f"mailto:{mailed.address(name)}")
    await mailed.publish(mailed.match("a", "x"))
    await eventually(lambda: len(mailed.received()) == 1)
    window = datetime(2090, 1, 1, tzinfo=UTC)
    await mailed.publish(mailed.match("b", "y"))
    await eventually(lambda: _count(mailed, 3, due=window))
    mailed.server.on_taken = waits
    await mailed.become_due(datetime.now(UTC), due=window)
    await eventually(lambda: len(mailed.received()) == 2)
    await mailed.publish(mailed.person("a", sequence=2))
    await eventually(lambda: _count(mailed, 1, about="recall", state="sending"))
    assert len(mailed.received()) == 2, "the first of them is not answered yet"
    go.set()
    await eventually(lambda: len(mailed.received()) == 5)
    assert sorted(each["type"] for each in mailed.told()) == ["notice"] * 4 + ["recall"]


async def _count(mailed: Mailed, count: int, **query: Any) -> bool:
    return bool(await mailed.count(**query) == count)
