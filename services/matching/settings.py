"""What the matching service needs to know, from the environment (``IEUM_...``)."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from shared.kit.runtime.settings import Name, Port, ServiceSettings


class MatchingSettings(ServiceSettings):
    """``lease_seconds``: how soon a standby takes over from a matcher that is gone. ``day_check_seconds``: how often
    the active matcher looks whether a new day has begun in the pack's time zone. ``netting_seconds``: changes of a
    person's matches, but for the first and for what takes away, are told once in so long; 0: at once. ``congestion``:
    whether openings that stand in many lists give way to others, by a table made once a day.
    ``shadow_pack``: the folder of another version of the pack, for `shadow-run`. ``outcomes``: a file of recorded
    outcomes, for `outcomes` and `outcome-rows`. ``proposed_model``: production matches by a model that no committee has
    approved, too."""

    service: Name = "matching"
    port: Port = 8102
    batch_max_records: int = Field(default=200, ge=1, le=10_000)
    lease_seconds: float = Field(default=10.0, ge=1, le=300)
    day_check_seconds: float = Field(default=20.0, gt=0, le=3_600)
    netting_seconds: float = Field(default=10.0, ge=0, le=86_400)
    congestion: bool = True
    shadow_pack: Path | None = None
    outcomes: Path | None = None
    proposed_model: bool = False
