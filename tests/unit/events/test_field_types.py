"""What a field takes for a value of its kind, and what looks like one to a lenient reader."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.events.field_types import Day

pytestmark = pytest.mark.unit
DAY: TypeAdapter[date] = TypeAdapter(Day)


@pytest.mark.parametrize("strict", [True, False])
def test_a_day_is_written_as_one(strict: bool) -> None:
    assert DAY.validate_json('"2026-12-31"', strict=strict) == date(2026, 12, 31)
    assert DAY.validate_python(date(2026, 12, 31), strict=strict) == date(2026, 12, 31)


@pytest.mark.parametrize(
    "said", ["1798675200", "0", "-86400", "20261231", "2026-12-31T00:00:00", "2026-02-30", "\uff12026-12-31", ""]
)
def test_no_number_of_seconds_or_of_anything_else_is_a_day(said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DAY.validate_python(said)
    assert [one["type"] for one in caught.value.errors()] == ["date_parsing"]
