"""What a partner's answer to a webhook means. Only the status and two headers speak; the body is never looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from services.notifications.domain.retry import retry_after

Outcome = Literal["delivered", "again", "failed"]

# Reasons are slugs of ours, never a partner's words.
GONE = "gone"
ABORTED = "aborted"
DISABLED = "disabled-by-recipient"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt: a status with headers (lower-case names), or the reason why there is none."""

    status: int | None = None
    headers: Mapping[str, str] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """``hold``: send nothing to this endpoint for so long. ``disable``: send nothing to it ever again."""

    outcome: Outcome
    reason: str | None = None
    hold: timedelta | None = None
    disable: bool = False

    @property
    def endpoint_well(self) -> bool:
        """True when the endpoint itself answered in a sensible way (used to widen or narrow its share)."""
        return self.outcome == "delivered" or self.reason in {"refused-400", "refused-404", "refused-413", ABORTED}


def judge(answer: Answer, now: datetime, longest_hold: timedelta) -> Verdict:
    """Standard Webhooks 1.0: 2xx is delivered, 410 disables, 429 and 503 may say when, everything else is retried.

    Redirects are not followed. A recipient may steer with the header ``webhook-delivery``: ``disable`` ends the
    subscription (with a 2xx this message still counts as delivered), ``abort-message`` ends this message only.
    """
    if answer.status is None:
        return Verdict("again", answer.error or "no-answer")
    headers = answer.headers or {}
    wish = headers.get("webhook-delivery", "").strip().lower()
    taken = 200 <= answer.status < 300
    if answer.status == 410:
        return Verdict("failed", GONE, disable=True)
    if wish == "disable":
        return Verdict("delivered" if taken else "failed", None if taken else DISABLED, disable=True)
    if wish == "abort-message":
        return Verdict("failed", ABORTED)
    if taken:
        return Verdict("delivered")
    if answer.status in (429, 503):
        return Verdict("again", f"refused-{answer.status}", retry_after(headers.get("retry-after"), now, longest_hold))
    if 300 <= answer.status < 400:
        return Verdict("again", "redirect")
    return Verdict("again", f"refused-{answer.status}" if 400 <= answer.status < 600 else "not-http")
