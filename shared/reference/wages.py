"""Wage floors by date, and wages of every kind as wages for an hour."""

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
        begun = [row.per_hour for row in self._rows if row.valid_from <= day]
        return begun[-1] if begun else None

    @property
    def ends(self) -> date | None:
        """The last day that the table reaches; None when it is empty."""
        return self._rows[-1].valid_to if self._rows else None


def hourly(amount: float, per: str, hours_per_week: float | None, time: WorkingTime) -> float:
    """The wage for one paid hour, in the working-time conventions of the pack.

    Without hours a week, full time is meant. A day is a full day of work, or the whole week's hours if those are fewer.
    A year is twelve months. Extra pay for overtime is left out, so more hours than full time give a careful figure.
    """
    if amount < 0:
        raise ValueError("a wage is not negative")
    week = time.hours_per_week if hours_per_week is None else hours_per_week
    if week <= 0:
        raise ValueError("hours per week must be positive")
    if per == "hour":
        return float(amount)
    if per == "day":
        return amount / min(time.hours_per_day, week)
    if per == "month":
        return amount / _paid_hours(week, time)
    if per == "year":
        return amount / 12 / _paid_hours(week, time)
    raise ValueError("per must be hour, day, month or year")


def _paid_hours(week: float, time: WorkingTime) -> float:
    """Paid hours of a month: the full-time month in proportion where rest is paid, bare weeks of work where not."""
    if week < time.paid_rest_from:
        return week * time.weeks_per_month
    extra = max(0.0, week - time.hours_per_week)
    return time.hours_per_month * min(week, time.hours_per_week) / time.hours_per_week + extra * time.weeks_per_month
