"""The small types that fields of the contract are made of. Patterns use only what JSON Schema and Rust regex share."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from shared.events.data_classification import FEATURE, PUBLIC, Model

# A value of a code list, "scheme:code"; the scheme carries its version ("keco-2018:5301"). Which schemes a field
# takes is data of the pack, checked at the door, not here.
Code = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*:[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$", max_length=80)
]
# A short name of ours: agencies, kinds, purposes, event types.
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
# A random or keyed-hash 128-bit id, 32 hex digits: carries no time and no order.
Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
# A month, "2026-11": dates that leave to partners are never finer.
Month = Annotated[str, StringConstraints(pattern=r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$")]
# An agency's own name for a thing; never leaves intake.
Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$")]
# The title of a course or certificate as the agency writes it, or a code; resolved by the pack or refused.
Title = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
LanguageTag = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
# One sentence in each language of the pack.
Text = Annotated[
    dict[LanguageTag, Annotated[str, StringConstraints(min_length=1, max_length=400)]], Field(min_length=1)
]
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def _day(given: object) -> object:
    """The day that a text says; pydantic alone takes a number in quotes for the seconds since 1970."""
    if not isinstance(given, str):
        return given
    try:
        if _DAY.fullmatch(given) is not None:
            return date.fromisoformat(given)
    except ValueError:
        pass
    raise PydanticCustomError("date_parsing", "no date")


Day = Annotated[
    date,
    Field(
        ge=date(1900, 1, 1),
        le=date(2199, 12, 31),
        # JSON Schema knows no bounds of dates
        json_schema_extra={"pattern": "^(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}$"},
    ),
    BeforeValidator(_day),
]


def _birth_date(given: object) -> str:
    """ISO, without the parts that are not known: "1991-00-00" and the number 1991 are "1991"."""
    text = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
    if isinstance(text, str) and (known := _BIRTH_DATE.fullmatch(text)) is not None:
        year, month, day = known[1], known[2] or "00", known[3] or "00"
        if month == day == "00":
            return year
        try:
            date(int(year), int(month), int(day) or 1)
        except ValueError:
            pass
        else:
            return f"{year}-{month}" if day == "00" else f"{year}-{month}-{day}"
    raise PydanticCustomError("date_parsing", "no date and no year")


_BIRTH_DATE = re.compile(r"((?:19|20|21)[0-9]{2})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", re.ASCII)
# The year alone is enough, for only the year travels; the month and the day where they are known.
BirthDate = Annotated[
    str,
    PlainValidator(_birth_date),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date", "pattern": "^(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}$"},
                {"type": "string", "pattern": "^(19|20|21)[0-9]{2}(-(00(-00)?|(0[1-9]|1[0-2])(-00)?))?$"},
                {"type": "integer", "minimum": 1900, "maximum": 2199},
            ]
        }
    ),
]
Sex = Literal["female", "male"]
Period = Literal["hour", "day", "month", "year"]
Amount = Annotated[int, Field(ge=0, le=1_000_000_000)]


class WageFloor(Model):
    """The least a person works for: ``amount`` per ``per`` in ``currency`` (whole units, before tax)."""

    per: Annotated[Period, FEATURE]
    amount: Annotated[Amount, FEATURE]
    currency: Annotated[Currency, FEATURE]


class Wage(Model):
    """What an opportunity pays: from ``minimum`` to ``maximum`` per ``per`` (whole units, before tax)."""

    per: Annotated[Period, PUBLIC]
    minimum: Annotated[Amount, PUBLIC]
    maximum: Annotated[Amount | None, PUBLIC] = None
    currency: Annotated[Currency, PUBLIC]
