"""A walk is due by the database's own clock: a calendar that was moved puts it off by nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.notifications.documents import SWEEPS
from services.notifications.fan_out.sweeps import start_sweep
from shared.kit.store.unit_of_work import UnitOfWork

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)


@pytest.mark.parametrize("moved", [timedelta(days=30), timedelta(0), timedelta(days=-30)])
def test_a_walk_that_is_asked_for_is_due_at_once(moved: timedelta) -> None:
    work = UnitOfWork(NOW + moved, trusted=NOW)
    work.loaded(SWEEPS, "_id", ["gjf"], [])
    start_sweep(work, "gjf")
    held = work.get(SWEEPS, "gjf")
    assert held is not None
    assert held["not_before"] == NOW
