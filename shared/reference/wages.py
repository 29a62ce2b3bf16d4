"""Wage floors by date, and for how many hours a wage of any period is."""

from datetime import date, timedelta

from pydantic import Field

from shared.reference.errors import PackError
from shared.reference.models import AverageWage, Data, Dated, MinimumWage


class WorkingTime(Dated):
    """The conventions that turn a wage for a day, month or year into one for an hour, since `valid_from`.

    hours_per_month: paid hours of a full-time month as they are published, paid rest included. A shorter month is
    `weeks_per_month` weeks of work and of paid rest: `paid_rest_hours` of a full-time week, in proportion; none below
    `paid_rest_from` hours a week. most_hours_per_week: the most that the law allows as a rule, overtime included; None:
    the pack knows no such rule.
    """

    source: str
    hours_per_week: float = Field(gt=0)
    hours_per_day: float = Field(gt=0)
    hours_per_month: float = Field(gt=0)
    weeks_per_month: float = Field(gt=4, lt=5)
    paid_rest_hours: float = Field(ge=0)
    paid_rest_from: float = Field(ge=0)
    most_hours_per_week: float | None = Field(default=None, gt=0)


class Wages(Data):
    """`wages.json` as a whole. units_by_mistake: in which else amounts are written by mistake (thousands)."""

    minimum: tuple[MinimumWage, ...]
    average: AverageWage
    working_time: WorkingTime
    units_by_mistake: tuple[int, ...] = ()


class WageTable:
    """The minimum wages of a pack: a closed table without gaps, so that a day outside is an error and not a guess."""

    def __init__(self, file: str, wages: Wages, currency: str) -> None:
        self._file = file
        self._rows = wages.minimum
        self.average, self.working_time, self.units_by_mistake = (
            wages.average, wages.working_time, wages.units_by_mistake,
        )  # fmt: skip
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
