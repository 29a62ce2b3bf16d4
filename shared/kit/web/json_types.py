"""Types of what stands in bodies, read as JSON says them and as events are: pydantic alone takes "10" and true for a
number, and a number for a date."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

_BEGINS_AS_A_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def _whole(wanted: object) -> object:
    """JSON knows one kind of number, as events know: 600.0 is the integer 600."""
    return int(wanted) if isinstance(wanted, float) and wanted.is_integer() else wanted


def _day(wanted: object) -> object:
    if isinstance(wanted, str) and _BEGINS_AS_A_DAY.match(wanted):
        return wanted
    raise PydanticCustomError("date_type", "no date")


def _moment(wanted: object) -> object:
    if isinstance(wanted, str) and _BEGINS_AS_A_DAY.match(wanted):
        return wanted
    raise PydanticCustomError("datetime_type", "no time")


# behind the bounds, for the JSON Schema to have them: Annotated[int, Field(ge=1, strict=True), WHOLE]
WHOLE = BeforeValidator(_whole)
Number = Annotated[float, Field(strict=True)]
DayInBody = Annotated[date, BeforeValidator(_day)]
MomentInBody = Annotated[AwareDatetime, BeforeValidator(_moment)]
