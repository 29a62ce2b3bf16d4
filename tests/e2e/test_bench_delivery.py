"""`make bench-delivery` in small: that its last line says what it must. Nothing is timed: no figure is compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from deploy.local.timeouts import scaled

pytestmark = pytest.mark.e2e
SMALL = {"rounds": 1, "events": 1_000, "endpoints": 20, "seconds": 1.0, "hang-seconds": 1.0, "flood": 200}
NAMED = frozenset({
    "vs_bare", "cpu_s_per_1000", "bare_cpu_s_per_1000", "p50_ms", "p99_ms", "hanging_p99_ratio", "flood_p99_ratio",
    "fan_out_per_s", "cpu_s_per_1000_at_50", "sent_twice", "lost",
})  # fmt: skip


class TestTheLastLine:
    def test_is_one_json_object_with_every_figure_and_nothing_was_lost_or_sent_twice(self) -> None:
        arguments = [word for name, value in SMALL.items() for word in (f"--{name}", str(value))]
        done = subprocess.run(
            [sys.executable, "-m", "verification.benchmarks.delivery", *arguments],
            env=dict(os.environ), capture_output=True, text=True, timeout=scaled(400), check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2_000:]
        found = json.loads(done.stdout.splitlines()[-1])
        assert found.keys() >= NAMED
        assert (found["sent_twice"], found["lost"]) == (0, 0)
        for name in NAMED - {"sent_twice", "lost"}:
            assert found[name] > 0, name
