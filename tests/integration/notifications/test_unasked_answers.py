"""What comes over a kept connection between two requests is an answer to neither, however it is cut."""

from __future__ import annotations

import asyncio
import socket
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from services.notifications.channels.answer_protocol import Answers
from services.notifications.channels.webhook import Webhook
from services.notifications.domain.attempt_verdict import Verdict
from tests.integration.notifications.one_attempt import BODY, LOOPBACK, NOTICE, endpoint, webhook_to
from tests.integration.notifications.parts import OK, Partner, Request, answer_of

pytestmark = pytest.mark.integration
GONE = answer_of(410)  # would end the subscription


@asynccontextmanager
async def channel() -> AsyncIterator[Webhook]:
    made = webhook_to(LOOPBACK)
    try:
        yield made
    finally:
        await made.close()


async def sent(webhook: Webhook, url: str) -> Verdict:
    return await webhook.send(endpoint(url), NOTICE, BODY, datetime.now(UTC))


@pytest.mark.parametrize("at", range(1, len(GONE) + 1))
async def test_what_comes_between_two_requests_ends_the_connection(at: int) -> None:
    async def answer(request: Request) -> bytes:
        return OK if partner.connections > 1 or len(partner.requests) == 1 else GONE[at:] + OK

    async with channel() as webhook, Partner(answer) as partner:
        first = await sent(webhook, partner.url)
        partner.requests[0].writer.write(GONE[:at])
        await partner.requests[0].writer.drain()
        await asyncio.sleep(0.05)
        second = await sent(webhook, partner.url)
    assert (first.outcome, second.outcome, partner.connections) == ("delivered", "delivered", 2)


@pytest.mark.parametrize("at", [1, 9, len(GONE)])
async def test_what_lies_in_the_socket_unread_as_the_request_is_sent_does_too(at: int) -> None:
    async def answer(request: Request) -> bytes:
        return OK if partner.connections > 1 or len(partner.requests) == 1 else GONE[at:] + OK

    async with channel() as webhook, Partner(answer) as partner:
        await sent(webhook, partner.url)
        raw: socket.socket = partner.requests[0].writer.get_extra_info("socket")._sock
        raw.send(GONE[:at])  # nobody has a turn between this and the request
        second = await sent(webhook, partner.url)
    assert (second.outcome, partner.connections) == ("delivered", 2)


async def test_what_came_before_the_request_arrived_is_no_answer_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    queued = Answers._queued

    def on_its_way(self: Answers, which: int) -> int:
        return 1_500 if which == termios.TIOCOUTQ and partner.requests[1:] else queued(self, which)

    async with channel() as webhook, Partner() as partner:
        first = await sent(webhook, partner.url)
        monkeypatch.setattr(Answers, "_queued", on_its_way)
        second = await sent(webhook, partner.url)
    assert (first.outcome, second.outcome, second.reason) == ("delivered", "again", "not-http")
    assert second.possibly_sent


@pytest.mark.parametrize(("arrived", "outcome"), [(0, "again"), (1, "delivered")])
async def test_an_answer_counts_as_soon_as_some_of_its_request_has_arrived_and_is_the_last_of_its_connection(
    monkeypatch: pytest.MonkeyPatch, arrived: int, outcome: str
) -> None:
    queued = Answers._queued

    def on_its_way(self: Answers, which: int) -> int:
        if which != termios.TIOCOUTQ or not partner.requests:
            return queued(self, which)
        head = sum(len(f"{name}: {value}\r\n") for name, value in partner.requests[0].headers.items())
        return len("POST /hook HTTP/1.1\r\n\r\n") + head + len(BODY) - arrived

    async with channel() as webhook, Partner() as partner:
        monkeypatch.setattr(Answers, "_queued", on_its_way)
        verdicts = [await sent(webhook, partner.url) for _ in range(2)]
    assert ({verdict.outcome for verdict in verdicts}, partner.connections) == ({outcome}, 2)


@pytest.mark.parametrize(("status", "outcome"), [(413, "refused-413"), (503, "refused-503"), (200, None)])
@pytest.mark.parametrize("reads_on", [False, True])
async def test_a_gateway_that_answers_to_the_headers_while_the_body_is_on_its_way_is_heard(
    status: int, outcome: str | None, reads_on: bool
) -> None:
    connections = 0
    heard = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer_of(status))
        if reads_on:
            await reader.read(-1)
        else:
            await heard.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    async with server, channel() as webhook:
        for number in (1, 2):
            heard.clear()
            verdict = await webhook.send(endpoint(url), NOTICE, b" " * 20_000_000, datetime.now(UTC))
            heard.set()
            assert (verdict.reason, verdict.possibly_sent, connections) == (outcome, True, number)


async def test_an_answer_in_any_pieces_is_one_and_the_connection_is_kept() -> None:
    async def answer(request: Request) -> bytes:
        for byte in OK[:-1]:
            request.writer.write(bytes([byte]))
            await request.writer.drain()
            await asyncio.sleep(0)
        return OK[-1:]

    async with channel() as webhook, Partner(answer) as partner:
        verdicts = [await sent(webhook, partner.url) for _ in range(20)]
    assert ({verdict.outcome for verdict in verdicts}, partner.connections) == ({"delivered"}, 1)
