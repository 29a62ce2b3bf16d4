"""Which amounts can be meant as a wage: a slip in the period makes an advert everybody's best, or a wish nobody's."""

from __future__ import annotations

from datetime import date

from services.intake.domain.findings import Findings
from shared.events.fields import Period, Wage

MOST_TIMES = 30  # the legal minimum of an hour; more is no wage of anybody whom this is for
LIKELY_TIMES = 5  # what another period has to make of it, to be what was meant
_OTHERS: tuple[Period, ...] = ("day", "month", "year")


def check_plausible(
    amount: int, per: Period, currency: str, hours: int | None, field: str, findings: Findings, day: date
) -> None:
    """Refuse an amount that is too high for its period, and name the period that it is likely of."""
    pack = findings.pack
    floor = pack.wage_floor(day)
    if floor is None or currency != pack.currency or pack.hourly(amount, per, hours) <= MOST_TIMES * floor:
        return
    fits = (other for other in _OTHERS if floor / 2 <= pack.hourly(amount, other, hours) <= LIKELY_TIMES * floor)
    likely = next(fits, None)
    findings.add("wage-too-high", field, **({} if likely is None else {"nearest": likely}))


def check_wage(wage: Wage, hours: int | None, findings: Findings, day: date, *, floor: bool) -> None:
    """A job pays at least the legal minimum of the day it begins; other kinds may pay an allowance below it."""
    findings.currency(wage.currency, "/data/wage/currency")
    if wage.maximum is not None and wage.maximum < wage.minimum:
        findings.add("numbers-in-wrong-order", "/data/wage/maximum")
    for name, amount in (("minimum", wage.minimum), ("maximum", wage.maximum)):
        if amount is not None:
            check_plausible(amount, wage.per, wage.currency, hours, f"/data/wage/{name}", findings, day)
    if not floor or wage.currency != findings.pack.currency:
        return
    minimum = findings.pack.wage_floor(day)
    if minimum is not None and findings.pack.hourly(wage.minimum, wage.per, hours) < minimum - 1e-6:
        findings.add("wage-below-minimum", "/data/wage/minimum", minimum=minimum)
