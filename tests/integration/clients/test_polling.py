"""What the poller says of a portal's adverts: once, when they change, and when they are gone; also through kills."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from clients.ieum import Away
from clients.ieum.polling import Progress
from clients.ieum.settings import Missing
from deploy.local.timeouts import scaled
from tests.integration.clients.polled import DAY, KEY, NOW, Door, Polled, Served, advert
from verification.doors.portal import LocalPortal, refuses

pytestmark = pytest.mark.integration


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


def test_what_was_told_and_thenrefused_is_closed_when_it_is_gone(polled: Polled) -> None:
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

    polled.portal.answer = once_an_error  # type: ignore[method-assign]  # it fails once

    def taken_away(page: int) -> None:
        polled.portal.adverts.pop("K3", None)

    polled.portal.after_page = taken_away
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
