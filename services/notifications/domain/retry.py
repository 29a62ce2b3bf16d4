"""When to try again. The schedule is that of Standard Webhooks 1.0; a wait may be longer than said, never shorter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Waits before attempt 1, 2, ... in seconds: 0, 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
STANDARD_SCHEDULE: tuple[float, ...] = (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)


def next_attempt(
    schedule: Sequence[float], attempts: int, now: datetime, planned: datetime, jitter: float
) -> datetime | None:
    """When the attempt after ``attempts`` made ones is due; None when the schedule is used up.

    ``jitter`` >= 0 is the share that is added to the wait. Never before ``planned``, when the last one was due, plus
    the wait: a clock that was set back does not bring attempts forward.
    """
    if attempts >= len(schedule):
        return None
    return max(now, planned) + timedelta(seconds=schedule[attempts] * (1 + max(0.0, jitter)))


def retry_after(value: str | None, now: datetime, longest: timedelta) -> timedelta | None:
    """What ``Retry-After`` asks for (RFC 9110 10.2.3): seconds or an HTTP date, at most ``longest``.

    None when there is none or it makes no sense; a date that has passed asks for nothing (zero).
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        seconds = int(text) if len(text) <= 12 else 10**12
        return min(timedelta(seconds=min(seconds, 10**9)), longest)
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:  # "-0000": RFC 5322 for a UTC time without a zone
            moment = moment.replace(tzinfo=UTC)
        return min(max(moment - now, timedelta(0)), longest)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
