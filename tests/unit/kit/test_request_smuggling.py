"""Heads and chunks that two readers could take for different requests are refused; usual ones are not."""

from __future__ import annotations

from typing import Any

import h11
import pytest

from shared.kit.web.request_smuggling import StrictConnection, flaw

pytestmark = pytest.mark.unit
LINE = b"POST /events HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        LINE + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
        LINE + b"transfer-encoding: Chunked\r\n\r\n",
        LINE + b"Empty:\r\nTab:\ta\tb\t\r\nLatin: \xe9\xa4\r\n\r\n",
        b"GET /events/a%20b?source=%2Fagencies%2Fx HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /half a he",
        b"GET /ends-between HTTP/1.1\r",
    ],
)
def test_what_everybody_sends_is_taken(head: bytes) -> None:
    assert flaw(head) is None


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (LINE + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "framing"),
        (LINE + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "framing"),
        (LINE + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "framing"),
        (LINE + b"Content-Length: 5\r\ncontent-length: 5\r\n\r\n", "framing"),
        (LINE + b"Content-Length: 5, 5\r\n\r\n", "length"),
        (LINE + b"Content-Length: +5\r\n\r\n", "length"),
        (LINE + b"Content-Length: 0x5\r\n\r\n", "length"),
        (LINE + b"Content-Length: -1\r\n\r\n", "length"),
        (LINE + b"Content-Length:\r\n\r\n", "length"),
        (LINE + b"Content-Length: " + b"9" * 16 + b"\r\n\r\n", "length"),
        (LINE + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "transfer-encoding"),
        (LINE + b"Transfer-Encoding: xchunked\r\n\r\n", "transfer-encoding"),
        (LINE + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "framing"),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "transfer-encoding"),
        (LINE + b"A: b\r\n folded\r\n\r\n", "header"),
        (LINE + b"A: b\r\n\tfolded\r\n\r\n", "header"),
        (LINE + b"Content-Length : 5\r\n\r\n", "header"),
        (LINE + b" Content-Length: 5\r\n\r\n", "header"),
        (LINE + b"no colon\r\n\r\n", "header"),
        (LINE + b": no name\r\n\r\n", "header"),
        (LINE + b"A: \x00\r\n\r\n", "header"),
        (LINE + b"A: \x0b\r\n\r\n", "header"),
        (LINE + b"A: \x7f\r\n\r\n", "header"),
        (LINE + b"A\x01: b\r\n\r\n", "header"),
        (LINE + b"x" * 101 + b": a\r\n\r\n", "header"),
        (LINE + b"A: " + b"x" * 16_384, "too-long"),
        (b"GET /" + b"x" * 16_384, "too-long-a-line"),
        (b"GET /" + b"x" * 16_384 + b" HTTP/1.1\r\nHost: x\r\n\r\n", "too-long-a-line"),
        (LINE + b"Host: y\r\n\r\n", "host"),
        (LINE + b"Authorization: a\r\nauthorization: b\r\n\r\n", "authorization"),
        (LINE + b"Content-Type: text/csv\r\ncontent-type: a/b\r\n\r\n", "content-type"),
        (LINE + b"Content-Encoding: gzip\r\nContent-Encoding: identity\r\n\r\n", "content-encoding"),
        (LINE + b"a: b\r\n" * 64 + b"\r\n", "headers"),
        (b"GET / HTTP/1.1\nHost: x\r\n\r\n", "line-ends"),
        (b"GET / HTTP/1.1\r\nHost: x\n\n", "line-ends"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", "line-ends"),
        (b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "request-line"),
        (b"GET  / HTTP/1.1\r\n\r\n", "request-line"),
        (b"GET /\tHTTP/1.1\r\n\r\n", "request-line"),
        (b"GET / HTTP/1.1 \r\n\r\n", "request-line"),
        (b"GET / HTTP/2.0\r\n\r\n", "request-line"),
        (b"GET / HTTP/1.10\r\n\r\n", "request-line"),
        (b"GET /\r\n\r\n", "request-line"),
        (b"get / HTTP/1.1\r\n\r\n", "request-line"),
        (b"GET http://x/ HTTP/1.1\r\n\r\n", "request-line"),
        (b"GET /\xe9 HTTP/1.1\r\n\r\n", "request-line"),
        (b"GET /%00 HTTP/1.1\r\n\r\n", "request-line"),
        (b"GET /?a=%0d%0aB HTTP/1.1\r\n\r\n", "request-line"),
        (b"GET /%7F HTTP/1.1\r\n\r\n", "request-line"),
    ],
)
def test_what_can_be_read_in_two_ways_is_not(head: bytes, found: str) -> None:
    assert flaw(head) == found


def read(*pieces: bytes) -> tuple[StrictConnection, list[Any]]:
    """All events up to where more is needed."""
    made, events = StrictConnection(), list[Any]()
    for piece in pieces:
        made.receive_data(piece)
        while True:
            event = made.next_event()
            if event in (h11.NEED_DATA, h11.PAUSED):
                break
            events.append(event)
    return made, events


CHUNKED = LINE + b"Transfer-Encoding: chunked\r\n\r\n"


class TestBodies:
    def test_in_usual_chunks_are_read(self) -> None:
        _, events = read(CHUNKED, b"5\r\nhello\r\n", b"6;a=b\r\n world\r\n", b"0\r\n\r\n")
        assert b"".join(event.data for event in events if isinstance(event, h11.Data)) == b"hello world"
        assert isinstance(events[-1], h11.EndOfMessage)

    @pytest.mark.parametrize(
        "body",
        [
            b"x\r\n", b"-5\r\nhello\r\n", b"0x5\r\nhello\r\n", b"+5\r\nhello\r\n", b" 5\r\nhello\r\n", b"5\nhello\r\n",
            b"\r\n5\r\nhello\r\n", b"5\r\nhelloX\r\n", b"1" * 21 + b"\r\n", b"5;" + b"x" * 20_000 + b"\r\nhello\r\n",
            b"0\r\nA: b\r\n\r\n",
        ],
    )  # fmt: skip
    def test_in_others_are_not(self, body: bytes) -> None:
        with pytest.raises(h11.RemoteProtocolError):
            read(CHUNKED, body)

    def test_in_crumbs_end_after_so_many(self) -> None:
        crumbs = [b"1\r\nx\r\n"] * 1_024
        made, _ = read(CHUNKED, *crumbs)
        assert made.next_event() is h11.NEED_DATA
        with pytest.raises(h11.RemoteProtocolError, match="chunks"):
            read(CHUNKED, *crumbs, *crumbs)

    def test_of_extensions_end_after_so_much(self) -> None:
        long = b"1;" + b"e" * 10_000 + b"\r\nx\r\n"
        with pytest.raises(h11.RemoteProtocolError, match="framing"):
            read(CHUNKED, *[long] * 7)

    def test_large_ones_may_have_as_many_chunks_as_they_need(self) -> None:
        piece = b"200\r\n" + b"x" * 512 + b"\r\n"
        _, events = read(CHUNKED, *[piece] * 5_000)
        assert sum(len(event.data) for event in events if isinstance(event, h11.Data)) == 512 * 5_000


def test_what_comes_before_the_answer_is_noted() -> None:
    made, events = read(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n")
    assert made.pipelined
    assert [event.target for event in events if isinstance(event, h11.Request)] == [b"/a"]
