"""`make siege` in small: some quick attacks of every kind. Nothing is timed: what is counted are answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from verification.siege.run import Options, Siege

pytestmark = pytest.mark.e2e
ATTACKS = ("names-twice", "bad-percents", "aborted-bodies", "wrong-keys")


class TestQuickAttacks:
    async def test_no_attack_and_nobody_healthy_is_answered_with_a_fault_and_every_service_lives(
        self, tmp_path: Path
    ) -> None:
        said: list[str] = []
        options = Options(seed=7, only=ATTACKS, seconds=1.0, rounds=1, people=12, keep=tmp_path)
        report = await Siege(options, said.append).perform()
        assert tuple(seen.name for seen in report.seen) == ATTACKS
        assert report.violations == [], "a service ended"
        for seen in report.seen:
            assert seen.requests > 0, seen.name
            assert not [status for status in seen.statuses if status in ("500", "502", "504")], seen.statuses
            assert not [error for error in seen.errors if error.rpartition(": ")[2].startswith("5")], seen.errors
            assert set(seen.live_answers) == {"intake", "matching", "notifications"}, "each was alive all the while"
