"""Every local day has exactly one digest."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.channels.mail.digest import EmailDigest
from services.notifications.documents import DUE
from services.notifications.domain.digest_schedule import next_window
from shared.kit.store.unit_of_work import UnitOfWork
from tests.support.memory_store import CODEC

pytestmark = pytest.mark.unit
SEOUL, BERLIN = ZoneInfo("Asia/Seoul"), ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "zone", "at", "expected"),
    [
        ("2026-11-28T12:00", SEOUL, time(9), "2026-11-29T00:00"),
        ("2026-11-28T23:59:59.999999", SEOUL, time(9), "2026-11-29T00:00"),
        ("2026-11-29T00:00", SEOUL, time(9), "2026-11-30T00:00"),  # at the very moment: the next
        ("2026-12-31T15:00", SEOUL, time(0), "2027-01-01T15:00"),
        ("2026-03-28T12:00", BERLIN, time(2, 30), "2026-03-29T01:30"),  # 02:30 is not there: 03:30
        ("2026-03-29T01:30", BERLIN, time(2, 30), "2026-03-30T00:30"),
        ("2026-10-24T12:00", BERLIN, time(2, 30), "2026-10-25T00:30"),  # twice: the first
        ("2026-10-25T00:30", BERLIN, time(2, 30), "2026-10-26T01:30"),
        ("2026-10-25T01:00", BERLIN, time(2, 30), "2026-10-26T01:30"),
    ],
)
def test_is_at_that_time_of_the_local_day(after: str, zone: ZoneInfo, at: time, expected: str) -> None:
    assert next_window(utc(after), zone, at) == utc(expected)


def test_what_comes_at_the_very_moment_is_in_the_next_one_and_in_no_other() -> None:
    moment, instant = utc("2026-11-29T00:00"), timedelta(microseconds=1)
    nothing: Any = None
    channel = EmailDigest(nothing, nothing, lambda after: next_window(after, SEOUL, time(9)))
    due = []
    for now in (moment - instant, moment, moment + instant):
        delivery: Any = {"about": "notice", "state": DUE}
        channel.accept(UnitOfWork(now, codec=CODEC, earliest=now, latest=now, trusted=now), delivery, True)
        due.append(delivery["due"])
    assert due == [moment, moment + timedelta(days=1), moment + timedelta(days=1)]


@given(
    st.datetimes(utc("2020-01-01").replace(tzinfo=None), utc("2030-01-01").replace(tzinfo=None)),
    st.sampled_from([SEOUL, BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")]),
    st.times(),
)
def test_one_follows_another_once_in_every_local_day(after: datetime, zone: ZoneInfo, at: time) -> None:
    first = next_window(after.replace(tzinfo=UTC), zone, at)
    second = next_window(first, zone, at)
    assert after.replace(tzinfo=UTC) < first <= after.replace(tzinfo=UTC) + timedelta(hours=25)
    assert second.astimezone(zone).date() - first.astimezone(zone).date() == timedelta(days=1)
