"""Mails that come back: a mail server hands the reports on to a service that runs on a real database."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from fastapi import FastAPI

from deploy.local.ports import free_port
from services.notifications import main
from services.notifications.channels.mail import digest, owner_alerts
from services.notifications.channels.mail.bounce_listener import CannotListen
from shared.kit.base.metrics import REGISTRY
from tests.integration.notifications.corner import Corner
from tests.integration.notifications.parts import Client, Setup, eventually
from tests.support.mail_server import MailServer
from tests.support.undelivered import AWAY, REPORTS, postfix

pytestmark = pytest.mark.integration


def mailing(server: MailServer, port: int) -> dict[str, Any]:
    return {
        "smtp_host": "127.0.0.1",
        "smtp_port": server.port,
        "smtp_security": "none",
        "mail_sender": "notices@ieum.example",
        "mail_bounces": "bounces@ieum.example",
        "bounces_listen": f"127.0.0.1:{port}",
    }


def handed(port: int, to: str, content: bytes, kind: type[smtplib.SMTP] = smtplib.SMTP) -> int:
    """What the listener answers to a mail server that hands this on: to the recipient, or to the content."""
    with kind("127.0.0.1", port, local_hostname="relay.example", timeout=30) as client:
        client.ehlo_or_helo_if_needed()
        assert client.mail("", [f"size={len(content)}"])[0] == 250
        code, _ = client.rcpt(to)
        return code if code != 250 else client.data(content)[0]


async def hands(port: int, to: str, content: bytes, kind: type[smtplib.SMTP] = smtplib.SMTP) -> int:
    return await asyncio.to_thread(handed, port, to, content, kind)


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("ieum_bounces_total", {"outcome": outcome}) or 0.0


class Service(NamedTuple):
    """One with its mail server, and the port where it listens for what comes back."""

    setup: Setup
    app: FastAPI
    server: MailServer
    port: int


class Mailed:
    """An agency with a mailbox to which one notice was mailed."""

    made: dict[str, Any]

    def __init__(self, service: Service, corner: Corner, client: Client) -> None:
        self.app, self.server, self.port = service.app, service.server, service.port
        self.corner, self.client = corner, client
        self.to, self.alerts = (f"{corner.own(name)}@partner.example" for name in ("jobs", "office"))

    async def begin(self, channel: str) -> None:
        self.made = await self.client.subscribed(channel, f"mailto:{self.to}", alerts_to=f"mailto:{self.alerts}")
        await self.corner.publish(self.corner.match("a", "x"))
        await eventually(lambda: len(self.told(self.to)) == 1)

    @property
    def path(self) -> str:
        """Where a report of the last mail to the mailbox goes."""
        return [each.sender for each in self.server.received if each.to == [self.to]][-1]

    async def shown(self) -> dict[str, Any]:
        found = (await self.client.get("/subscriptions")).json()["subscriptions"]
        return next(dict(each) for each in found if each["subscription"] == self.made["subscription"])

    def told(self, to: str) -> list[str]:
        return [str(each.mail["Subject"]).rpartition(" / ")[2] for each in self.server.received if each.to == [to]]


Begin = Callable[..., Awaitable[Mailed]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(
    setup_for_several: Callable[[], AbstractAsyncContextManager[Setup]],
) -> AsyncIterator[Service]:
    with pytest.MonkeyPatch.context() as patch, MailServer() as server:
        patch.setattr(owner_alerts, "LOOK_SECONDS", 0.1)
        patch.setattr(digest, "LOOK_SECONDS", 0.1)
        patch.setattr(main, "next_window", lambda after, zone, at: after)
        async with setup_for_several() as setup, setup.running(**mailing(server, port := free_port())) as app:
            yield Service(setup, app, server, port)


@pytest.fixture
async def begin(service: Service) -> AsyncIterator[Begin]:
    async with contextlib.AsyncExitStack() as stack:

        async def mailed(channel: str = "email") -> Mailed:
            corner = Corner(service.setup, service.app)
            await corner.publish(corner.agency("gjf"), corner.person("a", "gjf"))
            made = Mailed(service, corner, await stack.enter_async_context(corner.client("gjf")))
            await made.begin(channel)
            return made

        yield mailed


@pytest.mark.parametrize("report", REPORTS)
async def test_a_mailbox_that_is_gone_ends_its_subscription_and_its_owner_is_told(begin: Begin, report: str) -> None:
    mailed, before = await begin(), counted("ended")
    assert await hands(mailed.port, mailed.path, REPORTS[report](mailed.to)) == 250
    shown = await mailed.shown()  # what is accepted has happened
    assert (shown["state"], shown["reason"]) == ("disabled", "no-such-mailbox")
    assert counted("ended") == before + 1
    await eventually(lambda: "Your subscription has ended" in mailed.told(mailed.alerts))
    await mailed.corner.publish(mailed.corner.match("a", "y"))
    await eventually(lambda: _nothing_open(mailed))
    assert len(mailed.told(mailed.to)) == 1


async def _nothing_open(mailed: Mailed) -> bool:
    match = mailed.corner.match("a", "y").data.match
    seen = await mailed.app.state.database.matches.count_documents({"_id": match})
    return bool(seen and not await mailed.corner.count(state={"$in": ["due", "waiting", "sending"]}))


async def test_the_same_report_again_changes_nothing_and_it_may_be_resumed(begin: Begin) -> None:
    mailed = await begin()
    path = mailed.path
    assert [await hands(mailed.port, path, postfix(mailed.to)) for _ in range(3)] == [250] * 3
    ended = await mailed.app.state.database.subscriptions.find_one({"_id": mailed.made["subscription"]})
    assert await hands(mailed.port, path.upper(), postfix(mailed.to)) == 250
    assert await mailed.app.state.database.subscriptions.find_one({"_id": mailed.made["subscription"]}) == ended
    await eventually(lambda: "Your subscription has ended" in mailed.told(mailed.alerts))
    assert mailed.told(mailed.alerts).count("Your subscription has ended") == 1
    answer = await mailed.client.post(f"/subscriptions/{mailed.made['subscription']}/resume")
    assert answer.json()["state"] == "active"


async def test_an_address_that_was_changed_meanwhile_is_not_ended_for_the_old_one(begin: Begin) -> None:
    mailed, before = await begin(), counted("outdated")
    old, at = mailed.path, f"/subscriptions/{mailed.made['subscription']}"
    changed = await mailed.client.patch(at, json={"url": "mailto:new@partner.example"})
    assert changed.status_code == 200, changed.text
    assert await hands(mailed.port, old, postfix(mailed.to)) == 250
    assert ((await mailed.shown())["state"], counted("outdated")) == ("active", before + 1)
    assert (await mailed.client.delete(at)).status_code == 204
    assert await hands(mailed.port, old, postfix(mailed.to)) == 250
    assert counted("outdated") == before + 2


async def test_what_nobody_wrote_to_is_refused_before_its_content(
    begin: Begin, capfd: pytest.CaptureFixture[str]
) -> None:
    mailed, before = await begin(), counted("unknown")
    path, id = mailed.path, mailed.made["subscription"]
    local = path.partition("@")[0]
    forged = [
        f"bounces+{id}@ieum.example",
        f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@ieum.example",
        f"bounces+{'0' * 32}{local[len('bounces+') + 32 :]}@ieum.example",
        path.replace("ieum.example", "other.example"),
        "somebody@partner.example",
    ]
    capfd.readouterr()
    assert [await hands(mailed.port, each, postfix(mailed.to)) for each in forged] == [550] * len(forged)
    assert counted("unknown") == before + len(forged)
    assert (await mailed.shown())["state"] == "active"
    assert await hands(mailed.port, path, postfix(mailed.to, "5.7.1")) == 250
    said = capfd.readouterr()
    assert not [each for each in (id, "partner.example", "relay.example", "Undelivered") if each in said.out + said.err]


@pytest.mark.parametrize(
    ("content", "outcome"),
    [(lambda to: AWAY, "soft"), (lambda to: postfix(to, "4.4.1", "delayed"), "soft"),
     (lambda to: postfix(to, "5.2.2"), "shown"), (lambda to: b"", "soft"),
     (lambda to: postfix("member@partner.example"), "shown"), (lambda to: postfix(to, "4.4.1"), "shown")],
    ids=["away", "delayed", "mailbox full", "nothing", "another mailbox", "for now"],
)  # fmt: skip
async def test_what_is_not_for_good_or_not_about_it_ends_nothing(
    begin: Begin, content: Callable[[str], bytes], outcome: str
) -> None:
    mailed, before = await begin(), counted(outcome)
    for _ in range(3):
        assert await hands(mailed.port, mailed.path, content(mailed.to)) == 250
    shown = await mailed.shown()
    assert (shown["state"], shown["failing"], counted(outcome)) == ("active", 0, before + 3)
    assert (shown["bounced_at"] is not None) == (outcome == "shown")
    at = f"/subscriptions/{mailed.made['subscription']}"
    if outcome == "shown":
        assert (await mailed.client.patch(at, json={"url": f"mailto:{mailed.to}"})).json()["bounced_at"] is None


async def test_a_mail_about_trouble_that_comes_back_is_shown_and_ends_nothing(begin: Begin) -> None:
    mailed = await begin()
    assert await hands(mailed.port, mailed.path, postfix(mailed.to)) == 250
    await eventually(lambda: bool(mailed.told(mailed.alerts)))
    assert (await mailed.client.post(f"/subscriptions/{mailed.made['subscription']}/resume")).status_code == 200
    alerts = next(each.sender for each in mailed.server.received if each.to == [mailed.alerts])
    assert await hands(mailed.port, alerts, postfix(mailed.alerts)) == 250
    shown = await mailed.shown()
    assert (shown["state"], shown["bounced_at"]) == ("active", None)
    assert shown["alerts_bounced_at"] is not None


async def test_a_digest_comes_back_like_a_mail(begin: Begin) -> None:
    mailed = await begin("email-digest")
    assert await hands(mailed.port, mailed.path, postfix(mailed.to)) == 250
    assert (await mailed.shown())["reason"] == "no-such-mailbox"


class Lmtp(smtplib.LMTP):
    """Of the standard library, over TCP."""

    def ehlo_or_helo_if_needed(self) -> None:
        assert self.ehlo()[0] == 250


async def test_lmtp_is_heard_too(begin: Begin) -> None:
    mailed = await begin()
    assert await hands(mailed.port, mailed.path, postfix(mailed.to), Lmtp) == 250
    assert (await mailed.shown())["state"] == "disabled"


async def test_a_service_that_cannot_listen_does_not_start(setup: Setup) -> None:
    with MailServer() as server, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        app = main.build(setup.settings(**mailing(server, taken.getsockname()[1])))
        with pytest.raises(CannotListen):
            async with app.router.lifespan_context(app):
                pass
        assert app.state.runtime.failed


async def test_without_the_setting_nobody_listens(setup: Setup) -> None:
    with MailServer() as server:
        port = free_port()
        async with setup.running(**mailing(server, port) | {"bounces_listen": ""}):
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(("127.0.0.1", port), timeout=5)
