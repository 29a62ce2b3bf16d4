"""The poller against a portal on this machine, with everything that is odd about such portals; the door is a stand-in
that keeps what was said by the door's own rules of numbers."""

from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from clients.ieum import Away, Hub, Key, NotAllowed
from clients.ieum.hub import _seconds as hub_seconds
from clients.ieum.polling import Outcome, Poller, Portal, PortalKey, Progress
from clients.ieum.polling.portal import _seconds as portal_seconds
from clients.ieum.settings import Missing
from deploy.local.timeouts import scaled
from shared.files import Converter, Line
from tests.support.files import PACK
from verification.doors.portal import LocalPortal, breaks_off, refuses, sent

pytestmark = pytest.mark.integration
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
            return _refused("same-id-other-content")
        if reference in self.refused:
            return _refused("unknown-code")
        if event["type"] == "job-closed":
            if self.open.get(reference, 0) <= number:
                self.closed[reference] = number
                self.open.pop(reference, None)
            return {"status": "accepted"}
        if reference in self.closed and number <= self.closed[reference]:
            return _refused("opportunity-closed")
        self.closed.pop(reference, None)
        if number < self.open.get(reference, 0):
            return {"status": "superseded"}
        self.open[reference] = number
        return {"status": "accepted"}


def _refused(rule: str) -> dict[str, Any]:
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


@pytest.fixture
def polled(tmp_path: Path) -> Iterator[Polled]:
    with LocalPortal() as portal:
        yield Polled(portal, tmp_path / "state")


def test_all_is_said_once_and_only_what_changed_again(polled: Polled) -> None:
    polled.lists("K1", "K2", "K3", "K4")
    first = polled.cycle()
    assert (first.adverts, first.statuses["accepted"], first.pages) == (4, 4, 2)
    assert polled.portal.pages == [1, 2]
    assert polled.cycle().unchanged == 4
    polled.portal.adverts["K2"] = advert("K2", "202611271200", minSal="2600000")
    changed = polled.cycle()
    assert (changed.unchanged, changed.statuses["accepted"]) == (3, 1)
    assert polled.door.events[-1]["sequence"] == "202611271200"
    assert polled.door.events[-1]["data"]["wage"]["minimum"] == 2_600_000


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_however_many_there_are(polled: Polled, count: int) -> None:
    polled.lists(*(f"K{number}" for number in range(count)))
    assert polled.cycle().statuses["accepted"] == count
    assert polled.cycle().unchanged == count


@pytest.mark.parametrize("total", [0, 1, 5, 1_000_000])
@pytest.mark.parametrize("last_page_again", [False, True])
def test_wrong_totals_change_nothing(polled: Polled, total: int, last_page_again: bool) -> None:
    polled.lists("K1", "K2", "K3", "K4", "K5", "K6", "K7")
    polled.portal.total, polled.portal.last_page_again = total, last_page_again
    assert polled.cycle().statuses["accepted"] == 7
    assert polled.cycle().closed == 0


def test_pages_that_move_lose_and_close_nothing(polled: Polled) -> None:
    polled.lists("K1", "K2", "K3", "K4", "K5", "K6")

    def first_is_gone(page: int) -> None:
        """What stood on top of page 2 is now at the end of page 1, which was read."""
        if page == 1:
            polled.portal.adverts.pop("K1", None)

    polled.portal.after_page = first_is_gone
    polled.cycle()
    assert "K4" not in polled.door.open
    polled.portal.after_page = lambda page: None
    second = polled.cycle()
    assert sorted(polled.door.open) == ["K2", "K3", "K4", "K5", "K6"]
    assert second.closed == 1
    assert polled.door.closed.keys() == {"K1"}


def test_what_comes_on_top_while_pages_are_read_is_said_once(polled: Polled) -> None:
    polled.lists("K1", "K2", "K3", "K4", "K5")

    def one_more(page: int) -> None:
        if page == 1:
            polled.portal.adverts = {"K0": advert("K0"), **polled.portal.adverts}

    polled.portal.after_page = one_more
    polled.cycle()
    polled.cycle()
    assert sorted(reference for _, reference in polled.door.said) == ["K0", "K1", "K2", "K3", "K4", "K5"]


def test_gone_is_closed_only_when_its_own_page_does_not_show_it(polled: Polled) -> None:
    polled.lists("K1", "K2", "K3")
    polled.cycle()
    polled.portal.shown = {"K2": polled.portal.adverts.pop("K2")}  # gone from the list by some fault of the list
    del polled.portal.adverts["K3"]
    assert polled.cycle().closed == 1
    assert polled.door.closed.keys() == {"K3"}
    assert polled.cycle().closed == 0
    polled.portal.shown = {}
    assert polled.cycle().closed == 1
    assert polled.cycle().closed == 0


def test_a_portal_that_shows_nothing_at_all_closes_nothing(polled: Polled) -> None:
    polled.lists("K1", "K2", "K3")
    polled.cycle()
    del polled.portal.adverts["K3"]
    polled.portal.shows_details = False
    outcome = polled.cycle()
    assert (outcome.closed, outcome.unconfirmed, polled.door.closed) == (0, 1, {})
    polled.portal.adverts.clear()
    assert polled.cycle().unconfirmed == 3


def test_what_was_told_and_then_refused_is_closed_when_it_is_gone(polled: Polled) -> None:
    polled.lists("K1", "K2", "K3")
    polled.cycle()
    polled.portal.adverts["K2"] = advert("K2", "202611271200")
    polled.portal.adverts["K4"] = advert("K4")
    polled.door.refused = {"K2", "K4"}
    assert polled.cycle().statuses["refused"] == 2
    polled.door.refused = set()
    del polled.portal.adverts["K2"], polled.portal.adverts["K4"]
    assert polled.cycle().closed == 1
    assert polled.door.closed == {"K2": 202611271200}
    assert ("job-closed", "K4") not in polled.door.said  # nobody was told of it
    polled.portal.adverts["K2"] = advert("K2", "202611271300")
    polled.door.refused = {"K2"}
    polled.cycle()
    del polled.portal.adverts["K2"]
    assert polled.cycle().closed == 0  # no version of it is open since


ERRORS = [
    b"<GO24><messageCd>999</messageCd><message>x</message></GO24>",
    b"<GO24><message>x</message></GO24>",
    b"<html><body>maintenance</body></html>",
    b"<wantedRoot><total>0</total></wantedRoot>",
    b"<wantedDtl/>",
    b"<wantedDtl><wantedAuthNo>K9</wantedAuthNo></wantedDtl>",
]


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_in_place_of_its_own_page_closes_nothing(polled: Polled, error: bytes) -> None:
    """K4 moves to the page that was read, so it is in no page of the list; its own page is once an error."""
    polled.lists("K1", "K2", "K3", "K4", "K5", "K6")
    polled.cycle()
    errors = [error]
    answer = polled.portal.answer

    def once_an_error(path: str, asked: dict[str, str]) -> bytes:
        return errors.pop() if errors and asked.get("wantedAuthNo") == "K4" else answer(path, asked)

    polled.portal.answer = once_an_error  # type: ignore[method-assign]
    polled.portal.after_page = lambda page: polled.portal.adverts.pop("K3", None) and None
    outcome = polled.cycle()
    assert (errors, outcome.closed, polled.door.closed) == ([], 0, {})
    assert polled.cycle().closed == 1
    assert polled.door.closed.keys() == {"K3"}
    assert sorted(polled.door.open) == ["K1", "K2", "K4", "K5", "K6"]


@pytest.mark.parametrize("error", ERRORS)
def test_gone_is_said_twice_in_the_words_for_a_number_that_never_was(polled: Polled, error: bytes) -> None:
    polled.lists("K1", "K2", "K3")
    polled.cycle()
    del polled.portal.adverts["K3"]
    polled.portal.faults = [None, None, None, None, refuses(200, error)]  # the list, no such, K1, K3, then K1
    assert polled.cycle().unconfirmed == 1
    polled.portal.faults = [None, None, None, None, None, refuses(200, error)]  # the second time of K3
    assert (polled.cycle().unconfirmed, polled.door.closed) == (1, {})
    assert polled.cycle().closed == 1


@pytest.mark.parametrize("broken", [1, 3, 4])
def test_own_pages_that_always_fail_hold_up_no_other(polled: Polled, broken: int) -> None:
    names = [f"K{number}" for number in range(2, 2 + broken)]
    polled.lists("K1", *names, "K9")
    polled.cycle()
    for name in (*names, "K9"):
        del polled.portal.adverts[name]
    polled.portal.fails = set(names)
    if broken > 3:
        with pytest.raises(Away):
            polled.cycle()
        assert polled.door.closed == {}
        return
    outcome = polled.cycle()
    assert (outcome.closed, outcome.unconfirmed) == (1, broken)
    assert polled.door.closed.keys() == {"K9"}


def test_whether_gone_means_closed_is_the_agencys_choice(polled: Polled) -> None:
    polled.lists("K1", "K2")
    polled.cycle()
    del polled.portal.adverts["K2"]
    assert polled.cycle(closes=False).closed == 0


def test_what_is_there_again_is_open_again(polled: Polled) -> None:
    polled.lists("K1", "K2")
    polled.cycle()
    again = polled.portal.adverts.pop("K2")
    polled.cycle()
    assert polled.door.closed.keys() == {"K2"}
    polled.portal.adverts["K2"] = again
    assert polled.cycle().statuses["accepted"] == 1
    assert polled.door.open["K2"] == 202611201031
    assert polled.cycle().unchanged == 2


def test_between_whole_rounds_only_what_was_registered_lately_is_asked_for(polled: Polled) -> None:
    polled.lists("K1", "K2")
    polled.cycle(NOW, DAY)
    polled.portal.adverts["K3"] = advert("K3", regDt="26-11-28")
    del polled.portal.adverts["K1"]
    outcome = polled.cycle(NOW + timedelta(hours=2), DAY)
    assert (outcome.whole, outcome.adverts, outcome.closed) == (False, 1, 0)
    assert polled.portal.asked[-1]["regDate"] == "D-3"
    whole = polled.cycle(NOW + timedelta(hours=25), DAY)
    assert (whole.whole, whole.closed) == (True, 1)
    assert "regDate" not in polled.portal.asked[-1]


def test_an_error_with_a_good_status_is_no_empty_list(polled: Polled) -> None:
    polled.lists("K1", "K2")
    polled.cycle()
    polled.portal.key = "another"
    with pytest.raises(Away, match="code 006"):
        polled.cycle()
    assert polled.door.closed == {}


@pytest.mark.parametrize(
    "fault",
    [
        refuses(500),
        refuses(503, b"<html>"),
        refuses(200, b"<html><body>maintenance"),
        refuses(200, b""),
        refuses(200, b"<!DOCTYPE x [<!ENTITY a 'b'>]><wantedRoot>&a;</wantedRoot>"),
        refuses(200, b"<wantedRoot><messageCd>900</messageCd></wantedRoot>"),
        refuses(200, b"\x1f\x8b broken", Content_Encoding="gzip"),
        refuses(200, b"x", Content_Encoding="br"),
        breaks_off,
    ],
)
def test_what_fails_is_asked_again(polled: Polled, fault: Any) -> None:
    polled.lists("K1", "K2", "K3", "K4")
    polled.portal.faults = [None, fault, fault]
    assert polled.cycle().statuses["accepted"] == 4
    assert polled.portal.pages == [1, 2, 2, 2]


def test_it_rests_after_every_question_and_as_long_as_it_is_told(polled: Polled) -> None:
    polled.lists("K1", "K2", "K3", "K4")
    polled.portal.faults = [None, refuses(429, Retry_After="17")]
    polled.cycle()
    assert polled.rested == [1.0, 17.0, 1.0]
    polled.portal.faults = [refuses(429, Retry_After="86400")]
    with pytest.raises(Away):
        polled.cycle()
    later = datetime.now(UTC) + timedelta(seconds=50)
    polled.portal.faults = [refuses(503, Retry_After=later.strftime("%a, %d %b %Y %H:%M:%S GMT"))]
    polled.rested.clear()
    polled.cycle()
    assert 30 < polled.rested[0] <= 50


@pytest.mark.parametrize("total", ["\u00b2", "1\u00b2", "\u0663", "9" * 100, "-1", "x"])
def test_a_total_that_is_no_number_is_none(polled: Polled, total: str) -> None:
    polled.lists("K1", "K2")
    polled.portal.total = total  # type: ignore[assignment]  # whatever the portal says
    assert polled.cycle().statuses["accepted"] == 2


@pytest.mark.parametrize(
    "said", ["3\u00b2", "\u0663", "9" * 5_000, "Mon, 1 Nov 99999999999999999999 00:00:00 GMT", "Mon, 1 Nov", "x", "-1"]
)
def test_what_asks_to_wait_may_say_anything(said: str) -> None:
    assert (portal_seconds(said), hub_seconds(said)) == (0.0, 0.0)
    assert (portal_seconds("17"), hub_seconds("17"), hub_seconds("600")) == (17.0, 17.0, 60.0)
    assert portal_seconds("9" * 12) == 86_400.0


def test_more_than_is_held_in_memory_is_not_read(polled: Polled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.ieum.polling.portal.MOST_BYTES", 10_000)
    polled.lists("K1")
    polled.portal.faults = [lambda handler: sent(handler, b"<wantedRoot>" + b" " * 20_000)] * 20
    with pytest.raises(Away, match="too long"):
        polled.cycle()


def test_what_is_no_portal_is_said_at_once_and_the_key_goes_nowhere_else(polled: Polled) -> None:
    polled.portal.faults = [refuses(302, Location="http://127.0.0.1:1/")]
    with pytest.raises(ValueError, match="302"):
        polled.cycle()
    polled.portal.faults = [refuses(403)]
    with pytest.raises(NotAllowed):
        polled.cycle()
    for url in ("http://portal.example", "ftp://x", "https://u:p@portal.example", "https://portal.example/?authKey=k"):
        with pytest.raises(ValueError, match="https"):
            Portal(url, PortalKey("k"), {})
    with pytest.raises(ValueError, match="cannot be asked for"):
        Portal("https://portal.example", PortalKey("k"), {"authKey": "x"})


def test_the_key_is_in_no_log_and_in_no_error(polled: Polled, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    polled.lists("K1")
    polled.portal.faults = [breaks_off]
    polled.cycle()
    polled.portal.faults = [breaks_off] * 20
    with pytest.raises(Away) as raised:
        polled.cycle()
    assert "portal-key" not in caplog.text + str(raised.value) + repr(PortalKey("portal-key"))
    assert b"portal-key" not in b"".join(file.read_bytes() for file in polled.folder.iterdir())


def test_a_broken_advert_costs_itself_and_is_told_by_its_number(polled: Polled) -> None:
    polled.lists("K1", "K2", "K3")
    polled.portal.adverts["K2"] = advert("", jobsCd="")
    outcome = polled.cycle()
    assert (outcome.statuses["accepted"], outcome.not_sent, outcome.good) == (2, 1, False)
    polled.lines.clear()
    polled.door.refused = {"K4"}
    polled.portal.adverts["K4"] = advert("K4")
    polled.cycle()
    assert [(line.column, line.rule) for line in polled.lines if line.rule == "unknown-code"] == [
        ("K4", "unknown-code")
    ]
    count = len(polled.door.events)
    polled.cycle()  # it has not changed, so it is not refused once more
    assert len(polled.door.events) == count
    polled.door.refused = set()
    assert polled.cycle(again=True).statuses["accepted"] == 1


def test_details_are_read_of_what_is_new(polled: Polled) -> None:
    polled.lists("K1", "K2")
    polled.cycle(details=True)
    assert [event["data"]["places"] for event in polled.door.events] == [2, 2]
    asked = len(polled.portal.asked)
    polled.cycle(details=True)
    assert len(polled.portal.asked) == asked + 1


def test_adverts_without_any_time_are_counted_by_the_cycle(polled: Polled) -> None:
    bare = {name: text for name, text in advert("K1").items() if name not in ("smodifyDtm", "regDt")}
    polled.portal.adverts = {"K1": bare}
    polled.cycle()
    assert polled.door.events[0]["sequence"] == "202611281200"  # of Seoul
    assert polled.cycle(NOW + DAY).unchanged == 1
    polled.portal.adverts = {"K1": {**bare, "minSal": "2600000"}}
    polled.cycle(NOW + 2 * DAY)
    assert polled.door.events[-1]["sequence"] == "202611301200"


def test_while_ieum_is_away_the_page_waits(polled: Polled) -> None:
    polled.lists("K1", "K2", "K3", "K4")
    polled.door.away = True
    with pytest.raises(Away):
        polled.cycle()
    polled.door.away = False
    assert polled.cycle(NOW + timedelta(minutes=5)).statuses["accepted"] == 4
    first = {event["id"] for event in polled.door.events}
    assert len(first) == len(polled.door.events)


def test_a_round_that_was_left_off_goes_on_and_says_the_same(polled: Polled) -> None:
    polled.lists("K1", "K2", "K3", "K4", "K5", "K6", "K7")
    polled.portal.faults = [None, None, *[refuses(500)] * 50]
    with pytest.raises(Away):
        polled.cycle()
    polled.portal.faults = []
    polled.portal.asked.clear()
    polled.cycle(NOW + timedelta(minutes=30))
    assert polled.portal.pages == [3]
    assert len(polled.door.events) == len({event["id"] for event in polled.door.events}) == 7


PORTAL = "https://portal.example/api"


def test_one_poller_for_a_folder(tmp_path: Path) -> None:
    with (
        Progress(tmp_path, PORTAL, "gjf", {"region": "41000"}),
        pytest.raises(Missing, match="in use"),
    ):
        Progress(tmp_path, PORTAL, "gjf", {"region": "41000"})
    with Progress(tmp_path, PORTAL + "/", "gjf", {"region": "41000"}):
        pass
    assert oct((tmp_path / "progress.sqlite").stat().st_mode)[-3:] == "600"


@pytest.mark.parametrize(
    ("portal", "agency", "query", "other"),
    [
        (PORTAL, "gjf", {"region": "11000"}, "another --query:"),
        (PORTAL, "khf", {"region": "41000"}, "another --agency:"),
        ("https://other.example", "gjf", {"region": "41000"}, "another --portal:"),
        ("https://other.example", "khf", {}, "another --portal, --agency, --query:"),
    ],
)
def test_a_folder_is_for_one_portal_agency_and_query(
    tmp_path: Path, portal: str, agency: str, query: dict[str, str], other: str
) -> None:
    """What another one showed would look gone."""
    with Progress(tmp_path, PORTAL, "gjf", {"region": "41000"}):
        pass
    with pytest.raises(Missing, match=other):
        Progress(tmp_path, portal, agency, query)


def test_killed_anywhere_nothing_is_lost_and_nothing_said_twice(tmp_path: Path) -> None:
    """The command line itself, killed after so many pages again and again."""
    door = Door()
    with LocalPortal() as portal, Served(door) as address:
        portal.adverts = {f"K{number}": advert(f"K{number}") for number in range(1_050)}
        environment = {
            "PATH": os.environ["PATH"],
            "IEUM_INTAKE": address,
            "IEUM_AGENCY": "gjf",
            "IEUM_KEY": KEY.token,
            "IEUM_PORTAL": portal.url,
            "IEUM_PORTAL_KEY": portal.key,
        }
        command = [sys.executable, "-m", "clients.ieum", "poll", str(tmp_path / "state"), "--rest", "0", "--json"]
        for pages in (2, 3, 4):
            portal.asked.clear()
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + scaled(60)
            while len(portal.pages) < pages and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            process.wait()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["reached_the_end"] is True
    assert door.open.keys() == portal.adverts.keys()
    assert len({event["id"] for event in door.events}) == 1_050
    with sqlite3.connect(tmp_path / "state" / "progress.sqlite") as database:
        assert database.execute("SELECT count(*) FROM adverts WHERE state = 'told'").fetchone() == (1_050,)


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
