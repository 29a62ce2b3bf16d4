"""What measures deliveries, in small: that each last line says what it must. No figure is compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from deploy.local.timeouts import scaled

pytestmark = pytest.mark.e2e
SMALL = {
    "rounds": 1, "events": 1_000, "endpoints": 20, "seconds": 1.0, "hanging": 1, "hang-seconds": 1.0, "flood": 200,
    "warm-seconds": 0.5,
}  # fmt: skip
NAMED = frozenset({
    "vs_bare", "cpu_s_per_1000", "bare_cpu_s_per_1000", "p50_ms", "p99_ms", "hanging_p99_ratio", "flood_p99_ratio",
    "hanging_throughput_ratio", "fan_out_per_s", "cpu_s_per_1000_at_50", "sent_twice", "lost",
    "two_replicas_vs_bare", "two_replicas_cpu_s_per_1000",
})  # fmt: skip

SMALL_STORE = {"rounds": 1, "events": 300, "endpoints": 5, "subscriptions": 50, "old": 3_000}
SMALL_ORDER = {"events": 400, "endpoints": 10, "kills": 4, "per-second": 20.0}


def last_line_of(module: str, size: Mapping[str, float]) -> dict[str, Any]:
    arguments = [word for name, value in size.items() for word in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=dict(os.environ), capture_output=True, text=True, timeout=scaled(400), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


class TestTheLastLine:
    def test_of_little_and_much_says_what_a_delivery_costs_in_both(self) -> None:
        found = last_line_of("verification.benchmarks.delivery.store_size", SMALL_STORE)
        assert (found["sent_twice"], found["lost"], found["old"]) == (0, 0, 3_000)
        for name in ("cpu_ratio", "cpu_little", "cpu_much", "statements_little", "statements_much", "documents_much"):
            assert found[name] > 0, name

    def test_of_many_endpoints_says_what_they_cost_in_memory(self) -> None:
        found = last_line_of("verification.benchmarks.delivery.many_endpoints", {"endpoints": 50, "hang-seconds": 3})
        assert (found["sent_twice"], found["lost"], found["hung"]) == (0, 0, 50)
        assert 0 < found["rss_before_mb"] <= found["most_answering_mb"] <= found["most_hanging_mb"]

    def test_of_order_through_kills_has_nothing_lost_twice_without_reason_or_out_of_order(self) -> None:
        found = last_line_of("verification.delivery_order", SMALL_ORDER)
        assert (found["lost"], found["inversions"], found["unexplained"], found["other_ids"]) == (0, 0, 0, 0)
        assert found["arrived"] == 400
        assert found["kills"] >= 1
        assert found["failpoints"] >= 1

    def test_is_one_json_object_with_every_figure_and_nothing_was_lost_or_sent_twice(self) -> None:
        found = last_line_of("verification.benchmarks.delivery", SMALL)
        assert found.keys() >= NAMED
        assert (found["sent_twice"], found["lost"]) == (0, 0)
        for name in NAMED - {"sent_twice", "lost"}:
            assert found[name] > 0, name
