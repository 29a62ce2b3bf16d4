"""E-mail against a mail server on a socket, through the whole service; owners that are told of their endpoints."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.notifications import main, monitoring, owner_troubles
from services.notifications.channels.mail import digest, owner_alerts
from services.notifications.subscriptions import half_open_probe
from tests.integration.notifications.corner import Corner
from tests.integration.notifications.mailed import Mailed, mailing, told
from tests.integration.notifications.parts import Client, Partner, Setup, answer_of, eventually, match, person
from tests.support.mail_server import MailServer
from tests.unit.notifications.world import hexid, holding

pytestmark = pytest.mark.integration
TO = "jobs@partner.example"


class TestTheChannel:
    async def test_a_notice_and_its_recall_are_mailed(self, mailed: Mailed) -> None:
        await mailed.publish(mailed.agency("gjf"), mailed.person("a", "gjf"), mailed.match("a", "x"))
        async with mailed.client("gjf") as gjf:
            made = await gjf.subscribed("email", f"mailto:{mailed.address()}")
            await eventually(lambda: len(mailed.received()) == 1)
            first = mailed.received()[0]
            assert first.to == [mailed.address()]
            assert first.sender.startswith(f"bounces+{made['subscription']}-")
            assert first.sender.endswith("@ieum.example")
            assert holding(mailed.told()) == {mailed.key("a", "x", "gjf")}
            assert first.mail["Message-ID"].endswith("@ieum.example>")
            await mailed.publish(mailed.person("a", sequence=2))
            await eventually(lambda: len(mailed.received()) == 2)
            assert holding(mailed.told()) == set()

    async def test_what_is_put_off_comes_later_and_once(self, mailed: Mailed) -> None:
        mailed.server.greylists = True
        await mailed.publish(mailed.agency("gjf"), mailed.person("a", "gjf"), mailed.match("a", "x"))
        async with mailed.client("gjf") as gjf:
            await gjf.subscribed("email", f"mailto:{mailed.address()}")
            await eventually(lambda: len(mailed.received()) == 1)
            assert mailed.server.tried[mailed.address()] == 2

            async def written_down() -> bool:
                (delivery,) = (await gjf.get("/deliveries")).json()["deliveries"]
                return bool(delivery["state"] == "delivered" and delivery["attempts"] == 2)

            await eventually(written_down)

    async def test_a_mailbox_that_does_not_exist_ends_the_subscription(self, mailed: Mailed) -> None:
        mailed.server.at_recipient = "550 5.1.1 no such user"
        await mailed.publish(mailed.agency("gjf"), mailed.person("a", "gjf"), mailed.match("a", "x"))
        async with mailed.client("gjf") as gjf:
            await gjf.subscribed("email", f"mailto:{mailed.address()}")

            async def disabled() -> bool:
                (shown,) = (await gjf.get("/subscriptions")).json()["subscriptions"]
                return bool(shown["state"] == "disabled" and shown["reason"] == "no-such-mailbox")

            await eventually(disabled)
            assert mailed.server.tried[mailed.address()] == 1

    async def test_a_mail_server_that_is_away_loses_nothing(self, mailed: Mailed) -> None:
        mailed.server.at_data = "451 4.3.0 local trouble"
        await mailed.publish(mailed.agency("gjf"), mailed.person("a", "gjf"))
        await mailed.publish(mailed.match("a", "x"), mailed.match("a", "y"))
        async with mailed.client("gjf") as gjf:
            await gjf.subscribed("email", f"mailto:{mailed.address()}")
            await eventually(lambda: mailed.server.tried[mailed.address()] >= 3)
            mailed.server.at_data = None
            await eventually(lambda: len(holding(mailed.told())) == 2)
            assert len(mailed.received()) == 2

    @pytest.mark.parametrize(
        "url",
        ["mailto:a@partner.example,b@partner.example", "mailto:a@x.example%0aBcc:b@x.example", "https://x.example/"],
    )
    async def test_an_address_that_is_more_than_one_is_refused_and_not_repeated(self, mailed: Mailed, url: str) -> None:
        await mailed.publish(mailed.agency("gjf"))
        async with mailed.client("gjf") as gjf:
            await eventually(lambda: _known(gjf))
            answer = await gjf.post("/subscriptions", json={"channel": "email", "url": url})
            assert answer.status_code == 422
            assert "mailto:name@example.org" in answer.text
            assert url not in answer.text

    async def test_without_a_mail_server_the_channel_is_off_and_says_so(self, corner: Corner) -> None:
        await corner.publish(corner.agency("gjf"))
        async with corner.client("gjf") as gjf:
            await eventually(lambda: _known(gjf))
            answer = await gjf.post("/subscriptions", json={"channel": "email", "url": f"mailto:{TO}"})
            assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "no-mail-here")


class TestTheDigest:
    async def test_is_one_mail_of_everything_at_its_time_and_a_recall_does_not_wait_for_it(
        self, mailed: Mailed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        moment = datetime(2090, 1, 1, tzinfo=UTC)
        monkeypatch.setattr(main, "next_window", lambda after, zone, at: moment)
        await mailed.publish(mailed.agency("gjf"), *(mailed.person(name, "gjf") for name in "abc"))
        async with mailed.client("gjf") as gjf:
            await gjf.subscribed("email-digest", f"mailto:{mailed.address()}")
            await mailed.publish(*(mailed.match(name, "x") for name in "abc"))
            await eventually(lambda: mailed.stored(3, due=moment))
            assert mailed.received() == []
            await mailed.publish(mailed.person("c", sequence=2))  # never told: nothing to recall
            await eventually(lambda: mailed.stored(1, reason="consent-ended"))
            await mailed.become_due(datetime.now(UTC), state="due")
            await eventually(lambda: mailed.stored(2, state="delivered"))
            assert len(mailed.received()) == 1
            assert mailed.received()[0].mail["Subject"] == "알림 2건 / 2 notices"
            assert holding(mailed.told()) == {mailed.key(name, "x", "gjf") for name in "ab"}
            await mailed.publish(mailed.person("a", sequence=2))
            await eventually(lambda: len(mailed.received()) == 2)
            assert [event["type"] for event in mailed.told()[2:]] == ["recall"]

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
                    await eventually(lambda: len(server.received) == 1)
                    now = datetime.now(UTC)
                    held = {"held_until": now + timedelta(hours=1), "recall_at": now, "failures": 6}
                    await subscriptions.update_one({}, {"$set": held})
                    await setup.publish(match("b", "x"), person("a", sequence=2))
                    await eventually(lambda: len(server.received) == 3)
                    assert [each["type"] for each in told(server.received)] == ["notice", "recall", "notice"]

                    await eventually(lambda: subscriptions.count_documents({"failures": 0}))
                    (endpoint,) = await subscriptions.find({}).to_list(None)
                    assert endpoint["held_until"] < now + timedelta(minutes=30)

    async def test_who_has_nothing_left_to_be_told_gets_no_mail(
        self, mailed: Mailed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing came, or all that came may not be told any more when it is time."""
        moment = datetime(2090, 1, 1, tzinfo=UTC)
        monkeypatch.setattr(main, "next_window", lambda after, zone, at: moment)
        database = mailed.app.state.database
        await mailed.publish(*(mailed.agency(name) for name in ("gjf", "hana", "portal")))
        await mailed.publish(mailed.person("a", "gjf", "portal"), mailed.person("b", "portal"))
        for name in ("gjf", "hana", "portal"):
            async with mailed.client(name) as client:
                await client.subscribed("email-digest", f"mailto:{mailed.address(name)}")
        await mailed.publish(mailed.match("a", "x"), mailed.match("b", "x"))
        await eventually(lambda: _count(mailed, 3, due=moment))
        # its end is in the database, and no event of it has been reconciled
        await database.people.update_one({"_id": hexid("person", mailed.own("a"))}, {"$set": {"consents": []}})
        await mailed.become_due(datetime.now(UTC))
        await eventually(lambda: _count(mailed, 2, reason="consent-ended"))
        await eventually(lambda: _count(mailed, 1, state="delivered"))
        await mailed.publish(mailed.match("b", "y"))
        await eventually(lambda: _count(mailed, 1, due=moment))
        await mailed.become_due(datetime.now(UTC), state="due")
        await eventually(lambda: _count(mailed, 2, state="delivered"))
        assert [received.to for received in mailed.received()] == [[mailed.address("portal")]] * 2
        assert [len(list(received.mail.iter_attachments())) for received in mailed.received()] == [1, 1]

    async def test_that_was_put_off_is_one_mail_again(self, mailed: Mailed, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(main, "next_window", lambda after, zone, at: moment)
        moment = datetime.now(UTC) + timedelta(seconds=2)
        mailed.server.greylists = True
        await mailed.publish(mailed.agency("gjf"), *(mailed.person(name, "gjf") for name in "abc"))
        async with mailed.client("gjf") as gjf:
            await gjf.subscribed("email-digest", f"mailto:{mailed.address()}")
            moment = datetime.now(UTC) + timedelta(seconds=2)
            await mailed.publish(*(mailed.match(name, "x") for name in "abc"))
            await eventually(lambda: len(holding(mailed.told())) == 3)


async def _count(mailed: Mailed, count: int, **query: Any) -> bool:
    return bool(await mailed.count(**query) == count)


async def _known(client: Client) -> bool:
    return (await client.get("/subscriptions")).status_code == 200


async def test_the_owner_of_an_endpoint_is_told_that_it_fails_and_that_it_is_well(
    mailed: Mailed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner_troubles, "TELL_AFTER", timedelta(seconds=0.5))
    refusing = True

    async def refuses(request: Any) -> bytes:
        return answer_of(503 if refusing else 204)

    async with Partner(refuses) as partner:
        await mailed.publish(mailed.agency("gjf"), mailed.agency("hana", "case"))
        async with mailed.client("gjf") as gjf, mailed.client("hana") as hana:
            made = await gjf.subscribed("webhook", partner.url)
            await gjf.subscribed("email", f"mailto:{mailed.address()}")
            await hana.subscribed("email", f"mailto:{mailed.address('other')}")
            await mailed.publish(mailed.person("a", "gjf"), mailed.match("a", "x"))

            def subjects() -> list[str]:
                mails = [each for each in mailed.received() if not list(each.mail.iter_attachments())]
                assert all(each.to == [mailed.address()] for each in mails)
                assert all(made["subscription"] in _text(each.mail) for each in mails)
                return [str(each.mail["Subject"]) for each in mails]

            failing = "수신 시스템이 응답하지 않습니다 / Your system does not answer"
            await eventually(lambda: subjects() == [failing])
            refusing = False
            well = "수신 시스템이 다시 응답합니다 / Your system answers again"
            await eventually(lambda: subjects() == [failing, well])
            assert await mailed.app.state.database.troubles.count_documents({"_id": made["subscription"]}) == 0


async def test_the_owner_is_told_when_a_subscription_will_end_the_day_before_and_why_it_did(
    mailed: Mailed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner_troubles, "TELL_AFTER", timedelta(0))

    async def refuses(request: Any) -> bytes:
        return answer_of(503)

    async with Partner(refuses) as partner:
        subscriptions = mailed.app.state.database.subscriptions
        await mailed.publish(mailed.agency("gjf"))
        async with mailed.client("gjf") as gjf:
            made = await gjf.subscribed("webhook", partner.url)
            await gjf.subscribed("email", f"mailto:{mailed.address()}")
            await mailed.publish(mailed.person("a", "gjf"), mailed.match("a", "x"))

            async def shown() -> dict[str, Any]:
                found = (await gjf.get("/subscriptions")).json()["subscriptions"]
                return next(dict(each) for each in found if each["channel"] == "webhook")

            async def with_its_end() -> bool:
                return (await shown())["ends_at"] is not None

            def mails() -> list[Any]:
                return [each.mail for each in mailed.received() if not list(each.mail.iter_attachments())]

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
            await eventually(lambda: said("Your subscription is about to end"))
            local = f"{ends.astimezone(ZoneInfo('Asia/Seoul')):%Y-%m-%d %H:%M} (Asia/Seoul)"
            (warning,) = [mail for mail in mails() if str(mail["Subject"]).endswith("about to end")]
            assert _text(warning).count(local) == 2
            await failing_for(5.1)
            await eventually(lambda: said("Your subscription has ended"))
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
    refusing, page = True, answer_of(200, "content-type: text/html", body=b"<h1>Sign in</h1>")

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
                await eventually(lambda: "Your system does not answer" in told(hook))
                refusing = False
                await eventually(lambda: "Your system answers again" in told(hook))
                await eventually(lambda: "A web page answered in the place of your system" in told(hook))
                first = (await gjf.get("/feed")).json()
                await gjf.get("/feed", params={"after": first["cursor"]})
                assert told(reader) == []
                await setup.publish(person("a", sequence=2))
                await eventually(lambda: "Your feed is not read" in told(reader))
                read = (await gjf.get("/feed", params={"after": first["cursor"]})).json()
                await gjf.get("/feed", params={"after": read["cursor"]})
                await eventually(lambda: "Your feed is read again" in told(reader))
                for to in (hook, reader):
                    await eventually(lambda to=to: "A recall was not acknowledged" in told(to))
                (recall,) = [event["id"] for event in read["events"] if event["type"] == "recall"]
                await gjf.post("/acknowledgements", json={"notices": [recall]})
                for to in (hook, reader):
                    await eventually(lambda to=to: "All recalls were acknowledged" in told(to))
                assert not [each for each in told(hook) if "feed" in each]


async def test_without_a_mail_server_nobody_can_be_named_for_alerts(corner: Corner) -> None:
    await corner.publish(corner.agency("gjf"))
    async with corner.client("gjf") as gjf:
        await eventually(lambda: _known(gjf))
        answer = await gjf.post("/subscriptions", json={"channel": "feed", "alerts_to": f"mailto:{TO}"})
        assert (answer.status_code, answer.json()["field"]) == (422, "/alerts_to")
        assert answer.json()["type"].rpartition("/")[2] == "no-mail-here"


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())
