"""Which amounts can be meant as a wage: a slip in the period or the unit makes an advert everybody's best, or a wish
nobody's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from shared.events.field_types import Period, Wage, WageFloor
from shared.screening.findings import Findings

MOST_TIMES = 30  # the legal minimum of an hour; more is no wage of anybody whom this is for
LIKELY_TIMES = 5  # what another period or unit has to make of it, to be what was meant
LEAST_SHARE = 0.1  # of the legal minimum: a wish below it that fits another period or unit is a slip
LEAST_ALLOWANCE = 0.002  # of the legal minimum, some 4,000 won a month: below it 30 was meant as 30 of a unit
_PERIODS: tuple[Period, ...] = ("hour", "day", "month", "year")


@dataclass(frozen=True, slots=True)
class Hours:
    """How long the work is: what a wage of a day, month or year is reckoned with. None: not said."""

    per_week: int | None = None
    per_day: float | None = None

    def contradict(self) -> bool:
        """A day longer than its week, or a week that seven such days do not make."""
        if self.per_week is None or self.per_day is None:
            return False
        return not self.per_day <= self.per_week <= 7 * self.per_day


def check_wish(wish: WageFloor, hours: Hours, field: str, findings: Findings, day: date) -> None:
    """Refuse a person's least wage that cannot be meant. Below the legal minimum it may lie: it asks for less."""
    findings.currency(wish.currency, f"{field}/currency")
    floor = _floor(wish.currency, findings, day)
    if floor is None or _too_high(wish.amount, wish.per, hours, floor, f"{field}/amount", findings):
        return
    if 0 < findings.pack.hourly(wish.amount, wish.per, hours.per_week) < LEAST_SHARE * floor:
        likely = _likely(wish.amount, wish.per, hours, floor, findings)
        if likely:
            findings.add("wage-too-low", f"{field}/amount", **likely)


def check_wage(wage: Wage, hours: Hours, findings: Findings, day: date, *, floor: bool) -> None:
    """A job pays at least the legal minimum of the day it begins; other kinds may pay an allowance below it."""
    findings.currency(wage.currency, "/data/wage/currency")
    if wage.maximum is not None and wage.maximum < wage.minimum:
        findings.add("numbers-in-wrong-order", "/data/wage/maximum")
    if hours.contradict():  # nothing can be reckoned with them
        findings.add("hours-do-not-fit", "/data/hours_per_day")
        return
    legal = _floor(wage.currency, findings, day)
    if legal is None:
        return
    for name, amount in (("minimum", wage.minimum), ("maximum", wage.maximum)):
        if amount is not None:
            _too_high(amount, wage.per, hours, legal, f"/data/wage/{name}", findings)
    if floor:
        _check_floor(wage, hours, legal, findings)
    elif 0 < findings.pack.hourly(wage.minimum, wage.per, hours.per_week, hours.per_day) < LEAST_ALLOWANCE * legal:
        findings.add("allowance-too-low", "/data/wage/minimum")


def _check_floor(wage: Wage, hours: Hours, legal: int, findings: Findings) -> None:
    """The least is told in the sender's own period, for the hours that were said."""
    least = findings.pack.least_pay(legal, wage.per, hours.per_week, hours.per_day)
    if wage.minimum >= least:
        return
    likely = _likely(wage.minimum, wage.per, hours, legal, findings) if wage.minimum < LEAST_SHARE * least else {}
    week = hours.per_week or findings.pack.wages.working_time.hours_per_week
    findings.add(
        "wage-below-minimum",
        "/data/wage/minimum",
        minimum=least,
        per=wage.per,
        hours=f"{week:g}",
        hourly=legal,
        **likely,
    )


def _floor(currency: str, findings: Findings, day: date) -> int | None:
    return findings.pack.wage_floor(day) if currency == findings.pack.currency else None


def _too_high(amount: int, per: Period, hours: Hours, floor: int, field: str, findings: Findings) -> bool:
    """Whether it is refused as too high for its period; with the period that it is likely of."""
    if findings.pack.hourly(amount, per, hours.per_week, hours.per_day) <= MOST_TIMES * floor:
        return False
    findings.add("wage-too-high", field, **_likely(amount, per, hours, floor, findings, units=False))
    return True


def _likely(
    amount: int, per: Period, hours: Hours, floor: int, findings: Findings, *, units: bool = True
) -> dict[str, str | int]:
    """The other period, or else the unit in the same one, in which the amount would be a usual wage. The amount itself
    is not said again."""
    pack = findings.pack

    def usual(period: Period, unit: int) -> bool:
        hourly = pack.hourly(amount * unit, period, hours.per_week, hours.per_day)
        return floor / 2 <= hourly <= LIKELY_TIMES * floor

    for period in _PERIODS:
        if period != per and usual(period, 1):
            return {"nearest": period}
    for unit in pack.wages.units_by_mistake if units else ():
        if usual(per, unit):
            return {"unit": unit}
    return {}
