"""Which day it is for the matches, while two clocks differ and when they agree."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.matching.matching_day import MatchingDay
from shared.kit.base.clock import Clock

pytestmark = pytest.mark.unit
EVENING = datetime(2026, 11, 28, 16, tzinfo=UTC)  # in Seoul the 29th has begun
TODAY = date(2026, 11, 29)
DAYS = timedelta(days=70)


def day_of(wall: timedelta, server: timedelta, reached: date | None = TODAY) -> MatchingDay:
    clock = Clock(wall=lambda: EVENING + wall, monotonic=lambda: 0.0)
    clock.heard(EVENING + server, 0.0, 0.0)
    day = MatchingDay(clock, ZoneInfo("Asia/Seoul"))
    day.reached = reached
    return day


def test_without_doubt_both_days_are_that_of_the_programme_s_zone() -> None:
    day = day_of(timedelta(0), timedelta(0))
    assert (day.to_match(), day.to_show()) == (TODAY, TODAY)


def test_a_new_day_begins_and_a_day_that_was_set_back_is_believed() -> None:
    for moved in (timedelta(days=1), timedelta(days=-1)):
        assert day_of(moved, moved).to_match() == TODAY + moved


@pytest.mark.parametrize(("wall", "server"), [(DAYS, timedelta(0)), (timedelta(0), DAYS)])
def test_whichever_clock_is_ahead_no_new_day_begins_and_nothing_is_shown_that_may_have_ended(
    wall: timedelta, server: timedelta
) -> None:
    day = day_of(wall, server)
    assert (day.to_match(), day.to_show()) == (TODAY, TODAY + DAYS)


@pytest.mark.parametrize(("wall", "server"), [(-DAYS, timedelta(0)), (timedelta(0), -DAYS)])
def test_whichever_clock_is_behind_the_day_that_was_reached_stays(wall: timedelta, server: timedelta) -> None:
    day = day_of(wall, server)
    assert (day.to_match(), day.to_show()) == (TODAY, TODAY)


def test_in_doubt_and_nothing_reached_yet_it_is_the_earlier_one() -> None:
    assert day_of(DAYS, timedelta(0), None).to_match() == TODAY
