"""One attempt against partners that misbehave. Real sockets, no services."""

from __future__ import annotations

import asyncio
import gzip
import socket
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from services.notifications.channels.webhook import Limits, Webhook
from services.notifications.domain.attempt_phase import phase_of
from services.notifications.domain.attempt_verdict import Verdict
from tests.integration.notifications.one_attempt import (
    BODY,
    HURRIED,
    LOOPBACK,
    NOTICE,
    Fake,
    Listener,
    endpoint,
    webhook_to,
)
from tests.integration.notifications.parts import OK, Answering, Partner, Request, answer_of

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture(loop_scope="session")
async def webhook() -> AsyncIterator[Webhook]:
    channel = webhook_to(LOOPBACK)
    yield channel
    await channel.close()


async def sent(webhook: Webhook, answering: Answering, times: int = 1) -> tuple[Partner, list[Verdict]]:
    async with Partner(answering) as partner:
        verdicts = [await webhook.send(endpoint(partner.url), NOTICE, BODY, datetime.now(UTC)) for _ in range(times)]
    return partner, verdicts


def saying(*parts: bytes | None, every: float = 0.0) -> Answering:
    """Answer with these bytes; then hold the line if the last is None."""

    async def answer(request: Request) -> bytes | None:
        for part in parts[:-1]:
            request.writer.write(part or b"")
            await request.writer.drain()
            await asyncio.sleep(every)
        if parts[-1] is None:
            await asyncio.sleep(30)
        return parts[-1]

    return answer


LINE = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(b"\0" * 20_000_000)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n"
PAGE, CLOSES = "content-type: text/html", b"closes"
CHUNKED_PAGE = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ntransfer-encoding: chunked\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class TestMisbehaviour:
    @pytest.mark.parametrize(
        ("answering", "reason"),
        [
            pytest.param(saying(OK), None, id="well"),
            pytest.param(saying(None), "timeout", id="never answers"),
            pytest.param(saying(b"H", b"T", b"T", b"P", None, every=0.1), "timeout", id="drips its status line"),
            pytest.param(saying(LINE, *[b"a: b\r\n"] * 8, None, every=0.1), "timeout", id="drips headers"),
            pytest.param(saying(HEAD, *[b"x"] * 5, None, every=0.1), None, id="drips its body for ever"),
            pytest.param(saying(CHUNKED, *[b"1\r\nx\r\n"] * 5, None, every=0.1), None, id="drips chunks for ever"),
            pytest.param(saying(HEAD, *[b"x" * 65536] * 64, None), None, id="endless body"),
            pytest.param(saying(answer_of(200, "content-encoding: gzip", body=BOMB)), None, id="gzip bomb"),
            pytest.param(saying(LINE + b"a: " + b"b" * 100_000 + b"\r\n\r\n"), "not-http", id="huge header"),
            pytest.param(saying(LINE + b"a: b\r\n" * 100_000 + b"\r\n"), "not-http", id="many headers"),
            pytest.param(saying(b"SSH-2.0-OpenSSH_9\r\n"), "not-http", id="not http"),
            pytest.param(saying(b"HTTP/1.1 abc OK\r\n\r\n"), "not-http", id="malformed status"),
            pytest.param(saying(LINE + b"x: \xff\xfe\r\ncontent-length: 0\r\n\r\n"), None, id="binary headers"),
            pytest.param(saying(b"HTTP/1.1 204 x\r\ncontent-length: 5\r\n\r\nhello"), None, id="204 with a body"),
            pytest.param(saying(LINE + b"content-length: 2\r\n\r\nhello"), None, id="body longer than it says"),
            pytest.param(saying(CHUNKED + b"zz\r\n"), None, id="no chunks"),
            pytest.param(saying(CHUNKED + b"0\r\n", *[b"a: b\r\n" * 1_000] * 300, None), None, id="endless trailers"),
            pytest.param(saying(CHUNKED + b"0\r\na: ", *[b"b" * 65536] * 100, None), None, id="an endless trailer"),
            pytest.param(saying(CHUNKED + b"1;", *[b"b" * 65536] * 100, None), None, id="an endless chunk extension"),
            pytest.param(saying(CHUNKED, *[b"0" * 65536] * 100, None), None, id="an endless size of a chunk"),
            pytest.param(saying(LINE + b"content-length: -5\r\n\r\nhello"), "not-http", id="a length below nothing"),
            pytest.param(saying(LINE + b"content-length: " + b"9" * 5_000 + b"\r\n\r\n"), "not-http", id="huge length"),
            pytest.param(saying(b"hello"), "not-http", id="HTTP/0.9"),
            pytest.param(saying(b"\0\0\x12\4" + b"\0" * 23), "not-http", id="HTTP/2"),
            pytest.param(saying(b"HTTP/1.1 103 x\r\ncontent-length: 5\r\n\r\nhello" + OK), "not-http", id="103, body"),
            pytest.param(saying(answer_of(308, "location: /hook")), "redirect", id="308 to itself"),
            pytest.param(saying(answer_of(200, "content-encoding: br", body=b"no brotli")), None, id="no brotli"),
            pytest.param(saying(b"HTTP/1.1 100 x\r\n\r\n" + OK + b"\r\nhello"), None, id="words behind an answer"),
            pytest.param(saying(OK + answer_of(410)), None, id="a second answer"),
            pytest.param(saying(b"HTTP/1.0 200 OK\r\n\r\nhello"), None, id="HTTP/1.0 without a length"),
            pytest.param(saying(answer_of(200, "content-length: 5")), "not-http", id="two lengths"),
            pytest.param(saying(answer_of(200, "transfer-encoding: chunked")), "not-http", id="a length and chunks"),
            pytest.param(saying(b"HTTP/1.1 101 x\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"), "not-http", id="101"),
            pytest.param(saying(b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + OK), None, id="flood of 100-continue"),
            pytest.param(saying(*[b"HTTP/1.1 103 Hints\r\n\r\n" * 500] * 50, OK), "not-http", id="endless hints"),
            pytest.param(saying(answer_of(302, "location: http://169.254.169.254/")), "redirect", id="redirect inside"),
            pytest.param(saying(answer_of(307, "location: /hook")), "redirect", id="redirect to itself"),
            pytest.param(saying(answer_of(410)), "gone", id="gone"),
            pytest.param(saying(answer_of(500, body=b"x" * 1000)), "refused-500", id="error with text"),
        ],
    )  # fmt: skip
    async def test_one_attempt_is_one_request_bounded_and_judged_by_its_status(
        self, webhook: Webhook, answering: Answering, reason: str | None
    ) -> None:
        hurried = webhook_to(LOOPBACK, limits=HURRIED)
        partner, (verdict,) = await sent(hurried if reason == "timeout" else webhook, answering)
        await hurried.close()
        assert (verdict.outcome == "delivered", verdict.reason) == (reason is None, reason)
        assert len(partner.requests) == 1
        unread = reason is not None and ("first-byte" if reason == "timeout" else "answer")
        assert phase_of(verdict.reason) == (unread or None)

    async def test_a_server_that_begins_no_tls_is_told_as_one_to_which_no_connection_stood(self) -> None:
        """Within the time for a connection: nothing of the request has left, and it is not told where it ended."""
        hurried = webhook_to(LOOPBACK, limits=Limits(total=timedelta(seconds=9), connect=timedelta(seconds=0.5)))
        async with Partner(saying(None)) as partner:
            url = partner.url.replace("http:", "https:")
            verdict = await hurried.send(endpoint(url), NOTICE, BODY, datetime.now(UTC))
            await hurried.close()
            assert (verdict.reason, verdict.possibly_sent) == ("no-connection", False)
            assert phase_of(verdict.reason) == "connect"
            assert partner.requests == []

    async def test_a_name_of_which_nobody_hears_is_told_in_the_same_way(self) -> None:
        hurried = Limits(total=timedelta(seconds=9), connect=timedelta(seconds=0.5))
        channel = webhook_to(LOOPBACK, Fake(["127.0.0.1"], takes=30.0), hurried)
        verdict = await channel.send(endpoint("http://partner.example:9/"), NOTICE, BODY, datetime.now(UTC))
        await channel.close()
        assert (verdict.reason, verdict.possibly_sent) == ("no-connection", False)

    async def test_a_reset_after_the_request_was_read_is_not_posted_again_blindly(self, webhook: Webhook) -> None:
        async def reset(request: Request) -> None:
            return None

        partner, (verdict,) = await sent(webhook, reset)
        assert (verdict.reason, len(partner.requests)) == ("connection-lost", 1)

    async def test_a_slow_yes_counts_when_it_comes_within_the_deadline_and_not_after_it(self) -> None:
        patient = webhook_to(LOOPBACK, limits=Limits(total=timedelta(seconds=3), answer_seconds=0.3))
        try:
            (_, (within,)), (_, (late,)) = await asyncio.gather(
                sent(patient, saying(b"", OK, every=1.5)), sent(patient, saying(b"", OK, every=4.5))
            )
        finally:
            await patient.close()
        assert (within.outcome, late.outcome, late.reason) == ("delivered", "again", "timeout")
        assert late.possibly_sent

    async def test_a_reset_before_the_request_was_read_is_not_posted_again_blindly(self, webhook: Webhook) -> None:
        reset = Listener()

        def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            reset.come(reader, writer)
            writer.transport.abort()

        async with await asyncio.start_server(come, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            verdict = await webhook.send(endpoint(f"http://127.0.0.1:{port}/"), NOTICE, BODY, datetime.now(UTC))
            assert (verdict.outcome, verdict.reason) == ("again", "connection-lost")
            assert verdict.possibly_sent, "who knows"
            assert len(await reset.strangers("127.0.0.1", port)) == 1

    async def test_a_kept_connection_that_was_half_closed_is_not_used_again(self, webhook: Webhook) -> None:
        came: list[int] = []  # how many bytes, over each connection
        gone = asyncio.Event()

        async def half_closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(len(BODY))
            place = len(came)
            came.append(len(request))
            writer.write(OK)
            writer.write_eof()
            came[place] += len(await reader.read())  # until our side has closed its own half
            gone.set()
            writer.close()

        async with await asyncio.start_server(half_closes, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
            verdicts = []
            for _ in range(2):
                verdicts.append(await webhook.send(endpoint(url), NOTICE, BODY, datetime.now(UTC)))
                await asyncio.wait_for(gone.wait(), 60)
                gone.clear()
        assert [verdict.outcome for verdict in verdicts] == ["delivered", "delivered"]
        assert len(came) == 2
        assert came[0] == came[1], "nothing came over a half-closed one"

    async def test_a_kept_connection_that_was_closed_is_not_posted_to_twice(self, webhook: Webhook) -> None:
        async def once(request: Request) -> bytes | None:
            return OK if len(partner.requests) == 1 else None

        async with Partner(once) as partner:
            for _ in range(2):
                verdict = await webhook.send(endpoint(partner.url), NOTICE, BODY, datetime.now(UTC))
        assert (verdict.reason, len(partner.requests)) == ("connection-lost", 2)

    async def test_connections_are_kept(self, webhook: Webhook) -> None:
        partner, verdicts = await sent(webhook, saying(OK), times=3)
        assert [verdict.outcome for verdict in verdicts] == ["delivered"] * 3
        assert partner.connections == 1

    async def test_nobody_there(self, webhook: Webhook) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
            verdict = await webhook.send(endpoint(url), NOTICE, BODY, datetime.now(UTC))
        assert verdict.reason == "no-connection"

    async def test_plain_http_where_tls_was_promised(self, webhook: Webhook) -> None:
        async with Partner() as partner:
            url = partner.url.replace("http:", "https:")
            verdict = await webhook.send(endpoint(url), NOTICE, BODY, datetime.now(UTC))
        assert verdict.outcome == "again"
        assert partner.requests == []

    async def test_a_huge_answer_takes_little_memory(self, webhook: Webhook) -> None:
        tracemalloc.start()
        await sent(webhook, saying(HEAD, *[b"x" * 65536] * 400, None))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 8_000_000

    async def test_headers_that_steer_are_heard_and_cut(self, webhook: Webhook) -> None:
        _, (verdict,) = await sent(webhook, saying(answer_of(429, "Retry-After: 7")))
        assert verdict.hold == timedelta(seconds=7)
        _, (verdict,) = await sent(webhook, saying(answer_of(200, "Webhook-Delivery: disable")))
        assert verdict.disable

    @pytest.mark.parametrize(
        ("said", "doubtful"),
        [
            pytest.param((answer_of(200, PAGE),), False, id="a length of nothing"),
            pytest.param((CHUNKED_PAGE + b"0\r\n\r\n",), False, id="no chunk"),
            pytest.param((CHUNKED_PAGE, b"0\r\n\r\n"), False, id="no chunk, said later"),
            pytest.param((b"HTTP/1.0 200 OK\r\n" + PAGE.encode() + b"\r\n\r\n", CLOSES), False, id="the end"),
            pytest.param((answer_of(200, PAGE, body=b" "),), True, id="a length"),
            pytest.param((CHUNKED_PAGE + b"1\r\n \r\n0\r\n\r\n",), True, id="a chunk"),
            pytest.param((CHUNKED_PAGE, b"1\r\n \r\n0\r\n\r\n"), True, id="a chunk, said later"),
            pytest.param((CHUNKED_PAGE, None), True, id="nothing, and no end"),
            pytest.param((CHUNKED_PAGE, CLOSES), True, id="cut off"),
        ],
    )
    async def test_a_page_for_people_has_something_in_it_however_its_length_is_said(
        self, webhook: Webhook, said: tuple[bytes | None, ...], doubtful: bool
    ) -> None:
        async def answer(request: Request) -> bytes | None:
            for part in said[:-1]:
                request.writer.write(part or b"")
                await request.writer.drain()
                await asyncio.sleep(0.05)
            if said[-1] is None:
                await asyncio.sleep(30)
            return None if said[-1] == CLOSES else said[-1]

        _, (verdict,) = await sent(webhook, answer)
        assert (verdict.outcome, verdict.doubtful) == ("delivered", doubtful)

    async def test_what_is_sent_is_neutral_and_exactly_what_was_signed(self, webhook: Webhook) -> None:
        partner, _ = await sent(webhook, saying(OK))
        (request,) = partner.requests
        assert request.body == BODY
        assert set(request.headers) == {
            "host", "user-agent", "accept-encoding", "accept", "content-type", "content-length",
            "webhook-id", "webhook-timestamp", "webhook-signature",
        }  # fmt: skip
        assert request.headers["content-type"].startswith("application/cloudevents+json")
        assert "ieum" not in str(request.headers).lower()
