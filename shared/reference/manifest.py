"""The shape of `pack.json`: what a pack is, and which lists it has."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Self
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from shared.reference.models import Data, Share, Texts


class SchemeSpec(Data):
    """One code list: its file, and the fields of the contract that take its codes.

    A list for several fields says in its column `field` which field a code is for, unless it is `shared`: then each
    of the fields takes all of its codes.
    """

    file: str
    fields: tuple[str, ...] = Field(min_length=1)
    shared: bool = False


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


class NumberSpec(Data):
    """An employer's public number: so many digits, the last of which is made of the others. The products of digits and
    `weights` are added up, with the tens of the last product; the last digit is what lacks to a multiple of ten.
    `written`: how it is written, so that no telephone number of as many digits is taken for one."""

    digits: int = Field(ge=2, le=20)
    weights: tuple[int, ...]
    written: str

    @model_validator(mode="after")
    def _one_weight_for_each(self) -> Self:
        if len(self.weights) != self.digits - 1:
            raise ValueError("needs a weight for each digit but the last")
        return self

    @model_validator(mode="after")
    def _zeros_are_an_example(self) -> Self:
        try:
            fits = re.fullmatch(self.written, "0" * self.digits)
        except re.error:
            raise ValueError("not a regular expression") from None
        if fits is None:
            raise ValueError("as many zeros are not written so")
        return self


class AdvertSpec(Data):
    """`open_ended_days`: after so many days without a word of its agency an advert without a last day is over.
    `employer_number`: of every pack, for whom a person rules out is said by it on the bus, and without a form a name
    could be."""

    valid_from: date
    open_ended_days: int = Field(ge=30, le=1_096)
    employer_number: NumberSpec
    source: str


class Manifest(Data):
    """`pack.json` as a whole."""

    name: str = Field(pattern=r"^[a-z]{2}-[a-z0-9-]+$")
    version: date
    languages: tuple[str, ...] = Field(min_length=1)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    timezone: str
    money: Texts
    kinds: tuple[str, ...] = Field(min_length=1)
    clocks: tuple[int, ...] = Field(min_length=1)
    phones: PhoneSpec = PhoneSpec()
    adverts: AdvertSpec
    schemes: Mapping[str, SchemeSpec]
    occupation_tree: OccupationTree

    @field_validator("timezone")
    @classmethod
    def _timezone_exists(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("no such time zone")
        return name

    @field_validator("clocks")
    @classmethod
    def _clocks_rise(cls, clocks: tuple[int, ...]) -> tuple[int, ...]:
        if list(clocks) != sorted(set(clocks)) or clocks[0] <= 0:
            raise ValueError("clocks must be positive and rise")
        return clocks
