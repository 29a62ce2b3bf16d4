"""What somebody wrote in the place of an id never reaches the database: it would stand in the log of slow queries."""

from __future__ import annotations

import base64
from typing import Any, cast

import pytest

from services.intake.journeys import Journeys
from shared.kit.keys import Caller

pytestmark = pytest.mark.unit
NOBODY = cast(Caller, None)


class Unasked:
    """A repository that must not be asked."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")


JOURNEYS = Journeys(cast(Any, Unasked()), cast(Any, None))


class TestOfReceipt:
    @pytest.mark.parametrize("receipt", ["+82-10-0674-9407", "홍길동", "x" * 32, ""])
    async def test_what_is_no_receipt_is_not_looked_for(self, receipt: str) -> None:
        assert await JOURNEYS.of_receipt(receipt, NOBODY) is None


class TestRejections:
    @pytest.mark.parametrize("id", ["+82-10-0674-9407", "gildong@example.invalid"])
    async def test_a_cursor_that_names_somebody_is_none_of_ours(self, id: str) -> None:
        cursor = base64.urlsafe_b64encode(f"2026-11-22T00:00:00+00:00 {id}".encode()).decode()
        with pytest.raises(ValueError, match="not a cursor"):
            await JOURNEYS.rejections(NOBODY, 10, cursor)
