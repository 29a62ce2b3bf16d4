"""A webhook's answer counts by its head, wherever the network cuts what came."""

from __future__ import annotations

import asyncio
from unittest.mock import Mock

import pytest
from aiohttp.helpers import TimerNoop

from services.notifications.channels.answer_protocol import Answers

pytestmark = pytest.mark.unit

ANSWERS = {
    "204 with a body": (204, b"HTTP/1.1 204 x\r\ncontent-length: 5\r\n\r\nhello"),
    "longer than it says": (200, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhello"),
    "no chunks": (200, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
    "lines without a carriage return": (204, b"HTTP/1.1 204 x\nx-a: b\n\n"),
    "without one, and a body": (200, b"HTTP/1.1 200 OK\ncontent-length: 5\n\nhello"),
    "without one, and more than it says": (200, b"HTTP/1.1 200 OK\ncontent-length: 2\n\nhello"),
    "without one, and no chunks": (200, b"HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\nzz\n"),
    "without one in the last line": (200, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\nhello"),
    "without one but in the last line": (200, b"HTTP/1.1 200 OK\ncontent-length: 2\n\r\nhello"),
    "without one, behind interim ones": (410, b"HTTP/1.1 100 x\n\nHTTP/1.1 103 x\na: b\n\nHTTP/1.1 410 x\n\n"),
    "empty lines in a body": (200, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n\n\n\r\n\r\n\n\n\n"),
    "behind one that says that the connection ends": (
        410,
        b"HTTP/1.1 100 x\r\nconnection: close\r\n\r\nHTTP/1.1 410 x\r\ncontent-length: 2\r\n\r\nhello",
    ),
    "behind two of HTTP/1.0": (
        200,
        b"HTTP/1.0 100 x\r\n\r\nHTTP/1.0 103 x\r\n\r\nHTTP/1.1 200 x\r\ncontent-length: 0\r\n\r\n",
    ),
    "behind an interim one": (410, b"HTTP/1.1 100 x\r\n\r\nHTTP/1.1 410 x\r\ncontent-length: 2\r\n\r\nhello"),
}


BEHIND = [b"\r\n", b"H", b"HTTP/1.1 2", b"HTTP/1.1 410 x\r\ncontent-length: 0\r\n\r\n"]
BEFORE = [
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 204 x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"HTTP/1.1 100 x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n\n",
]


def answered(*pieces: bytes) -> Answers:
    """A connection on which a request was answered in these pieces."""
    protocol = Answers(asyncio.get_running_loop())
    nothing = {"get_extra_info.return_value": None, "get_write_buffer_size.return_value": 0}
    protocol.connection_made(Mock(spec=asyncio.Transport, **nothing))
    protocol.set_response_params(timer=TimerNoop(), read_until_eof=True, auto_decompress=False, read_bufsize=4_096)
    for piece in pieces:
        protocol.data_received(piece)
    return protocol


async def code_of(*pieces: bytes) -> int:
    """Of the first answer that is no interim one, when it comes in these pieces."""
    protocol = answered(*pieces)
    while True:
        message, _ = await protocol.read()
        if message.code >= 200:
            assert protocol.should_close or b"close" not in b"".join(pieces), "an interim answer may say so, too"
            return int(message.code)


@pytest.mark.parametrize("name", ANSWERS)
async def test_in_one_piece_in_two_and_byte_by_byte(name: str) -> None:
    code, said = ANSWERS[name]
    cuts = [(said[:at], said[at:]) for at in range(len(said))]
    each_byte = [said[at : at + 1] for at in range(len(said))]
    assert {await code_of(*pieces) for pieces in (*cuts, each_byte)} == {code}


@pytest.mark.parametrize("said", BEFORE)
async def test_what_came_with_an_answer_and_is_none_of_it_ends_the_connection_however_it_is_cut(said: bytes) -> None:
    whole = len(said)
    for behind in (b"", *BEHIND):
        all_of_it = said + behind
        for at in range(len(all_of_it)):
            protocol = answered(all_of_it[:at], all_of_it[at:])
            while (await protocol.read())[0].code < 200:
                pass
            assert protocol.should_close is bool(behind), (behind, at - whole)
