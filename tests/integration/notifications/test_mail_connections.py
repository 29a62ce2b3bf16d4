"""How connections to the operator's mail server are used and left: how many at once, for how long, by which words."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from services.notifications.channels.mail import smtp_relay
from services.notifications.channels.mail.smtp_relay import MailAnswer, judge
from tests.integration.notifications.mail_handover import TAKEN, TO, letter, relay, said, scripted
from tests.integration.notifications.parts import eventually

pytestmark = pytest.mark.integration


class TestManyMails:
    async def test_are_handed_over_by_so_many_connections_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(smtp_relay, "MOST_AT_ONCE", 2)
        answered, open_now, most = asyncio.Event(), 0, 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal open_now, most
            open_now += 1
            most = max(most, open_now)
            await answered.wait()
            open_now -= 1
            writer.write(b"421 later\r\n")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            asking = relay(server.sockets[0].getsockname()[1], total=timedelta(seconds=60))
            sending = [asyncio.create_task(asking.send(TO, letter(), "s")) for _ in range(6)]
            await eventually(lambda: open_now == 2)
            await asyncio.sleep(0.2)
            answered.set()
            assert {each.code for each in await asyncio.gather(*sending)} == {421}
        assert most == 2

    async def test_one_whose_turn_does_not_come_waits_without_a_fault_of_anybody(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(smtp_relay, "MOST_AT_ONCE", 1)
        async with scripted({b".": None}) as (port, heard):
            asking = relay(port, total=timedelta(seconds=1))
            first = asyncio.create_task(asking.send(TO, letter(), "s"))
            await eventually(lambda: b"." in heard)
            verdict = judge(await asking.send(TO, letter(), "s"))
            assert (verdict.outcome, verdict.reason, verdict.possibly_sent) == ("again", "mail-server", False)
            assert verdict.ours
            assert verdict.endpoint_healthy
            assert said(capsys) == []
            await first


class TestHowItIsLeft:
    async def test_with_quit_once_after_a_mail_that_was_taken(self) -> None:
        async with scripted({}) as (port, heard):
            assert await relay(port).send(TO, letter(), "s") == TAKEN
            await eventually(lambda: heard[-1] == b"QUIT")
        assert [line.split()[0] for line in heard] == [b"EHLO", b"MAIL", b"RCPT", b"DATA", b".", b"QUIT"]

    @pytest.mark.parametrize(
        ("command", "answer"),
        [(b"MAIL", b"550 not you"), (b"RCPT", b"550 5.1.1 nobody"), (b"DATA", b"452 full"), (b".", b"554 no")],
    )
    async def test_with_quit_after_a_refusal(self, command: bytes, answer: bytes) -> None:
        async with scripted({command: answer}) as (port, heard):
            found = await relay(port).send(TO, letter(), "s")
            assert found.code == int(answer[:3])
            await eventually(lambda: heard[-1] == b"QUIT")
        assert [line.split()[0] for line in heard].count(b"QUIT") == 1

    @pytest.mark.parametrize("bye", [None, b"500 what?", b"no smtp at all", b"421 closing"])
    async def test_an_odd_answer_or_none_to_quit_changes_nothing_and_is_not_waited_for(
        self, bye: bytes | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(smtp_relay, "QUIT_SECONDS", 0.3)
        async with scripted({b"QUIT": bye}) as (port, heard):
            asking = relay(port)
            assert await asking.send(TO, letter(), "s") == TAKEN
            assert heard[-1] != b"QUIT", "it is not said before the answer is known"
            await eventually(lambda: heard[-1] == b"QUIT")
            await eventually(lambda: not asking._parting)

    async def test_without_where_no_command_is_expected(self) -> None:
        async with scripted({b".": None}) as (port, heard):
            found = await relay(port, total=timedelta(seconds=0.3)).send(TO, letter(), "s")
            assert found == MailAnswer("server", None, handed=True)
            await asyncio.sleep(0.1)
        assert b"QUIT" not in heard

    async def test_a_late_answer_to_the_mail_counts_for_three_times_as_long_as_any_other(self) -> None:
        """It has it already: whoever asks again sends it twice, and every time that it takes so long."""
        for waits, expected in ((3.0, TAKEN), (10.0, MailAnswer("server", None, handed=True))):
            async with scripted({}, late=waits) as (port, _):
                assert await relay(port, total=timedelta(seconds=2)).send(TO, letter(), "s") == expected

    async def test_only_what_was_begun_to_be_handed_over_may_have_been(self) -> None:
        for command in (b"EHLO", b"MAIL", b"RCPT"):
            async with scripted({command: None}) as (port, _):
                found = await relay(port, total=timedelta(seconds=0.3)).send(TO, letter(), "s")
            assert found == MailAnswer("server", None, handed=False)

    async def test_no_more_than_so_many_at_once_and_a_stop_waits_for_none(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(smtp_relay, "QUIT_SECONDS", 60)
        monkeypatch.setattr(smtp_relay, "PARTING_AT_STOP_SECONDS", 0.1)
        monkeypatch.setattr(smtp_relay, "MOST_PARTING", 2)
        async with scripted({b"QUIT": None}) as (port, heard):
            asking = relay(port)
            for _ in range(4):
                assert await asking.send(TO, letter(), "s") == TAKEN
            await eventually(lambda: heard.count(b"QUIT") == 2)
            assert len(asking._parting) == 2
            await asking.close()
            await eventually(lambda: not asking._parting)
        assert heard.count(b"QUIT") == 2
