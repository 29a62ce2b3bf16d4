"""mTLS and authorities of a partner's own, at a real TLS server that asks for a client certificate."""

from __future__ import annotations

import asyncio
import ipaddress
import shutil
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.local.ports import free_port
from services.notifications.channels import client_tls
from services.notifications.channels.client_tls import ClientTls
from services.notifications.channels.credentials import Credentials
from services.notifications.channels.webhook import Limits, Webhook
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.webhook_url_rules import UrlRules
from shared.kit.base.sealing import Sealer
from tests.integration.notifications.parts import OK, eventually
from tests.support.certificates import Authority
from tests.support.missed import cannot_run_here

pytestmark = pytest.mark.integration
CREDENTIALS = Credentials(Sealer(b"s" * 32))
ID = "e" * 32


class Server:
    """Answers whoever shows a certificate of this authority; ``seen``: whose it was, for each connection."""

    def __init__(self, own: tuple[Path, Path], clients: Path | None) -> None:
        self.seen: list[str | None] = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*own)
        if clients is not None:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(clients)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context)
        try:
            yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            shown = writer.get_extra_info("peercert")
            self.seen.append(dict(pair[0] for pair in shown["subject"])["commonName"] if shown else None)
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
                await reader.readexactly(int(length.split(b":")[1]))
                writer.write(OK)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            return
        finally:
            writer.close()


class Parts:
    """A server of a partner with authorities of its own: one for its server, one for its clients."""

    def __init__(self, folder: Path) -> None:
        self.servers = Authority(folder / "servers")
        self.clients = Authority(folder / "clients")
        self.server = Server(self.servers.signed("server"), self.clients.file)
        urls = UrlRules(ports=frozenset(), allowed=(ipaddress.ip_network("127.0.0.0/8"),))
        self.webhook = Webhook(CREDENTIALS, lambda *_: None, Limits(total=timedelta(seconds=10)), urls)

    def tls(self, name: str, authority: Authority | None = None, **how: Any) -> ClientTls:
        certificate, key = (authority or self.clients).signed(name, **how)
        return ClientTls(certificate.read_text(), key.read_text(), self.servers.file.read_text())

    def endpoint(self, url: str, tls: ClientTls | None) -> Any:
        sealed = {"target": CREDENTIALS.sealed_target(ID, url), "tls": CREDENTIALS.sealed_tls(ID, tls)}
        return {"_id": ID, "secrets": [CREDENTIALS.new_secret(ID)[1]], **sealed}

    async def send(self, endpoint: Any) -> Verdict:
        return await self.webhook.send(endpoint, "1" * 32, b"{}", datetime.now(UTC))


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    made = Parts(tmp_path)
    yield made
    await made.webhook.close()


async def test_it_is_shown_its_certificate_and_its_own_authority_is_trusted(parts: Parts) -> None:
    async with parts.server.running() as url:
        endpoint = parts.endpoint(url, parts.tls("ieum"))
        assert [(await parts.send(endpoint)).outcome for _ in range(3)] == ["delivered"] * 3
    assert parts.server.seen == ["ieum"], "and the connection is kept"


async def test_without_a_certificate_with_one_of_others_or_an_expired_one_nothing_arrives(parts: Parts) -> None:
    strangers = Authority(parts.servers.folder.parent / "strangers")
    async with parts.server.running() as url:
        for tls in (
            ClientTls(ca=parts.servers.file.read_text()),
            parts.tls("stranger", strangers),
            parts.tls("late", valid=timedelta(hours=-1)),
        ):
            verdict = await parts.send(parts.endpoint(url, tls))
            assert verdict.outcome == "again"
            # TLS 1.3: the server refuses our certificate after our side takes the connection to stand
            assert verdict.reason in ("tls", "connection-lost")
    assert parts.server.seen == []


async def test_a_server_of_another_authority_or_of_none_that_is_named_is_not_told(parts: Parts) -> None:
    certificate, key = (file.read_text() for file in parts.clients.signed("ieum"))
    async with parts.server.running() as url:
        for ca in (None, parts.clients.file.read_text()):
            verdict = await parts.send(parts.endpoint(url, ClientTls(certificate, key, ca)))
            assert (verdict.reason, verdict.possibly_sent) == ("tls", False)
    assert parts.server.seen == []


class Old(Server):
    """Speaks TLS 1.0 and nothing newer, and says so to who wants better: asyncio's own server hangs up instead."""

    def __init__(self, own: tuple[Path, Path]) -> None:
        super().__init__(own, None)
        only_tls_1_0(self.context)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context.wrap_bio(came, goes, server_side=True)
        try:
            while True:
                try:
                    tls.do_handshake()
                except ssl.SSLWantReadError:
                    writer.write(goes.read())
                    came.write(await reader.read(65_536))
                else:
                    self.seen.append(None)
                    break
        except ssl.SSLError:
            pass  # refused: what it says to that is in ``goes``
        writer.write(goes.read())
        await writer.drain()
        writer.close()


def only_tls_1_0(context: ssl.SSLContext) -> None:
    context.set_ciphers("ALL:@SECLEVEL=0")  # OpenSSL itself speaks it at no other level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1


@pytest.mark.parametrize("trusts", ["its own authority", "the system's"])
@pytest.mark.parametrize("wrong", ["expired", "for another host", "self-signed", "TLS 1.0"])
async def test_a_server_whose_certificate_or_version_is_wrong_is_sent_nothing(
    parts: Parts, wrong: str, trusts: str
) -> None:
    own = {
        "expired": lambda: parts.servers.signed("late", valid=timedelta(seconds=-1)),
        "for another host": lambda: parts.servers.signed("elsewhere", "127.0.0.9"),
        "self-signed": lambda: Authority(parts.servers.folder.parent / "itself").signed("itself"),
        "TLS 1.0": lambda: parts.servers.signed("old"),
    }[wrong]()
    server = Old(own) if wrong == "TLS 1.0" else Server(own, None)
    async with server.running() as url:
        tls = ClientTls(ca=parts.servers.file.read_text()) if trusts == "its own authority" else None
        verdict = await parts.send(parts.endpoint(url, tls))
        assert (verdict.outcome, verdict.reason, verdict.possibly_sent) == ("again", "tls", False)
        assert server.seen == []
        # who asks for less comes in: it is what is wrong that keeps us out
        careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
        if wrong == "TLS 1.0":
            only_tls_1_0(careless)
        port = int(url.rpartition(":")[2].partition("/")[0])
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=careless)
        await eventually(lambda: came(server))
        writer.close()


async def came(server: Server) -> bool:
    return server.seen == [None]


async def test_a_renewed_certificate_is_shown_from_the_next_request_on(parts: Parts) -> None:
    async with parts.server.running() as url:
        await parts.send(parts.endpoint(url, parts.tls("first")))
        assert (await parts.send(parts.endpoint(url, parts.tls("second")))).outcome == "delivered"
    assert parts.server.seen == ["first", "second"]


async def test_one_endpoints_certificate_is_shown_to_no_other(parts: Parts) -> None:
    plain = Server(parts.servers.signed("plain"), None)
    plain.context.verify_mode = ssl.CERT_OPTIONAL
    plain.context.load_verify_locations(parts.clients.file)
    async with plain.running() as url:
        await parts.send(parts.endpoint(url, parts.tls("ieum")))
        await parts.send(parts.endpoint(url, ClientTls(ca=parts.servers.file.read_text())))
    assert plain.seen == ["ieum", None]


@pytest.mark.parametrize("trusts", ["its own authority", "the system's"])
async def test_a_server_whose_handshake_takes_too_much_computing_is_sent_nothing(
    parts: Parts, trusts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ClientTls(ca=parts.servers.file.read_text()) if trusts == "its own authority" else None
    monkeypatch.setenv("SSL_CERT_FILE", str(parts.servers.file))
    parts.server = Server(parts.servers.signed("server"), None)
    async with parts.server.running() as url:
        with monkeypatch.context() as most:
            most.setattr(client_tls, "MOST_HANDSHAKE_SECONDS", -1.0)
            verdict = await parts.send(parts.endpoint(url, own))
            assert (verdict.reason, verdict.possibly_sent) == ("tls", False)
        assert (await parts.send(parts.endpoint(url, own))).outcome == "delivered"


async def test_a_server_that_asks_for_another_handshake_on_a_connection_that_stands_gets_none(
    parts: Parts, tmp_path: Path
) -> None:
    """Only OpenSSL's own server asks so: Python's cannot."""
    if (openssl := shutil.which("openssl")) is None:
        cannot_run_here("a server that renegotiates", because="openssl is not installed")
    (certificate, key), port = parts.servers.signed("server"), free_port()
    server = await asyncio.create_subprocess_exec(
        *(openssl, "s_server", "-accept", f"127.0.0.1:{port}", "-tls1_2", "-msg", "-cert", certificate, "-key", key),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        while b"ACCEPT" not in await server.stdout.readline():
            pass
        context = client_tls.context_of(ClientTls(ca=parts.servers.file.read_text()))
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        while b"Secure Renegotiation" not in await server.stdout.readline():
            pass
        server.stdin.write(b"r\n")  # asks for another one
        said = b""
        while b"ClientHello" not in said and b"Alert" not in said:
            said = await server.stdout.readline()
        assert b"no_renegotiation" in said
        writer.close()
    finally:
        if server.returncode is None:
            server.kill()
        await server.wait()
