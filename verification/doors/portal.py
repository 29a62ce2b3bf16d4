"""A portal on this machine that answers as Work24's open API does, with what is odd about it; for the poller's tests
and `make doors`. Field names and quirks are those of the real one; what it answers beside them is our guess."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from verification.doors.adverts import written

Advert = dict[str, str]
Fault = Callable[[BaseHTTPRequestHandler], None]
_DAYS = {"D-0": 0, "D-3": 3, "W-1": 7, "W-2": 14, "M-1": 31}
_HEAD = b"\xef\xbb\xbf"


class LocalPortal:
    """`adverts` by number, in the order of the list; `faults` are what the next requests get, None for nothing odd;
    `after_page` is called when a page was answered, so that the list can move; `total` says another one than there is;
    `fails`: adverts whose own pages answer with status 500; `last_page_again`: behind the end comes the last page
    instead of an empty one."""

    def __init__(self, key: str = "portal-key", today: date = date(2026, 11, 28)) -> None:
        self.key, self.today = key, today
        self.adverts: dict[str, Advert] = {}
        self.shown: dict[str, Advert] = {}  # on their own pages alone
        self.faults: list[Fault | None] = []
        self.after_page: Callable[[int], None] = lambda page: None
        self.total: int | None = None
        self.last_page_again = False
        self.shows_details = True
        self.fails: set[str] = set()
        self.asked: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def pages(self) -> list[int]:
        """The pages of the list that were asked for."""
        return [int(one["startPage"]) for one in self.asked if one.get("callTp") == "L"]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, asked: dict[str, str]) -> bytes:
        """As XML; errors too, with a good status."""
        if asked.get("authKey") != self.key:
            return _error("006")
        if path.endswith("210D01.do"):
            return self._detail(asked.get("wantedAuthNo", ""))
        return self._list(asked) if path.endswith("210L01.do") else _error("404")

    def _list(self, asked: dict[str, str]) -> bytes:
        number, size = int(asked["startPage"]), int(asked["display"])
        found = [one for one in self.adverts.values() if self._since(one, asked.get("regDate"))]
        begin = (number - 1) * size
        if self.last_page_again and found:
            begin = min(begin, (len(found) - 1) // size * size)
        items = "".join(f"<wanted>{written(one)}</wanted>" for one in found[begin : begin + size])
        total = len(found) if self.total is None else self.total
        content = (
            f'<?xml version="1.0" encoding="UTF-8"?><wantedRoot><total>{total}</total><startPage>{number}</startPage>'
            f"<display>{size}</display>{items}</wantedRoot>"
        )
        self.after_page(number)
        return _HEAD + content.encode()

    def _since(self, advert: Advert, since: str | None) -> bool:
        if since is None:
            return True
        year, month, day = (int(part) for part in advert["regDt"].split("-"))
        return date(2000 + year, month, day) >= self.today - timedelta(days=_DAYS[since])

    def _detail(self, number: str) -> bytes:
        found = self.adverts.get(number) or self.shown.get(number)
        if found is None or not self.shows_details:
            return _error("no-data")
        more = {"wantedAuthNo": number, **found, "collectPsncnt": "2"}
        return _HEAD + f'<?xml version="1.0" encoding="UTF-8"?><wantedDtl>{written(more)}</wantedDtl>'.encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        portal = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
                portal.asked.append(asked)
                fault = portal.faults.pop(0) if portal.faults else None
                if asked.get("wantedAuthNo") in portal.fails:
                    sent(self, b"", 500)
                elif fault is None:
                    sent(self, portal.answer(parts.path, asked))
                else:
                    fault(self)

            def log_message(self, *_: object) -> None:
                """The address holds the key."""

        return Handler


def sent(handler: BaseHTTPRequestHandler, content: bytes, status: int = 200, **headers: str) -> None:
    """An answer."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def refuses(status: int, content: bytes = b"", **headers: str) -> Fault:
    """A fault: this status."""
    return lambda handler: sent(handler, content, status, **headers)


def breaks_off(handler: BaseHTTPRequestHandler) -> None:
    """A fault: half of a page, then nothing."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b"<wantedRoot><total>3</total><wanted><title>")
    handler.close_connection = True


def _error(code: str) -> bytes:
    return f"<GO24><messageCd>{code}</messageCd><message>인증키 또는 요청을 확인하세요</message></GO24>".encode()
