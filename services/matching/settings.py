"""What the matching service needs to know, from the environment (``IEUM_...``)."""

from __future__ import annotations

from pydantic import Field

from shared.kit.settings import Name, Port, ServiceSettings


class MatchingSettings(ServiceSettings):
    """``lease_seconds``: how soon a standby takes over from a matcher that is gone. ``day_check_seconds``: how often
    the active matcher looks whether a new day has begun in the pack's time zone. ``batch_max_records`` is small: each
    record is compared with everything on the other side inside of its transaction, which MongoDB ends after 5 seconds;
    and the first matches of a burst leave while the rest is worked on."""

    service: Name = "matching"
    port: Port = 8102
    batch_max_records: int = Field(default=25, ge=1, le=10_000)
    lease_seconds: float = Field(default=10.0, ge=1, le=300)
    day_check_seconds: float = Field(default=20.0, gt=0, le=3_600)
