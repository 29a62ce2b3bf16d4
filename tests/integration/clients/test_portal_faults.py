"""The poller where a portal fails, is slow, answers nonsense or too much; its key stays where it belongs."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.ieum import Away, NotAllowed
from clients.ieum.api_client import _seconds as hub_seconds
from clients.ieum.polling import Portal, PortalKey
from clients.ieum.polling.portal import _seconds as portal_seconds
from tests.integration.clients.polled import Polled
from verification.doors.portal import breaks_off, refuses, sent

pytestmark = pytest.mark.integration


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
