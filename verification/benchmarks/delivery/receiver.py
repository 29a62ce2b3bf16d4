"""Partners' endpoints in a process of their own, as cheap as they can be.

`python -m verification.benchmarks.delivery.receiver` prints its port. Path ``/<n>`` is endpoint n: it takes everything
with 204 and notes when the first of each came, by the opening that it is about. ``GET /arrivals`` hands out what came
since it was asked last; ``GET /hang/<n>`` makes the endpoints below n answer nothing, and from ``/hang/0`` on they
answer again, also what is waiting. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from typing import cast

import uvloop

from deploy.local.ports import LOOPBACK

_TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
_ABOUT, _ID = b'"opportunity":"', b"webhook-id:"
_ID_LENGTH = 32


class Arrivals:
    """``first``: opening to second (CLOCK_MONOTONIC, one clock for all processes). ``times``: how often each notice
    was taken; ``hanging``: endpoints below this number answer nothing."""

    def __init__(self) -> None:
        self.first: dict[str, float] = {}
        self.times: Counter[bytes] = Counter()
        self.requests = 0
        self.hanging = 0
        self.waiting: list[tuple[asyncio.Transport, bytes, bytes]] = []

    def take(self, head: bytes, body: bytes) -> None:
        """One request of the service."""
        now = time.monotonic()
        self.requests += 1
        start = head.lower().index(_ID) + len(_ID)
        self.times[head[start : head.index(b"\r\n", start)].strip()] += 1
        if (at := body.find(_ABOUT)) >= 0:
            about = body[at + len(_ABOUT) :][:_ID_LENGTH].decode()
            self.first.setdefault(about, now)

    def hand_out(self) -> bytes:
        """What came since the last time, as JSON; counts are of all time."""
        again = {notice.decode(): times for notice, times in self.times.items() if times > 1}
        hung = sum(not transport.is_closing() for transport, _, _ in self.waiting)
        found = {
            "first": self.first,
            "notices": len(self.times),
            "requests": self.requests,
            "again": again,
            "hung": hung,
        }
        self.first = {}
        return json.dumps(found).encode()

    def hang(self, below: int) -> None:
        """Endpoints below this number answer nothing from now on; all others at once."""
        self.hanging = below
        if not below:
            for transport, head, body in self.waiting:
                if not transport.is_closing():  # a sender that gave up has closed its end: nothing was taken
                    self.take(head, body)
                    transport.write(_TAKEN)
            self.waiting = []


class Endpoint(asyncio.Protocol):
    """One connection."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody called."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass

    def data_received(self, data: bytes) -> None:
        """Answer each request that has come whole."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head, rest = self._received[:end] + b"\r\n", self._received[end + 4 :]
            length = _content_length(head)
            if len(rest) < length:
                return
            self._received = rest[length:]
            self._answer(head, rest[:length])

    def _answer(self, head: bytes, body: bytes) -> None:
        arrivals, path = self._arrivals, head.split(b" ", 2)[1].decode()
        if path == "/arrivals":
            said = arrivals.hand_out()
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(said) + said)
        elif path.startswith("/hang/"):
            arrivals.hang(int(path.removeprefix("/hang/")))
            self._transport.write(_TAKEN)
        elif int(path[1:]) < arrivals.hanging:
            arrivals.waiting.append((self._transport, head, body))
        else:
            arrivals.take(head, body)
            self._transport.write(_TAKEN)


def _content_length(head: bytes) -> int:
    found = head.lower().partition(b"\r\ncontent-length:")[2]
    return int(found.partition(b"\r\n")[0]) if found else 0


async def main() -> None:
    """Until standard input is closed."""
    arrivals = Arrivals()
    server = await asyncio.get_running_loop().create_server(lambda: Endpoint(arrivals), LOOPBACK, 0, backlog=1_024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)  # connections that hang are not waited for


if __name__ == "__main__":
    uvloop.run(main())
