"""How soon what was forbidden has its effect."""

from __future__ import annotations

import time
from datetime import datetime

from shared.kit.base.metrics import LONG_SECONDS, histogram
from shared.kit.store.unit_of_work import UnitOfWork

prohibition_seconds = histogram(
    "prohibition_seconds",
    "From intake's acceptance of what forbids: to its effect here (floor, agency), to what follows from it (followed)",
    ["kind"],
    buckets=LONG_SECONDS,
)


def took_effect(work: UnitOfWork, recordedtime: datetime | None, kind: str) -> None:
    """Measure, once this is committed, how long after intake accepted it a prohibition has its effect here. Of an
    agency every change is measured: its states do not say whether they forbid."""
    if recordedtime is None:
        return
    age, began = (work.now - recordedtime).total_seconds(), time.monotonic()
    seconds = prohibition_seconds.of(kind=kind)
    work.after_commit(lambda: seconds.observe(max(0.0, age + time.monotonic() - began)))
