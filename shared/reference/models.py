"""The shapes of pack data. Everything is frozen, and a field that a shape does not know is an error."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Per = Literal["hour", "day", "month", "year"]
Texts = Mapping[str, str]
"""A text by language. The loader checks that every language of the pack is there."""

Share = Annotated[float, Field(ge=0, le=1)]


class Data(BaseModel):
    """Base of all shapes: immutable, nothing unknown allowed, errors do not repeat the input."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Dated(Data):
    """True from the first to the last day, both included; without a last day: until something newer is known."""

    valid_from: date
    valid_to: date | None = None

    @model_validator(mode="after")
    def _days_in_order(self) -> Self:
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError("valid_to lies before valid_from")
        return self

    def covers(self, on: date) -> bool:
        """True when the day lies within, borders included."""
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)


class MinimumWage(Dated):
    """The legal wage floor of a time: per hour, and the paid hours of a full-time month. Amounts in whole units."""

    per_hour: int = Field(gt=0)
    hours_per_month: int = Field(gt=0)
    currency: str
    source: str


class AverageWage(Data):
    """What people of this group earn on average, from a survey: the yardstick for growth, not a floor."""

    amount: int = Field(gt=0)
    per: Per
    as_of: date
    source: str


class Purpose(Data):
    """What a consent may be for, for how long at most, and whether it must name one recipient."""

    name: str
    recipient_required: bool
    longest_days: int = Field(gt=0)
    text: Texts


class Payment(Data):
    """One step of a benefit: after so many months (0 = at once), this amount.

    where: the regions in which the work place must lie; empty: everywhere that no other step of that month names.
    """

    after_months: int = Field(ge=0)
    amount: int = Field(gt=0)
    where: tuple[str, ...] = ()


class Benefit(Dated):
    """Money tied to work. `to` says who gets it; `certainty` how well the figures were checked."""

    name: str
    title: Texts
    to: Literal["person", "household", "employer"]
    payments: tuple[Payment, ...] = Field(min_length=1)
    same_employer: bool = False
    within_months: int | None = Field(default=None, gt=0)
    protected_before: date | None = None
    certainty: Literal["read", "weak", "unchecked"]
    source: str


class ProgrammeAmount(Data):
    """What a programme pays: `times` payments of `amount`, to the person or to the employer."""

    amount: int = Field(gt=0)
    per: Literal["month", "once"]
    times: int = Field(gt=0)
    to: Literal["person", "employer"]


class Programme(Dated):
    """A published programme with its real rules; None means: the published text sets no such rule.

    `income_waived`: the income rule does not hold for the people this hub serves, because they are named in it.
    """

    name: str
    title: Texts
    kind: str
    owner: str
    seats: int | None = Field(default=None, gt=0)
    months: int | None = Field(default=None, gt=0)
    age_min: int | None = Field(default=None, ge=0)
    age_max: int | None = Field(default=None, ge=0)
    sex: Literal["female", "male"] | None = None
    income_max_percent_of_median: int | None = Field(default=None, gt=0)
    income_waived: bool = False
    residence: str | None = None
    residence_months_min: int | None = Field(default=None, gt=0)
    jobless: bool = False
    hours_per_week_min: int | None = Field(default=None, gt=0)
    hours_per_week_max: int | None = Field(default=None, gt=0)
    pays: ProgrammeAmount | None = None
    source: str

    @model_validator(mode="after")
    def _ages_in_order(self) -> Self:
        if self.age_min is not None and self.age_max is not None and self.age_max < self.age_min:
            raise ValueError("age_max lies below age_min")
        return self


class AgeBounds(Dated):
    """How old people are, in whole years, who take part in a kind of opportunity. Outside, a birth date is a slip or
    the law forbids it."""

    kind: str
    least: int = Field(ge=0)
    most: int = Field(ge=0)
    source: str


class NeverCollected(Data):
    """Names of fields that are refused at the door, with one reason for all of them.

    numbers: forms of numbers that are refused wherever they stand, as regular expressions over text with plain digits
    in which every separator is one "-". numbers_in_parts: those of them, as digits without separators, that are refused
    also where a date and a serial number would be written so: without the years in which papers are dated.
    """

    reason: Texts
    fields: tuple[str, ...] = Field(min_length=1)
    numbers: tuple[str, ...] = ()
    numbers_in_parts: tuple[str, ...] = ()

    @field_validator("numbers", "numbers_in_parts")
    @classmethod
    def _numbers_are_expressions(cls, numbers: tuple[str, ...]) -> tuple[str, ...]:
        for number in numbers:
            try:
                re.compile(number)
            except re.error:
                raise ValueError("not a regular expression") from None
        return numbers
