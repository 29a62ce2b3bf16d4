"""How we meet the operator's mail server, over sockets: who it is, what it is told, and what its answers mean."""

from __future__ import annotations

import asyncio
import socket
import ssl
from base64 import b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.local.ports import free_port
from services.notifications.channels.mail import smtp_relay
from services.notifications.channels.mail.smtp_relay import MailAnswer, Security, judge
from services.notifications.channels.mail.tls_files import TlsFiles
from shared.kit.base.metrics import REGISTRY
from tests.integration.notifications.mail_handover import TAKEN, TO, letter, relay, said, scripted
from tests.integration.notifications.parts import eventually
from tests.support.certificates import Authority
from tests.support.mail_server import MailServer

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning"),
]
USER, PASSWORD = "ieum", "\u00fcber geheim=secret"
BOTH: tuple[Security, ...] = ("starttls", "tls")
BODY = "안녕하세요\n.\n..two dots\n"


def trusting(authority: Authority) -> TlsFiles:
    file = str(authority.file)
    return TlsFiles("smtp_ca_file", [file], lambda: ssl.create_default_context(cafile=file))


def serving(authority: Authority, **options: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.signed("mail", **options))
    return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


class TestWhoItIs:
    @pytest.mark.parametrize("security", BOTH)
    async def test_a_server_of_the_own_authority_is_given_the_mail(
        self, authority: Authority, security: Security
    ) -> None:
        with MailServer(tls=serving(authority), implicit=security == "tls") as server:
            assert await relay(server.port, trusting(authority), security=security).send(TO, letter(), "s") == TAKEN
            await eventually(lambda: server.quits == 1)
        assert len(server.received) == 1

    @pytest.mark.parametrize("security", BOTH)
    @pytest.mark.parametrize("wrong", ["authority", "system", "name", "expired"])
    async def test_any_other_is_told_neither_password_nor_mail(
        self, authority: Authority, tmp_path: Path, security: Security, wrong: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        of = Authority(tmp_path / "other", "other") if wrong == "authority" else authority
        wrongly: dict[str, dict[str, Any]] = {
            "name": {"address": "127.0.0.2"},
            "expired": {"valid": timedelta(hours=-1)},
        }
        options = wrongly.get(wrong, {})
        tls = None if wrong == "system" else trusting(authority)
        with MailServer(tls=serving(of, **options), implicit=security == "tls", user=(USER, PASSWORD)) as server:
            asking = relay(server.port, tls, security=security, user=USER, password=PASSWORD)
            verdict = judge(await asking.send(TO, letter(), "s"))
        assert (verdict.outcome, verdict.reason, verdict.possibly_sent) == ("again", "mail-server", False)
        assert (server.received, server.logins) == ([], [])
        assert said(capsys) == ["certificate"]

    @pytest.mark.parametrize("security", BOTH)
    async def test_another_authority_in_the_file_is_taken_up_for_the_next_mail(
        self, authority: Authority, tmp_path: Path, security: Security, capsys: pytest.CaptureFixture[str]
    ) -> None:
        other, implicit = Authority(tmp_path / "other", "other"), security == "tls"
        with (
            MailServer(tls=serving(authority), implicit=implicit) as old,
            MailServer(tls=serving(other), implicit=implicit) as new,
        ):
            tls = trusting(authority)
            before, after = relay(old.port, tls, security=security), relay(new.port, tls, security=security)
            assert await before.send(TO, letter(), "s") == TAKEN
            assert (await after.send(TO, letter(), "s")).about == "server"
            authority.file.write_text("half of it, not there yet")
            assert await before.send(TO, letter(), "s") == TAKEN, "what is broken keeps the old one"
            other.file.rename(authority.file)
            assert await after.send(TO, letter(), "s") == TAKEN
            assert (await before.send(TO, letter(), "s")).about == "server"
        assert said(capsys) == ["certificate", "certificate"]


class TestTheLogin:
    @pytest.mark.parametrize("security", BOTH)
    @pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
    async def test_is_made_by_what_it_offers_over_tls(
        self, authority: Authority, security: Security, mechanism: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        user, implicit = (USER, PASSWORD), security == "tls"
        with MailServer(tls=serving(authority), implicit=implicit, user=user, mechanisms=[mechanism]) as server:
            asking = relay(server.port, trusting(authority), security=security, user=USER, password=PASSWORD)
            assert await asking.send(TO, letter(), "s") == TAKEN
            without = judge(await relay(server.port, trusting(authority), security=security).send(TO, letter(), "s"))
            assert (without.outcome, without.reason) == ("again", "mail-server")
            assert server.logins == [mechanism]
        written = "".join(capsys.readouterr()) + repr(asking._settings)
        assert not [form for form in (PASSWORD, b64encode(PASSWORD.encode()).decode()) if form in written]

    async def test_that_is_refused_is_our_own_trouble_tried_once_and_told_to_operators(
        self, authority: Authority, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with MailServer(tls=serving(authority), user=(USER, PASSWORD)) as server:
            asking = relay(server.port, trusting(authority), security="starttls", user=USER, password="wrong")
            for _ in range(3):
                verdict = judge(await asking.send(TO, letter(), "s"))
                assert (verdict.outcome, verdict.reason, verdict.disable) == ("again", "mail-server", False)
                assert not verdict.possibly_sent
            await eventually(lambda: server.quits == 3)
        assert server.logins == ["PLAIN"] * 3
        assert said(capsys) == ["login"], "not with every mail"

    async def test_is_never_made_where_somebody_could_read_along(self, capsys: pytest.CaptureFixture[str]) -> None:
        async with scripted({}) as (port, heard):
            asking = relay(port, user=USER, password=PASSWORD)
            assert (await asking.send(TO, letter(), "s")).about == "server"
            await eventually(lambda: b"QUIT" in heard)
        assert b"AUTH" not in b"".join(heard)
        assert said(capsys) == ["unencrypted"]

    async def test_is_not_begun_before_starttls_whatever_is_offered(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Somebody in between takes STARTTLS out of the answer."""
        async with scripted({}) as (port, heard):
            asking = relay(port, security="starttls", user=USER, password=PASSWORD)
            assert await asking.send(TO, letter(), "s") == MailAnswer("server", None)
            await eventually(lambda: b"QUIT" in heard)
        assert [line.split()[0] for line in heard] == [b"EHLO", b"QUIT"]
        assert said(capsys) == ["no-starttls"]

    @pytest.mark.parametrize("command", [b"MAIL", b"RCPT", b"DATA", b"."])
    async def test_that_it_asks_for_is_no_fault_of_a_mail(
        self, command: bytes, capsys: pytest.CaptureFixture[str]
    ) -> None:
        async with scripted({command: b"530 5.7.0 Authentication required"}) as (port, _):
            verdict = judge(await relay(port).send(TO, letter(), "s"))
        assert (verdict.outcome, verdict.reason, verdict.possibly_sent) == ("again", "mail-server", False)
        assert said(capsys) == ["login"]

    async def test_needs_a_way_that_we_know(self, authority: Authority, capsys: pytest.CaptureFixture[str]) -> None:
        user = (USER, PASSWORD)
        with MailServer(tls=serving(authority), user=user, mechanisms=[]) as server:
            asking = relay(server.port, trusting(authority), security="starttls", user=USER, password=PASSWORD)
            assert await asking.send(TO, letter(), "s") == MailAnswer("server", None)
        assert said(capsys) == ["no-login"]


class TestTrouble:
    """What operators are called for."""

    @staticmethod
    def shown() -> list[str]:
        return [
            each
            for each in smtp_relay.TROUBLES
            if REGISTRY.get_sample_value("ieum_mail_server_trouble", {"reason": each})
        ]

    async def test_is_shown_until_a_mail_is_taken(self) -> None:
        with MailServer() as server:
            asking = relay(server.port)
            server.at_data = "554 5.7.1 Relay access denied"
            await asking.send(TO, letter(), "s")
            assert self.shown() == ["relaying"]
            server.well()
            await asking.send(TO, letter(), "s")
            assert self.shown() == []
            await asking.close()

    async def test_is_not_shown_for_ever_where_no_mail_waits_any_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(smtp_relay, "REFUSED_AGAIN_AFTER", timedelta(seconds=0.1))
        asking = relay(free_port(), total=timedelta(seconds=0.1))
        for _ in range(2):  # what waits is tried again meanwhile
            await asking.send(TO, letter(), "s")
            assert self.shown() == ["no-connection"]
            await asyncio.sleep(0.05)
        await eventually(lambda: self.shown() == [])
        await asking.close()


@pytest.mark.parametrize("last", [b"garbage line\r\n", b"25\r\n", b"250 " + b"x" * 20_000 + b"\r\n", b"999 what\r\n"])
async def test_a_mail_that_was_handed_over_may_have_arrived_whatever_the_last_answer_looks_like(last: bytes) -> None:
    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            if line.upper().startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(last)
            else:
                writer.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 fine\r\n")
        writer.close()

    server = await asyncio.start_server(answers, "127.0.0.1", 0, limit=1_000_000)
    async with server:
        asking = relay(server.sockets[0].getsockname()[1])
        verdict = judge(await asking.send(TO, letter(), "s"))
        await asking.close()
    assert (verdict.outcome, verdict.reason, verdict.possibly_sent) == ("again", "mail-server", True)


class TestWhatItAnswers:
    """What the mail server does, and what is made of it."""

    async def test_korean_and_dots_arrive_as_they_were(self) -> None:
        with MailServer() as server:
            assert (await relay(server.port).send(TO, letter("알림", BODY), "s1")).code == 250
        (received,) = server.received
        assert received.mail["Subject"] == "알림"
        assert received.mail.get_content() == BODY

    @pytest.mark.parametrize(
        ("where", "answer", "outcome", "reason"),
        [
            ("at_recipient", "450 4.2.0 greylisted", "again", "mail-450"),
            ("at_recipient", "550 5.1.1 unknown", "failed", "no-such-mailbox"),
            ("at_recipient", "550 5.7.1 not you", "again", "mail-server"),  # unless others are taken meanwhile
            ("at_recipient", "551 go elsewhere", "again", "mail-server"),
            ("at_data", "554 5.7.1 Relay access denied", "again", "mail-server"),
            ("at_recipient", "552 5.2.2 full", "failed", "mail-552"),
            ("at_data", "452 4.3.1 full", "again", "mail-server"),
            ("at_data", "554 5.6.0 no", "failed", "mail-554"),
            ("at_recipient", "421 4.3.2 closing", "again", "mail-server"),
            ("at_recipient", "252 cannot say", "again", "mail-server"),
        ],
    )
    async def test_what_it_answers(self, where: str, answer: str, outcome: str, reason: str) -> None:
        with MailServer() as server:
            setattr(server, where, answer)
            verdict = judge(await relay(server.port).send(TO, letter(), "s1"))
        assert (verdict.outcome, verdict.reason) == (outcome, reason)
        assert server.received == []

    async def test_a_server_without_tls_is_given_nothing_when_tls_is_asked_for(self) -> None:
        with MailServer() as server:
            for security in ("starttls", "tls"):
                verdict = judge(await relay(server.port, security=security).send(TO, letter(), "s1"))
                assert (verdict.outcome, verdict.reason, verdict.possibly_sent) == ("again", "mail-server", False)
        assert server.received == []

    async def test_one_that_is_away_or_never_answers_ends_in_time(self, hanging_port: int) -> None:
        away = await relay(free_port()).send(TO, letter(), "s1")
        assert (away.about, away.code, away.handed) == ("server", None, False)
        hangs = await relay(hanging_port, total=timedelta(seconds=0.5)).send(TO, letter(), "s1")
        assert (hangs.about, hangs.code, hangs.handed) == ("server", None, False)


@pytest.fixture
def hanging_port() -> Any:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]
