"""A resync is due by the database's own clock: a calendar that was moved puts it off by nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.notifications.documents import RESYNCS
from services.notifications.fan_out.resync import request_resync
from shared.kit.store.unit_of_work import UnitOfWork

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)


@pytest.mark.parametrize("moved", [timedelta(days=30), timedelta(0), timedelta(days=-30)])
def test_a_resync_that_is_asked_for_is_due_at_once(moved: timedelta) -> None:
    work = UnitOfWork(NOW + moved, trusted=NOW)
    work.loaded(RESYNCS, "_id", ["gjf"], [])
    request_resync(work, "gjf")
    held = work.get(RESYNCS, "gjf")
    assert held is not None
    assert held["not_before"] == NOW
