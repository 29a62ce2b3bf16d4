"""How an answer to a webhook is read off a connection: bounded, and only what was asked for."""

from __future__ import annotations

import contextlib
import fcntl
import re
import socket
import struct
import termios
from typing import Any

from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

_CLOSED = 7  # TCP_CLOSE of Linux: by a reset, for who is sent the end of the other side has not closed its own yet
MOST_INTERIM = 64  # answers of 1xx before the real one
_HEAD_ENDS = re.compile(rb"\n\r?\n")  # also where lines end without a carriage return, which aiohttp takes


class Answers(ResponseHandler):
    """Ends a connection that gives interim answers without end: aiohttp passes over them in a loop that lets nobody
    else have a turn, for as long as they come.

    An answer counts once its head is whole, whatever is wrong with what follows it: aiohttp forgets the head where both
    came together, so the same answer would be one or none by how the network cuts it.

    What nobody asked for is no answer: bytes behind the end of the answer before, also those that came with it, those
    that lay in the socket before the request was written, and those that came while nothing of it had reached the other
    side (nothing is acknowledged of what has left). aiohttp knows whole answers alone: the half of one would be made
    whole by what comes once the connection is used again.

    As soon as some of the request has arrived, what comes is taken for an answer: a gateway may refuse by the headers
    while the body is on its way. It is the last one of its connection, for the other side may take the rest of the body
    for another request. What cannot be known: whether what was acknowledged was read, too, so a good-bye said in
    between counts; how many bytes TLS adds, so as many must have arrived besides, which any packet brings; and what is
    kept under TLS of a request that the socket does not take at once: ours are too small for that.

    Whoever closes a connection that was kept, without having said so, may do it as the next request leaves. What was
    not acknowledged when the end came had not arrived before it, and who has closed reads no more: such a request may
    leave over another connection. Of a reset nobody knows, for that acknowledges nothing: what was read and then reset
    looks as if it had never come. Only one that the kernel has seen before the request leaves is known (`was_reset`).

    Whoever has closed its own half alone, and reads on, gets that request twice, under one id. What acknowledges it
    would not tell them apart: servers that linger, as Apache, acknowledge what they throw away unread.

    Behind an interim answer that says ``connection: close`` (or HTTP/1.0) aiohttp's parser takes no other; the
    connection ends with the answer itself. So what comes behind one is read by a parser of its own.
    """

    _interim = 0
    _passed = False  # the last head was of an interim answer
    _how: dict[str, Any]  # parameters of the parser, once there is one
    _before = b""  # the last bytes of what came before: a head's end may be cut anywhere
    _length = 1  # of the request, as far as it is known; of another kind than ours all must have arrived
    _used = _answered = _heard = False  # ever asked; the last request has its answer; something came since it was sent
    _kept = False  # the request is not the first one
    unreached = False  # closed before anything of the request had arrived

    def set_response_params(self, **how: Any) -> None:
        """A request is sent now."""
        self._kept, self.unreached = self._used, False
        self._used, self._answered, self._heard, self._before = True, False, False, b""
        self._how, self._length = how, 1
        super().set_response_params(**how)

    def asks(self, length: int) -> None:
        """The request is so long."""
        self._length = length

    def spoke_unasked(self) -> bool:
        """Whether something lies in the socket before the request is sent. A new connection with TLS is not asked: the
        server sends its session tickets there."""
        if not self._used and self._transport_info("sslcontext") is not None:
            return False
        return self._queued(termios.FIONREAD) > 0

    def was_reset(self) -> bool:
        """Whether a connection that was kept has been reset, though nobody here had a turn to see it: nothing leaves
        over it any more."""
        found = self._transport_info("socket") if self._used else None
        if found is None:
            return False
        with contextlib.suppress(OSError, ValueError):  # it is gone, which whoever uses it will see
            (state,) = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
            return bool(state == _CLOSED)
        return False

    def data_received(self, data: bytes) -> None:
        """What came over the connection: each head by itself."""
        if self._over:
            self.force_close()
            return
        if self._used and not self._heard:
            self._heard = True
            on_its_way = self._on_its_way()
            if on_its_way > 0:
                self.force_close()
            if on_its_way >= self._length:
                self.set_exception(HttpProcessingError(message="an answer that nobody asked for"))
                self.close()
                return
        for _ in range(MOST_INTERIM + 1):
            found = _HEAD_ENDS.search(self._before + data)
            if found is None:
                self._before = (self._before + data)[-2:]
                break
            end, self._before = found.end() - len(self._before), b""
            if end >= len(data) or self.exception() is not None:
                break
            self._parse(data[:end])
            data = data[end:]
        self._parse(data)

    def eof_received(self) -> None:
        """The other side has closed, its half at least."""
        if self._kept and not self._heard:
            self.unreached = self._on_its_way() >= self._length
        super().eof_received()

    @property
    def _over(self) -> bool:
        """Whether the answer has come to its end."""
        return self._answered and (self._payload is None or self._payload.is_eof())

    def _parse(self, data: bytes) -> None:
        if self._answered and len(data) > 1 and not self._over:
            super().data_received(data[:-1])  # aiohttp does not say that something is left: it ends before, or with it
            data = data[-1:]
        if self._over and data:
            self.force_close()
            return
        super().data_received(data)
        if self._passed and self.exception() is None:
            super().set_response_params(**self._how)
        self._passed = False

    def feed_data(self, data: Any, size: int = 0) -> None:
        """One answer, as far as its headers."""
        interim = 100 <= data[0].code <= 199
        self._interim = self._interim + 1 if interim else 0
        self._answered, self._passed = not interim, interim and data[0].code != 101
        if self._interim <= MOST_INTERIM:
            super().feed_data(data, size)
        elif self.exception() is None:
            self.set_exception(HttpProcessingError(message="interim answers without end"))
            self.close()

    def _on_its_way(self) -> int:
        """Bytes of which nobody knows yet whether they have arrived."""
        unwritten = 0 if self.transport is None else self.transport.get_write_buffer_size()
        return self._queued(termios.TIOCOUTQ) + unwritten

    def _queued(self, which: int) -> int:
        """Bytes in one of the socket's two queues."""
        found = self._transport_info("socket")
        if found is None:
            return 0
        with contextlib.suppress(OSError, ValueError):  # it is gone, which whoever uses it will see
            (count,) = struct.unpack("i", fcntl.ioctl(found.fileno(), which, b"\0\0\0\0"))
            return int(count)
        return 0

    def _transport_info(self, name: str) -> Any:
        return None if self.transport is None else self.transport.get_extra_info(name)
