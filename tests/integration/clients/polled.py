"""A portal on this machine, a door that keeps what was said by the door's own rules of numbers, and a poller."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx

from clients.ieum import Hub, Key
from clients.ieum.polling import Outcome, Poller, Portal, PortalKey, Progress
from shared.files import Converter, Line
from tests.support.files import PACK
from verification.doors.portal import LocalPortal, sent

KEY = Key("gjf-1", bytes(range(32)))
NOW = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def advert(number: str, changed: str = "202611201030", **more: str) -> dict[str, str]:
    return {
        "wantedAuthNo": number,
        "company": "예시제과",
        "title": "제과제빵원 모집",
        "salTpNm": "월급",
        "minSal": "2500000",
        "region": "경기 수원시",
        "closeDt": "채용시까지  26-12-31",
        "jobsCd": "871100",
        "empTpCd": "10",
        "regDt": "26-11-20",
        "smodifyDtm": changed,
        **more,
    }


class Door:
    """Takes events as intake does, as far as their numbers go: what is closed under a number stays closed for what has
    none above it."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.open: dict[str, int] = {}
        self.closed: dict[str, int] = {}
        self.away = False
        self.refused: set[str] = set()
        self._contents: dict[str, str] = {}

    def hub(self) -> Hub:
        return Hub("https://door.example", KEY, patience=0, transport=httpx.MockTransport(self._answer))

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(event["type"], event["data"]["reference"]) for event in self.events]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            return httpx.Response(503)
        return httpx.Response(202, json={"results": [self.take(event) for event in json.loads(request.content)]})

    def take(self, event: dict[str, Any]) -> dict[str, Any]:
        self.events.append(event)
        reference, number = event["data"]["reference"], int(event["sequence"])
        if self._contents.setdefault(event["id"], json.dumps(event)) != json.dumps(event):
            return refused("same-id-other-content")
        if reference in self.refused:
            return refused("unknown-code")
        if event["type"] == "job-closed":
            if self.open.get(reference, 0) <= number:
                self.closed[reference] = number
                self.open.pop(reference, None)
            return {"status": "accepted"}
        if reference in self.closed and number <= self.closed[reference]:
            return refused("opportunity-closed")
        self.closed.pop(reference, None)
        if number < self.open.get(reference, 0):
            return {"status": "superseded"}
        self.open[reference] = number
        return {"status": "accepted"}


def refused(rule: str) -> dict[str, Any]:
    problem = {"errors": [{"field": "/data", "rule": rule, "remedy": {"ko": "…", "en": "…"}}]}
    return {"status": "refused", "problem": problem}


class Polled:
    """A portal, a door, and the folder between them."""

    def __init__(self, portal: LocalPortal, folder: Path) -> None:
        self.portal, self.folder, self.door = portal, folder, Door()
        self.lines: list[Line] = []
        self.rested: list[float] = []
        self.clock = 0.0

    def cycle(self, now: datetime = NOW, whole_every: timedelta = timedelta(0), **how: Any) -> Outcome:
        def make(moment: datetime) -> Converter:
            return Converter(PACK, "gjf", moment, KEY.event_id)

        with (
            self.door.hub() as hub,
            Portal(
                self.portal.url, PortalKey("portal-key"), {}, per_page=3, sleep=self._sleep, clock=lambda: self.clock
            ) as portal,
            Progress(self.folder, self.portal.url, "gjf", {}) as progress,
        ):
            poller = Poller(portal, hub, progress, make, PACK, "en", self.lines.append, **how)
            return poller.cycle(now, whole_every, lambda count: None)

    def _sleep(self, seconds: float) -> None:
        self.rested.append(seconds)
        self.clock += seconds

    def lists(self, *numbers: str) -> None:
        self.portal.adverts = {number: advert(number) for number in numbers}


class Served:
    """The door over HTTP."""

    def __init__(self, door: Door) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                sent(self, json.dumps({"results": [door.take(event) for event in events]}).encode(), 202)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
