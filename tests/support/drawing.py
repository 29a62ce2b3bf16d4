"""How examples are drawn: from fixed seeds, the same wherever CI runs them, and none is made smaller."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

DRAWN = settings(
    max_examples=200,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
