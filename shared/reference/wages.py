"""Wage floors by date, and for how many hours a wage of any period is."""

from collections.abc import Sequence
from datetime import date, timedelta

from shared.reference.errors import PackError
from shared.reference.manifest import WorkingTime
from shared.reference.models import MinimumWage


class WageTable:
    """The minimum wages of a pack: a closed table without gaps, so that a day outside is an error and not a guess."""

    def __init__(self, file: str, rows: Sequence[MinimumWage], currency: str) -> None:
        self._file = file
        self._rows = tuple(rows)
        for index, row in enumerate(self._rows):
            if row.currency != currency:
                raise PackError(file, f"row {index}", f"currency is not {currency}")
            if row.valid_to is None:
                raise PackError(file, f"row {index}", "valid_to is missing: a wage floor holds for a stated time")
            if index:
                before = self._rows[index - 1].valid_to
                if before is None or row.valid_from != before + timedelta(days=1):
                    raise PackError(file, f"row {index}", "does not begin on the day after the row before")

    def on(self, day: date) -> MinimumWage:
        """The floor of that day; PackError when the table does not reach it."""
        for row in self._rows:
            if row.covers(day):
                return row
        raise PackError(self._file, day.isoformat(), "no minimum wage is known for this day: add a row to the table")

    def floor(self, day: date) -> int | None:
        """The floor per hour of that day; past the table's end the last one known, for floors do not fall; None for a
        day before the table."""
        return next((row.per_hour for row in reversed(self._rows) if row.valid_from <= day), None)

    @property
    def ends(self) -> date | None:
        """The last day that the table reaches; None when it is empty."""
        return self._rows[-1].valid_to if self._rows else None


def paid_hours(per: str, hours_per_week: float | None, hours_per_day: float | None, time: WorkingTime) -> float:
    """For how many hours the pay of such a period is, in the working-time conventions of the pack.

    Without hours a week, full time is meant; without hours a day, the week is spread over the usual number of days,
    none longer than the usual day. A day's pay holds no paid rest; a month's does, from so many hours a week on. A year
    is twelve months. Extra pay for overtime is left out, so more hours than full time give a careful figure.
    """
    week = time.hours_per_week if hours_per_week is None else hours_per_week
    if week <= 0 or (hours_per_day is not None and hours_per_day <= 0):
        raise ValueError("hours must be positive")
    if per == "hour":
        return 1.0
    if per == "day":
        days = time.hours_per_week / time.hours_per_day
        return min(time.hours_per_day, week / days) if hours_per_day is None else hours_per_day
    if per == "month":
        return _of_a_month(week, time)
    if per == "year":
        return 12 * _of_a_month(week, time)
    raise ValueError("per must be hour, day, month or year")


def _of_a_month(week: float, time: WorkingTime) -> float:
    """The published figure for full time; else weeks of work and, where it is paid, of rest in proportion."""
    extra = week - time.hours_per_week
    if extra >= 0:
        return time.hours_per_month + extra * time.weeks_per_month
    rest = time.paid_rest_hours * week / time.hours_per_week if week >= time.paid_rest_from else 0.0
    return (week + rest) * time.weeks_per_month
