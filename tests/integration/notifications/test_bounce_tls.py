"""The listener for mails that come back, by TLS: only after STARTTLS, with the certificate that is there now."""

from __future__ import annotations

import asyncio
import os
import smtplib
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from deploy.local.timeouts import scaled
from services.notifications.channels.mail.bounce_listener import BounceListener, Bounds
from services.notifications.channels.mail.tls_files import TlsFiles
from tests.integration.notifications.parts import eventually
from tests.integration.notifications.test_bounce_listener import (
    OPENED,
    OURS,
    REPORT,
    Heard,
    Line,
    counted,
    listening,
)
from tests.support.certificates import Authority

pytestmark = pytest.mark.integration


def showing(cert: Path, key: Path) -> TlsFiles:
    def make() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key, password="")
        return context

    return TlsFiles("bounces_cert_file", [str(cert), str(key)], make)


def sends_by_tls(port: int, ca: Path, report: bytes = REPORT) -> int:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="relay.example", timeout=30) as client:
        client.starttls(context=ssl.create_default_context(cafile=str(ca)))
        client.ehlo()
        client.mail("")
        code, _ = client.rcpt(OURS)
        return code if code != 250 else client.data(report)[0]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def on_a_services_loop(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(work(), scaled(60))

    uvloop.run(bounded())


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_a_report_is_heard_by_tls_and_not_without(authority: Authority, loop: str) -> None:
    found, before = Heard(), counted("no-tls")

    async def work() -> None:
        async with listening(found, tls=showing(*authority.signed("bounces"))) as listener:
            line = await Line.to(listener)
            assert b"STARTTLS" in await line.says(b"LHLO x\r\n")
            said = await line.says(b"MAIL FROM:<>\r\n" + f"RCPT TO:<{OURS}>\r\n".encode())
            assert said.startswith(b"451 4.7.0 STARTTLS first\r\n503")
            assert await asyncio.to_thread(sends_by_tls, listener.port, authority.file) == 250
            large = b"x" * 76 + b"\r\n"
            assert await asyncio.to_thread(sends_by_tls, listener.port, authority.file, large * 3_500) == 552
            await eventually(lambda: _only(1, listener))  # a connection that had TLS is gone once it ended

    if loop == "uvloop":
        await asyncio.to_thread(on_a_services_loop, work)
    else:
        await work()
    assert found.contents == [REPORT]
    assert counted("no-tls") == before + 1


async def test_what_was_said_before_tls_counts_for_nothing_behind_it(authority: Authority) -> None:
    """Somebody in between puts commands behind STARTTLS."""
    found = Heard()
    bounds = Bounds(sessions_per_second=10_000, total_seconds=3)
    async with listening(found, bounds, tls=showing(*authority.signed("bounces"))) as listener:
        line = await Line.to(listener)
        await line.says(b"EHLO x\r\n")
        said = await line.says(b"STARTTLS\r\n" + OPENED + REPORT + b"\r\n.\r\n")
        assert said.startswith(b"220")
        assert b"250" not in said
        assert await line.closed()
        await eventually(lambda: _only(0, listener))
    assert found.contents == []


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_whoever_begins_tls_and_stops_or_floods_is_hung_up_on_and_makes_room(
    authority: Authority, loop: str
) -> None:
    bounds = Bounds(sessions=3, sessions_per_second=10_000, total_seconds=3)

    async def work() -> None:
        async with listening(Heard(), bounds, tls=showing(*authority.signed("bounces"))) as listener:
            lines = [await Line.to(listener) for _ in range(3)]
            for each in lines:
                each.writer.write(b"EHLO x\r\nSTARTTLS\r\n")
                await each.reader.readuntil(b"220 Ready to start TLS\r\n")
            lines[1].writer.write(b"\x00" * 100_000)
            lines[2].writer.transport.abort()
            for each in lines[:2]:
                assert await each.closed()
            await eventually(lambda: _only(0, listener))
            assert await asyncio.to_thread(sends_by_tls, listener.port, authority.file) == 250

    if loop == "uvloop":
        await asyncio.to_thread(on_a_services_loop, work)
    else:
        await work()


async def test_a_flood_is_bounded_by_tls_too(authority: Authority) -> None:
    found, before = Heard(), counted("flood")
    async with listening(found, tls=showing(*authority.signed("bounces"))) as listener:

        def floods() -> None:
            with smtplib.SMTP("127.0.0.1", listener.port, local_hostname="relay.example", timeout=30) as client:
                client.starttls(context=ssl.create_default_context(cafile=str(authority.file)))
                client.ehlo()
                for _ in range(1_000):
                    client.send(b"\r\n" * 4_096)

        with pytest.raises((OSError, smtplib.SMTPException)):
            await asyncio.to_thread(floods)
        await eventually(lambda: _only(0, listener))
        assert await asyncio.to_thread(sends_by_tls, listener.port, authority.file) == 250
    assert counted("flood") >= before + 1


async def test_a_renewed_certificate_is_shown_to_the_next_one(authority: Authority, tmp_path: Path) -> None:
    found, other = Heard(), Authority(tmp_path / "other", "other")
    cert, key = authority.signed("bounces")
    async with listening(found, tls=showing(cert, key)) as listener:
        assert await asyncio.to_thread(sends_by_tls, listener.port, authority.file) == 250
        new_cert, new_key = other.signed("bounces")
        os.rename(new_cert, cert)
        assert await asyncio.to_thread(sends_by_tls, listener.port, authority.file) == 250, "its key is not there yet"
        os.rename(new_key, key)
        assert await asyncio.to_thread(sends_by_tls, listener.port, other.file) == 250
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.to_thread(sends_by_tls, listener.port, authority.file)
    assert len(found.contents) == 3


async def _only(count: int, listener: BounceListener) -> bool:
    return len(listener.sessions) == count
