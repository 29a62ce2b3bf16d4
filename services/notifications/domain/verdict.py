"""What one attempt came to, in the words of every channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Outcome = Literal["delivered", "again", "failed"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reason``: a slug of ours, never a partner's words. ``hold``: send nothing to this endpoint for so long.
    ``disable``: send nothing to it ever again. ``endpoint_healthy``: it answered in a sensible way, whatever it said of
    this message. ``possibly_sent``: False when nothing can have reached the partner.
    """

    outcome: Outcome
    reason: str | None = None
    hold: timedelta | None = None
    disable: bool = False
    endpoint_healthy: bool = False
    possibly_sent: bool = True
