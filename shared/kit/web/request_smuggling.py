"""Which request heads are refused because two readers could understand them differently (request smuggling, RFC 9112).

h11 reads what uvicorn serves; it is lenient where the RFC lets a server be (a bare line feed, folded lines, a length
beside chunks, control characters in values). ``StrictConnection`` refuses these before h11 sees them, and bodies cut
into crumbs, whose framing costs more than their content. httptools was no choice: it is as lenient, and tells less.
"""

from __future__ import annotations

import re
from typing import Any

import h11

LONGEST_HEAD = 16_384
LONGEST_LINE = 4_200  # with the longest path and query that middleware.py lets pass
MOST_HEADERS = 64
# no two ways to read it: it has to become smaller, and is told so
_TOO_LARGE = {"too-long-a-line": 414, "too-long": 431, "headers": 431}
# A body may come in so many chunks, and in more if they are so large each; so much framing and extensions likewise.
FREE_CHUNKS, BYTES_PER_CHUNK = 1_024, 512
FREE_FRAMING, BYTES_PER_FRAMING = 16_384, 8
_BARE_LF = re.compile(rb"(?<!\r)\n")
_BARE_CR = re.compile(rb"\r(?!\n|\Z)")
_REQUEST = re.compile(rb"[A-Z]{1,20} /[\x21-\x7e]* HTTP/1\.([01])")
_HEADER = re.compile(rb"([-!#$%&'*+.^_`|~0-9A-Za-z]{1,100}):[\t\x20-\x7e\x80-\xff]*")
_ESCAPED_CONTROL = re.compile(rb"%(?:[01][0-9A-Fa-f]|7[Ff])")
# of two, a proxy may believe the other one
_ONCE = (b"host", b"authorization", b"content-type", b"content-encoding")
_LENGTH = re.compile(rb"[0-9]{1,15}")


def flaw(head: bytes) -> str | None:
    """What is wrong with a head, as far as it has come; complete when it ends in an empty line."""
    if _BARE_LF.search(head) or _BARE_CR.search(head):
        return "line-ends"
    if len(head) > LONGEST_HEAD:
        return "too-long" if b"\r\n" in head[:LONGEST_LINE] else "too-long-a-line"
    if not head.endswith(b"\r\n\r\n"):
        return None
    request, *lines = head[:-4].split(b"\r\n")
    match = _REQUEST.fullmatch(request)
    if match is None or _ESCAPED_CONTROL.search(request):
        return "request-line"
    if len(lines) > MOST_HEADERS:
        return "headers"
    names: list[bytes] = []
    for line in lines:
        header = _HEADER.fullmatch(line)
        if header is None:  # also a folded line, and a space before the colon
            return "header"
        name, value = header[1].lower(), line[len(header[1]) + 1 :].strip(b" \t")
        names.append(name)
        if name == b"content-length" and not _LENGTH.fullmatch(value):
            return "length"
        if name == b"transfer-encoding" and (value.lower() != b"chunked" or match[1] == b"0"):
            return "transfer-encoding"
    framing = [name for name in names if name in (b"content-length", b"transfer-encoding")]
    if len(framing) > 1:
        return "framing"
    return next((name.decode() for name in _ONCE if names.count(name) > 1), None)


class StrictConnection(h11.Connection):
    """h11's connection of a server, with our rules. ``pipelined``: more came before the answer to what came before.
    ``refused_with``: the status of what is refused."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)
        self.pipelined = False
        self.refused_with = 400
        self._came = self._data = self._chunks = 0

    def receive_data(self, data: bytes) -> None:
        self._came += len(data)
        super().receive_data(data)

    def next_event(self) -> Any:
        """h11's next event. Raises RemoteProtocolError for what is refused."""
        if self.their_state is h11.IDLE:
            came, _ = self.trailing_data
            end = came.find(b"\r\n\r\n")
            if (found := flaw(came if end < 0 else came[: end + 4])) is not None:
                self.refused_with = _TOO_LARGE.get(found, 400)
                raise h11.RemoteProtocolError(found, error_status_hint=self.refused_with)
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._came = self._data = self._chunks = 0
        elif isinstance(event, h11.Data):
            self._data += len(event.data)
            self._chunks += bool(event.chunk_start)
            if self._chunks > FREE_CHUNKS + self._data // BYTES_PER_CHUNK:
                raise h11.RemoteProtocolError("chunks", error_status_hint=400)
        elif isinstance(event, h11.EndOfMessage) and list(event.headers):
            raise h11.RemoteProtocolError("trailers", error_status_hint=400)
        elif event is h11.PAUSED:
            self.pipelined = True
        elif event is h11.NEED_DATA and self.their_state is h11.SEND_BODY and self._framed_too_much():
            raise h11.RemoteProtocolError("framing", error_status_hint=400)
        return event

    def _framed_too_much(self) -> bool:
        return self._came - self._data > FREE_FRAMING + self._data // BYTES_PER_FRAMING
