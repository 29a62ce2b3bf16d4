"""E-mail against a mail server on a socket, through the whole service; owners that are told of their endpoints."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.notifications import main, monitoring, owner_troubles
from services.notifications.channels.mail import digest, owner_alerts
from services.notifications.subscriptions import half_open_probe
from tests.integration.notifications.parts import Client, Partner, Setup, answer_of, eventually, match, person
from tests.support.mail_server import MailServer
from tests.unit.notifications.world import hexid, holding

pytestmark = pytest.mark.integration
TO = "jobs@partner.example"


def mailing(server: MailServer) -> dict[str, Any]:
    return {
        "smtp_host": "127.0.0.1",
        "smtp_port": server.port,
        "smtp_security": "none",
        "mail_sender": "notices@ieum.example",
        "mail_bounces": "bounces@ieum.example",
    }


def told(server: MailServer) -> list[dict[str, Any]]:
    """The events in all mails that were taken."""
    events: list[dict[str, Any]] = []
    for received in server.received:
        for attached in received.mail.iter_attachments():
            events += json.loads(attached.get_content())
    return events


async def true(value: Any) -> Any:
    return value


class TestTheChannel:
    async def test_a_notice_and_its_recall_are_mailed(self, setup: Setup) -> None:
        with MailServer() as server:
            async with setup.running(**mailing(server)) as app:
                await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
                async with Client(app, setup.tokens["gjf"]) as gjf:
                    made = await gjf.subscribed("email", f"mailto:{TO}")
                    await eventually(lambda: true(len(server.received) == 1))
                    first = server.received[0]
                    assert first.to == [TO]
                    assert first.sender.startswith(f"bounces+{made['subscription']}-")
                    assert first.sender.endswith("@ieum.example")
                    assert holding(told(server)) == {(hexid("alias", "a", "gjf"), hexid("opportunity", "x"))}
                    assert first.mail["Message-ID"].endswith("@ieum.example>")
                    await setup.publish(person("a", sequence=2))
                    await eventually(lambda: true(len(server.received) == 2))
                    assert holding(told(server)) == set()

    async def test_what_is_put_off_comes_later_and_once(self, setup: Setup) -> None:
        with MailServer() as server:
            server.greylists = True
            async with setup.running(**mailing(server)) as app:
                await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
                async with Client(app, setup.tokens["gjf"]) as gjf:
                    await gjf.subscribed("email", f"mailto:{TO}")
                    await eventually(lambda: true(len(server.received) == 1))
                    assert server.tried[TO] == 2

                    async def written_down() -> bool:
                        (delivery,) = (await gjf.get("/deliveries")).json()["deliveries"]
                        return bool(delivery["state"] == "delivered" and delivery["attempts"] == 2)

                    await eventually(written_down)

    async def test_a_mailbox_that_does_not_exist_ends_the_subscription(self, setup: Setup) -> None:
        with MailServer() as server:
            server.at_recipient = "550 5.1.1 no such user"
            async with setup.running(**mailing(server)) as app:
                await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
                async with Client(app, setup.tokens["gjf"]) as gjf:
                    await gjf.subscribed("email", f"mailto:{TO}")

                    async def disabled() -> bool:
                        (shown,) = (await gjf.get("/subscriptions")).json()["subscriptions"]
                        return bool(shown["state"] == "disabled" and shown["reason"] == "no-such-mailbox")

                    await eventually(disabled)
                    assert server.tried[TO] == 1

    async def test_a_mail_server_that_is_away_loses_nothing(self, setup: Setup) -> None:
        with MailServer() as server:
            server.at_data = "451 4.3.0 local trouble"
            async with setup.running(retry_schedule=(0.0, *[0.2] * 49), **mailing(server)) as app:
                await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"), match("a", "y"))
                async with Client(app, setup.tokens["gjf"]) as gjf:
                    await gjf.subscribed("email", f"mailto:{TO}")
                    await eventually(lambda: true(server.tried[TO] >= 3))
                    server.at_data = None
                    await eventually(lambda: true(len(holding(told(server))) == 2))
                    assert len(server.received) == 2

    @pytest.mark.parametrize(
        "url",
        ["mailto:a@partner.example,b@partner.example", "mailto:a@x.example%0aBcc:b@x.example", "https://x.example/"],
    )
    async def test_an_address_that_is_more_than_one_is_refused_and_not_repeated(self, setup: Setup, url: str) -> None:
        with MailServer() as server:
            async with setup.running(**mailing(server)) as app:
                await setup.publish(setup.agency("gjf"))
                async with Client(app, setup.tokens["gjf"]) as gjf:
                    await eventually(lambda: _known(gjf))
                    answer = await gjf.post("/subscriptions", json={"channel": "email", "url": url})
                    assert answer.status_code == 422
                    assert "mailto:name@example.org" in answer.text
                    assert url not in answer.text

    async def test_without_a_mail_server_the_channel_is_off_and_says_so(self, setup: Setup) -> None:
        async with setup.running() as app:
            await setup.publish(setup.agency("gjf"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await eventually(lambda: _known(gjf))
                answer = await gjf.post("/subscriptions", json={"channel": "email", "url": f"mailto:{TO}"})
                assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "no-mail-here")


class TestTheDigest:
    async def test_is_one_mail_of_everything_at_its_time_and_a_recall_does_not_wait_for_it(
        self, setup: Setup, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(digest, "LOOK_SECONDS", 0.1)
        moment = datetime(2090, 1, 1, tzinfo=UTC)
        monkeypatch.setattr(main, "next_window", lambda after, zone, at: moment)
        with MailServer() as server:
            async with setup.running(**mailing(server)) as app:
                deliveries = app.state.database.deliveries

                async def stored(count: int, **query: Any) -> bool:
                    return bool(await deliveries.count_documents(query) >= count)

                await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in "abc"))
                async with Client(app, setup.tokens["gjf"]) as gjf:
                    await gjf.subscribed("email-digest", f"mailto:{TO}")
                    await setup.publish(*(match(name, "x") for name in "abc"))
                    await eventually(lambda: stored(3, due=moment))
                    assert server.received == []
                    await setup.publish(person("c", sequence=2))  # never told: nothing to recall
                    await eventually(lambda: stored(1, reason="consent-ended"))
                    await deliveries.update_many({"state": "due"}, {"$set": {"due": datetime.now(UTC)}})
                    await eventually(lambda: stored(2, state="delivered"))
                    assert len(server.received) == 1
                    assert server.received[0].mail["Subject"] == "알림 2건 / 2 notices"
                    expected = {(hexid("alias", name, "gjf"), hexid("opportunity", "x")) for name in "ab"}
                    assert holding(told(server)) == expected
                    await setup.publish(person("a", sequence=2))
                    await eventually(lambda: true(len(server.received) == 2))
                    assert [event["type"] for event in told(server)[2:]] == ["recall"]

    async def test_a_recall_does_not_wait_for_what_holds_its_notices(
        self, setup: Setup, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And once it is taken the outage is over, and nothing holds them any more."""
        monkeypatch.setattr(digest, "LOOK_SECONDS", 0.1)
        monkeypatch.setattr(half_open_probe, "LOOK_SECONDS", 3_600)
        monkeypatch.setattr(main, "next_window", lambda after, zone, at: after)
        with MailServer() as server:
            async with setup.running(**mailing(server)) as app:
                subscriptions = app.state.database.subscriptions
                await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in "ab"), match("a", "x"))
                async with Client(app, setup.tokens["gjf"]) as gjf:
                    await gjf.subscribed("email-digest", f"mailto:{TO}")
                    await eventually(lambda: true(len(server.received) == 1))
                    now = datetime.now(UTC)
                    held = {"held_until": now + timedelta(hours=1), "recall_at": now, "failures": 6}
                    await subscriptions.update_one({}, {"$set": held})
                    await setup.publish(match("b", "x"), person("a", sequence=2))
                    await eventually(lambda: true(len(server.received) == 3))
                    assert [each["type"] for each in told(server)] == ["notice", "recall", "notice"]

                    await eventually(lambda: subscriptions.count_documents({"failures": 0}))
                    (endpoint,) = await subscriptions.find({}).to_list(None)
                    assert endpoint["held_until"] < now + timedelta(minutes=30)

    async def test_who_has_nothing_left_to_be_told_gets_no_mail(
        self, setup: Setup, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing came, or all that came may not be told any more when it is time."""
        monkeypatch.setattr(digest, "LOOK_SECONDS", 0.1)
        moment = datetime(2090, 1, 1, tzinfo=UTC)
        monkeypatch.setattr(main, "next_window", lambda after, zone, at: moment)
        with MailServer() as server:
            async with setup.running(**mailing(server)) as app:
                database = app.state.database
                await setup.publish(*(setup.agency(name) for name in ("gjf", "hana", "portal")))
                await setup.publish(person("a", "gjf", "portal"), person("b", "portal"))
                for name in ("gjf", "hana", "portal"):
                    async with Client(app, setup.tokens[name]) as client:
                        await client.subscribed("email-digest", f"mailto:{name}@partner.example")
                await setup.publish(match("a", "x"), match("b", "x"))
                await eventually(lambda: _count(database, 3, due=moment))
                # its end is in the database, and no event of it has been reconciled
                await database.people.update_one({"_id": hexid("person", "a")}, {"$set": {"consents": []}})
                await database.deliveries.update_many({}, {"$set": {"due": datetime.now(UTC)}})
                await eventually(lambda: _count(database, 2, reason="consent-ended"))
                await eventually(lambda: _count(database, 1, state="delivered"))
                await setup.publish(match("b", "y"))
                await eventually(lambda: _count(database, 1, due=moment))
                await database.deliveries.update_many({"state": "due"}, {"$set": {"due": datetime.now(UTC)}})
                await eventually(lambda: _count(database, 2, state="delivered"))
        assert [received.to for received in server.received] == [["portal@partner.example"]] * 2
        assert [len(list(received.mail.iter_attachments())) for received in server.received] == [1, 1]

    async def test_that_was_put_off_is_one_mail_again(self, setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(digest, "LOOK_SECONDS", 0.1)
        monkeypatch.setattr(main, "next_window", lambda after, zone, at: moment)
        moment = datetime.now(UTC) + timedelta(seconds=2)
        with MailServer() as server:
            server.greylists = True
            async with setup.running(**mailing(server)) as app:
                await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in "abc"))
                async with Client(app, setup.tokens["gjf"]) as gjf:
                    await gjf.subscribed("email-digest", f"mailto:{TO}")
                    moment = datetime.now(UTC) + timedelta(seconds=2)
                    await setup.publish(*(match(name, "x") for name in "abc"))
                    await eventually(lambda: true(len(holding(told(server))) == 3))


async def _count(database: Any, count: int, **query: Any) -> bool:
    return bool(await database.deliveries.count_documents(query) == count)


async def _known(client: Client) -> bool:
    return (await client.get("/subscriptions")).status_code == 200


async def test_the_owner_of_an_endpoint_is_told_that_it_fails_and_that_it_is_well(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner_alerts, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(owner_troubles, "TELL_AFTER", timedelta(seconds=0.5))
    refusing = True

    async def refuses(request: Any) -> bytes:
        return answer_of(503 if refusing else 204)

    with MailServer() as server:
        async with (
            Partner(refuses) as partner,
            setup.running(retry_schedule=(0.0, *[0.3] * 49), **mailing(server)) as app,
        ):
            await setup.publish(setup.agency("gjf"), setup.agency("hana", "case"))
            async with Client(app, setup.tokens["gjf"]) as gjf, Client(app, setup.tokens["hana"]) as hana:
                made = await gjf.subscribed("webhook", partner.url)
                await gjf.subscribed("email", f"mailto:{TO}")
                await hana.subscribed("email", "mailto:other@partner.example")
                await setup.publish(person("a", "gjf"), match("a", "x"))

                def subjects() -> list[str]:
                    mails = [each for each in server.received if not list(each.mail.iter_attachments())]
                    assert all(each.to == [TO] for each in mails)
                    assert all(made["subscription"] in _text(each.mail) for each in mails)
                    return [str(each.mail["Subject"]) for each in mails]

                failing = "수신 시스템이 응답하지 않습니다 / Your system does not answer"
                await eventually(lambda: true(subjects() == [failing]))
                refusing = False
                well = "수신 시스템이 다시 응답합니다 / Your system answers again"
                await eventually(lambda: true(subjects() == [failing, well]))
                assert await app.state.database.troubles.count_documents({}) == 0


async def test_the_owner_is_told_when_a_subscription_will_end_the_day_before_and_why_it_did(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner_alerts, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(owner_troubles, "TELL_AFTER", timedelta(0))

    async def refuses(request: Any) -> bytes:
        return answer_of(503)

    with MailServer() as server:
        async with (
            Partner(refuses) as partner,
            setup.running(retry_schedule=(0.0, *[0.2] * 49), breaker_seconds=0.2, **mailing(server)) as app,
        ):
            subscriptions = app.state.database.subscriptions
            await setup.publish(setup.agency("gjf"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                made = await gjf.subscribed("webhook", partner.url)
                await gjf.subscribed("email", f"mailto:{TO}")
                await setup.publish(person("a", "gjf"), match("a", "x"))

                async def shown() -> dict[str, Any]:
                    found = (await gjf.get("/subscriptions")).json()["subscriptions"]
                    return next(dict(each) for each in found if each["channel"] == "webhook")

                async def with_its_end() -> bool:
                    return (await shown())["ends_at"] is not None

                def mails() -> list[Any]:
                    return [each.mail for each in server.received if not list(each.mail.iter_attachments())]

                def said(subject: str) -> bool:
                    return any(str(mail["Subject"]).endswith(subject) for mail in mails())

                async def failing_for(days: float) -> datetime:
                    since = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)
                    await subscriptions.update_one(
                        {"_id": made["subscription"]}, {"$set": {"failing_since": since, "failures": 20}}
                    )
                    return since

                await eventually(with_its_end)
                assert (await shown())["state"] == "active"
                since = await failing_for(4.5)
                ends = datetime.fromisoformat((await shown())["ends_at"])
                assert ends == since + timedelta(days=5)
                await eventually(lambda: true(said("Your subscription is about to end")))
                local = f"{ends.astimezone(ZoneInfo('Asia/Seoul')):%Y-%m-%d %H:%M} (Asia/Seoul)"
                (warning,) = [mail for mail in mails() if str(mail["Subject"]).endswith("about to end")]
                assert _text(warning).count(local) == 2
                await failing_for(5.1)
                await eventually(lambda: true(said("Your subscription has ended")))
                assert "given no good answer since" in _text(mails()[-1])
                ended = await shown()
                assert (ended["state"], ended["reason"]) == ("disabled", "failing")


async def test_an_address_for_alerts_is_sealed_checked_and_told_whatever_the_channel(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, value in (
        (owner_alerts, "LOOK_SECONDS", 0.1),
        (monitoring, "LOOK_SECONDS", 0.1),
        (monitoring, "SHARE", 1),
        (owner_troubles, "TELL_AFTER", timedelta(seconds=0.2)),
        (owner_troubles, "RECALL_UNREAD", timedelta(seconds=0.2)),
        (owner_troubles, "UNACKNOWLEDGED", timedelta(seconds=0.2)),
    ):
        monkeypatch.setattr(module, name, value)
    hook, reader = "hooks@partner.example", "feeds@partner.example"
    refusing, page = True, b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\n\r\n"

    async def answers(request: Any) -> bytes:
        return answer_of(503) if refusing else page

    with MailServer() as server:
        async with (
            Partner(answers) as partner,
            setup.running(retry_schedule=(0.0, *[0.3] * 49), **mailing(server)) as app,
        ):
            await setup.publish(setup.agency("gjf"), person("a", "gjf"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                made = await gjf.subscribed("webhook", partner.url, alerts_to=f"mailto:{hook}")
                assert made["alerts_to"] == f"mailto:{hook}"
                feed = await gjf.subscribed("feed")
                assert feed["alerts_to"] is None
                at_feed = f"/subscriptions/{feed['subscription']}"
                for odd in (f"mailto:{reader},{TO}", "https://partner.example"):
                    answer = await gjf.patch(at_feed, json={"alerts_to": odd})
                    assert (answer.status_code, answer.json()["field"]) == (422, "/alerts_to")
                    assert odd not in answer.text
                changed = (await gjf.patch(at_feed, json={"alerts_to": f"mailto:{reader}"})).json()
                assert changed["alerts_to"] == f"mailto:{reader}"
                kept = [each async for each in app.state.database.subscriptions.find({})]
                assert not [each for each in kept if "partner.example" in str(each)]

                def told(to: str) -> list[str]:
                    mails = [each for each in server.received if each.to == [to]]
                    return [str(each.mail["Subject"]).partition(" / ")[2] for each in mails]

                await setup.publish(match("a", "x"))
                await eventually(lambda: true("Your system does not answer" in told(hook)))
                refusing = False
                await eventually(lambda: true("Your system answers again" in told(hook)))
                await eventually(lambda: true("A web page answered in the place of your system" in told(hook)))
                first = (await gjf.get("/feed")).json()
                await gjf.get("/feed", params={"after": first["cursor"]})
                assert told(reader) == []
                await setup.publish(person("a", sequence=2))
                await eventually(lambda: true("Your feed is not read" in told(reader)))
                read = (await gjf.get("/feed", params={"after": first["cursor"]})).json()
                await gjf.get("/feed", params={"after": read["cursor"]})
                await eventually(lambda: true("Your feed is read again" in told(reader)))
                for to in (hook, reader):
                    await eventually(lambda to=to: true("A recall was not acknowledged" in told(to)))
                (recall,) = [event["id"] for event in read["events"] if event["type"] == "recall"]
                await gjf.post("/acknowledgements", json={"notices": [recall]})
                for to in (hook, reader):
                    await eventually(lambda to=to: true("All recalls were acknowledged" in told(to)))
                assert not [each for each in told(hook) if "feed" in each]


async def test_without_a_mail_server_nobody_can_be_named_for_alerts(setup: Setup) -> None:
    async with setup.running() as app:
        await setup.publish(setup.agency("gjf"))
        async with Client(app, setup.tokens["gjf"]) as gjf:
            await eventually(lambda: _known(gjf))
            answer = await gjf.post("/subscriptions", json={"channel": "feed", "alerts_to": f"mailto:{TO}"})
            assert (answer.status_code, answer.json()["field"]) == (422, "/alerts_to")
            assert answer.json()["type"].rpartition("/")[2] == "no-mail-here"


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())
