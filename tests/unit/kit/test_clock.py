"""The wall clock, MongoDB's, and what is done while they differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.kit.base.clock import Clock

pytestmark = pytest.mark.unit
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
DAYS = timedelta(days=70)


class Machine:
    """A machine whose two clocks the test moves."""

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self.wall, self.monotonic = NOON, 100.0
        self.clock = Clock(offset, wall=lambda: self.wall, monotonic=lambda: self.monotonic)

    def passes(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.monotonic += seconds


class TestWithoutDoubt:
    def test_all_readings_are_the_wall_clock(self) -> None:
        machine = Machine()
        machine.clock.heard(NOON - timedelta(seconds=59), 99.9, 100.1)
        assert not machine.clock.doubtful
        assert {machine.clock.calendar(), machine.clock.latest(), machine.clock.earliest()} == {NOON}

    def test_before_the_server_was_heard_there_is_nothing_to_compare(self) -> None:
        assert not Machine().clock.doubtful
        assert Machine().clock.calendar() == NOON

    def test_time_that_passes_on_both_raises_no_doubt_however_long_the_server_was_not_asked(self) -> None:
        machine = Machine()
        machine.clock.heard(NOON, 100.0, 100.0)
        machine.passes(30 * 24 * 3600)
        assert not machine.clock.doubtful
        assert machine.clock.calendar() == NOON + timedelta(days=30)


class TestAWallClockThatIsWrong:
    def test_ahead_the_later_decides_what_may_be_sent_and_the_earlier_what_has_ended(self) -> None:
        machine = Machine()
        machine.clock.heard(NOON - DAYS, 100.0, 100.0)
        assert machine.clock.doubtful
        assert machine.clock.latest() == NOON
        assert machine.clock.earliest() == NOON - DAYS
        assert machine.clock.calendar() == NOON - DAYS == machine.clock.trusted()

    def test_behind_the_server_s_time_is_written_down(self) -> None:
        machine = Machine()
        machine.clock.heard(NOON + DAYS, 100.0, 100.0)
        assert machine.clock.latest() == NOON + DAYS == machine.clock.calendar()
        assert machine.clock.earliest() == NOON

    def test_a_jump_is_doubted_at_once_and_not_only_when_the_server_is_asked_again(self) -> None:
        machine = Machine()
        machine.clock.heard(NOON, 100.0, 100.0)
        machine.passes(5)
        machine.wall += DAYS
        assert machine.clock.doubtful
        assert machine.clock.calendar() == NOON + timedelta(seconds=5)

    def test_mended_it_is_believed_again(self) -> None:
        machine = Machine()
        machine.wall += DAYS
        machine.clock.heard(NOON, 100.0, 100.0)
        assert machine.clock.doubtful
        machine.wall -= DAYS
        assert not machine.clock.doubtful

    def test_the_border_is_a_minute(self) -> None:
        machine = Machine()
        machine.clock.heard(NOON - timedelta(seconds=60), 100.0, 100.0)
        assert not machine.clock.doubtful
        machine.clock.heard(NOON - timedelta(seconds=61), 100.0, 100.0)
        assert machine.clock.doubtful
        assert machine.clock.difference == timedelta(seconds=61)


class TestTheCalendar:
    def test_an_offset_moves_all_that_follows_the_calendar_and_nothing_else(self) -> None:
        machine = Machine(DAYS)
        machine.clock.heard(NOON, 100.0, 100.0)
        assert not machine.clock.doubtful
        assert {machine.clock.calendar(), machine.clock.latest(), machine.clock.earliest()} == {NOON + DAYS}
        assert machine.clock.wall() == NOON == machine.clock.trusted()

    def test_the_server_s_moment_lies_in_the_middle_of_asking(self) -> None:
        machine = Machine()
        machine.clock.heard(NOON, 100.0, 104.0)
        machine.passes(4)
        assert machine.clock.server() == NOON + timedelta(seconds=2)
