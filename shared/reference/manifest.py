"""The shape of `pack.json`: what a pack is, which lists it has, and the numbers its rules use."""

from collections.abc import Mapping
from datetime import date
from math import isclose
from typing import Self
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from shared.reference.models import AverageWage, Data, Dated, Share, Texts


class SchemeSpec(Data):
    """One code list: its file, and the fields of the contract that take its codes.

    A list for several fields says in its column `field` which field a code is for, unless it is `shared`: then each
    of the fields takes all of its codes.
    """

    file: str
    fields: tuple[str, ...] = Field(min_length=1)
    shared: bool = False


class WorkingTime(Dated):
    """The conventions that turn a wage for a day, month or year into one for an hour, since `valid_from`.

    hours_per_month: paid hours of a full-time month as they are published, paid rest included. A shorter month is
    `weeks_per_month` weeks of work and of paid rest: `paid_rest_hours` of a full-time week, in proportion; none below
    `paid_rest_from` hours a week.
    """

    source: str
    hours_per_week: float = Field(gt=0)
    hours_per_day: float = Field(gt=0)
    hours_per_month: float = Field(gt=0)
    weeks_per_month: float = Field(gt=4, lt=5)
    paid_rest_hours: float = Field(ge=0)
    paid_rest_from: float = Field(ge=0)


class PhoneSpec(Data):
    """region: two letters of the country whose numbers are written without its code; None: such numbers are not read.
    extension_words: what stands before the number of an extension, besides what phone libraries know."""

    region: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    extension_words: tuple[str, ...] = ()


class OccupationTree(Data):
    """Schemes whose codes are places in one tree, read digit by digit.

    levels: how near two codes are that share so many leading signs. whole: ending that means 'the whole group above'.
    """

    schemes: tuple[str, ...] = Field(min_length=1)
    levels: Mapping[int, Share]
    whole: Mapping[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _nearer_with_depth(self) -> Self:
        nearness = [self.levels[depth] for depth in sorted(self.levels)]
        if nearness != sorted(nearness) or not nearness:
            raise ValueError("levels must not fall with depth")
        return self


class CommuteBand(Data):
    """Minutes one way for pairs this band holds for: inside one area, or to a place, or within a distance."""

    name: str
    minutes: int = Field(gt=0)
    same_area: bool = False
    to: str | None = None
    within_km: float | None = Field(default=None, gt=0)


class CommutingSpec(Data):
    """How long ways are for people who live in ``homes_within``; a pack has one for each part of the country.

    Bands in the order they are tried; the last distance is also where `minutes_per_km_beyond` begins to count.
    """

    homes_within: tuple[str, ...] = Field(min_length=1)
    bands: tuple[CommuteBand, ...] = Field(min_length=1)
    minutes_per_km_beyond: float = Field(ge=0)
    car_factor: float = Field(gt=0, le=1)
    source: str


class NumberSpec(Data):
    """An employer's public number: so many digits, the last of which is made of the others. The products of digits and
    `weights` are added up, with the tens of the last product; the last digit is what lacks to a multiple of ten."""

    digits: int = Field(ge=2, le=20)
    weights: tuple[int, ...]

    @model_validator(mode="after")
    def _one_weight_for_each(self) -> Self:
        if len(self.weights) != self.digits - 1:
            raise ValueError("needs a weight for each digit but the last")
        return self


class AdvertSpec(Data):
    """`open_ended_days`: after so many days without a word of its agency an advert without a last day is over."""

    valid_from: date
    open_ended_days: int = Field(ge=30, le=1_096)
    employer_number: NumberSpec | None = None
    source: str


class Manifest(Data):
    """`pack.json` as a whole. money_units: in which else amounts are written by mistake (thousands)."""

    name: str = Field(pattern=r"^[a-z]{2}-[a-z0-9-]+$")
    version: date
    languages: tuple[str, ...] = Field(min_length=1)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    timezone: str
    money: Texts
    kinds: tuple[str, ...] = Field(min_length=1)
    clocks: tuple[int, ...] = Field(min_length=1)
    weights_version: str = Field(min_length=1)
    weights: Mapping[str, Share]
    average_wage: AverageWage
    money_units: tuple[int, ...] = ()
    working_time: WorkingTime
    phones: PhoneSpec = PhoneSpec()
    adverts: AdvertSpec
    schemes: Mapping[str, SchemeSpec]
    occupation_tree: OccupationTree
    commuting: tuple[CommutingSpec, ...] = Field(min_length=1)

    @field_validator("timezone")
    @classmethod
    def _timezone_exists(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("no such time zone")
        return name

    @field_validator("weights")
    @classmethod
    def _weights_are_one(cls, weights: Mapping[str, float]) -> Mapping[str, float]:
        if not isclose(sum(weights.values()), 1.0, abs_tol=1e-9):
            raise ValueError("weights must add up to 1")
        return weights

    @field_validator("clocks")
    @classmethod
    def _clocks_rise(cls, clocks: tuple[int, ...]) -> tuple[int, ...]:
        if list(clocks) != sorted(set(clocks)) or clocks[0] <= 0:
            raise ValueError("clocks must be positive and rise")
        return clocks
