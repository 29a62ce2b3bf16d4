"""`make chaos` in small: a few hundred events, one fault of each kind, counted from outside as in the long run."""

from __future__ import annotations

from pathlib import Path

import pytest

from verification.chaos.failpoints import named
from verification.chaos.plan import Fault
from verification.chaos.run import Chaos, Options

pytestmark = pytest.mark.chaos
EVENTS = 500
PLAN = (
    Fault(0, 60, "at-failpoint", "intake", failpoint=named("taken, not answered"), passes=2),
    Fault(1, 100, "open-transaction", "matching", passes=2),
    Fault(2, 140, "kill", "notifications"),
    Fault(3, 260, "database", "database"),
    Fault(4, 360, "broker", "broker"),
)


class TestAFewHundredEvents:
    async def test_are_neither_lost_nor_doubled_by_faults_of_every_kind(self, tmp_path: Path) -> None:
        options = Options(seed=7, events=EVENTS, session_timeout_ms=2_500, keep=tmp_path, plan=PLAN)
        report = await Chaos(options, print).perform()
        assert report.violations == []
        assert (report.line["lost"], report.line["doubled"]) == (0, 0)
        assert report.line["kills"] == sum(fault.kills for fault in PLAN)
        assert report.line["events"] > EVENTS, "the agencies are registered too"
        assert report.line["notices"] >= 10, "there was something to lose"
        assert report.line["restarts"] >= 4
