"""A mail server that refuses us, or one mailbox, or a letter, through the whole service."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.notifications import main
from services.notifications.channels.mail import digest, smtp_relay
from tests.integration.notifications.parts import Client, Setup, eventually, match, person
from tests.integration.notifications.test_mail import mailing, told, true
from tests.support.mail_server import MailServer, Received
from tests.unit.notifications.world import hexid, holding

pytestmark = pytest.mark.integration
TO, OTHER = "jobs@partner.example", "other@partner.example"
REFUSED = "554 5.7.1 <someone>: Relay access denied"
POLICY = "554 5.7.1 not you"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_relay, "REFUSED_AGAIN_AFTER", timedelta(seconds=0.1))
    monkeypatch.setattr(digest, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(main, "next_window", lambda after, zone, at: after)


QUICK: dict[str, Any] = {"retry_schedule": (0.0, *[0.2] * 49), "breaker_seconds": 0.1, "breaker_longest_seconds": 0.2}


@pytest.mark.parametrize("channel", ["email", "email-digest"])
@pytest.mark.parametrize("answer", [REFUSED, POLICY, "550 no", "454 4.7.1 <someone>: Relay access denied"])
async def test_one_that_refuses_everybody_loses_nothing_and_ends_nothing(
    setup: Setup, channel: str, answer: str
) -> None:
    """Its notice, and the recall of what was told before, arrive once it is set right."""
    with MailServer() as server:
        async with setup.running(**QUICK, **mailing(server)) as app:
            database = app.state.database
            await setup.publish(setup.agency("gjf"), person("a", "gjf"), person("b", "gjf"), match("a", "x"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed(channel, f"mailto:{TO}")
                await eventually(lambda: true(len(server.received) == 1))
                server.at_recipient = answer
                await setup.publish(match("b", "x"), person("a", sequence=2))
                await eventually(lambda: true(server.tried[TO] >= 9))
                await database.subscriptions.update_many({}, {"$set": {"failures": 20}})
                (endpoint,) = await database.subscriptions.find({}).to_list(None)
                assert (endpoint["state"], endpoint.get("failing_since")) == ("active", None)
                assert await database.deliveries.count_documents({"state": "failed"}) == 0
                waiting = (await gjf.get("/deliveries")).json()["deliveries"]
                assert {each["reason"] for each in waiting if each["state"] == "due"} <= {"mail-server", None}
                server.at_recipient = None
                await eventually(lambda: true(len(told(server)) == 3))
                assert sorted(each["type"] for each in told(server)) == ["notice", "notice", "recall"]
                assert holding(told(server)) == {(hexid("alias", "b", "gjf"), hexid("opportunity", "x"))}


async def test_one_that_refuses_a_mailbox_and_takes_others_fails_its_notice_and_tries_its_recall_again(
    setup: Setup,
) -> None:
    with MailServer() as server:
        async with setup.running(**QUICK, **mailing(server)) as app:
            deliveries = app.state.database.deliveries

            async def stored(**query: Any) -> bool:
                return bool(await deliveries.count_documents(query))

            await setup.publish(*(setup.agency(name) for name in ("gjf", "hana")), person("a", "gjf", "hana"))
            async with Client(app, setup.tokens["gjf"]) as gjf, Client(app, setup.tokens["hana"]) as hana:
                await gjf.subscribed("email", f"mailto:{TO}")
                await hana.subscribed("email", f"mailto:{OTHER}")
                await setup.publish(match("a", "x"))
                await eventually(lambda: true(len(server.received) == 2))
                server.refused[TO] = POLICY
                for count in range(50):
                    if await stored(state="failed", reason="mail-554"):
                        break
                    await setup.publish(match("a", f"y{count}"))
                    await eventually(lambda count=count: true(len(server.received) >= 3 + count))
                assert await stored(state="failed", reason="mail-554")
                before = server.tried[TO]
                await setup.publish(person("a", sequence=2))
                await eventually(lambda: true(server.tried[TO] >= before + 5))
                assert not await stored(about="recall", state="failed")
                del server.refused[TO]
                await eventually(lambda: stored(about="recall", state="delivered", recipient="gjf"))


async def test_a_letter_that_is_refused_is_one_attempt_however_much_is_in_it(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2090, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(main, "next_window", lambda after, zone, at: moment)
    with MailServer() as server:
        server.at_data = "554 5.6.0 not like that"
        async with setup.running(**mailing(server)) as app:
            database = app.state.database
            await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in "abcdefgh"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("email-digest", f"mailto:{TO}")
                await setup.publish(*(match(name, "x") for name in "abcdefgh"))
                await eventually(lambda: _count(database, 8, due=moment))
                await database.deliveries.update_many({}, {"$set": {"due": datetime.now(UTC)}})
                await eventually(lambda: _count(database, 8, state="failed"))
                (endpoint,) = await database.subscriptions.find({}).to_list(None)
                assert (endpoint["failures"], endpoint["state"]) == (1, "active")
                assert server.tried[TO] == 1


async def test_a_recall_that_becomes_due_while_digests_leave_goes_before_the_next_of_them(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest, "RECALLS_SECONDS", 0)
    window: datetime | None = None
    monkeypatch.setattr(main, "next_window", lambda after, zone, at: window or after)
    names, go = ("gjf", "hana", "portal"), threading.Event()

    def waits(_: Received) -> None:
        go.wait(60)

    with MailServer() as server:
        async with setup.running(**mailing(server)) as app:
            database = app.state.database
            await setup.publish(*(setup.agency(name) for name in names), person("a", "gjf"), person("b", *names))
            for name in names:
                async with Client(app, setup.tokens[name]) as client:
                    await client.subscribed("email-digest", f"mailto:{name}@partner.example")
            await setup.publish(match("a", "x"))
            await eventually(lambda: true(len(server.received) == 1))
            window = datetime(2090, 1, 1, tzinfo=UTC)
            await setup.publish(match("b", "y"))
            await eventually(lambda: _count(database, 3, due=window))
            server.on_taken = waits
            await database.deliveries.update_many({"due": window}, {"$set": {"due": datetime.now(UTC)}})
            await eventually(lambda: true(len(server.received) == 2))
            await setup.publish(person("a", sequence=2))
            await eventually(lambda: _count(database, 1, about="recall", state="due"))
            go.set()
            await eventually(lambda: true(len(server.received) == 5))
    assert [each["type"] for each in told(server)] == ["notice", "notice", "recall", "notice", "notice"]


async def _count(database: Any, count: int, **query: Any) -> bool:
    return bool(await database.deliveries.count_documents(query) == count)
