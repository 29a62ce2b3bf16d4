"""When to try again. The schedule is that of Standard Webhooks 1.0; a wait may be longer than said, never shorter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

# Waits before attempt 1, 2, ... in seconds: 0, 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
STANDARD_SCHEDULE: tuple[float, ...] = (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)

OUTAGE = 5  # bad answers in a row after which an endpoint is taken to be down


def recall_schedule(schedule: Sequence[float]) -> tuple[float, ...]:
    """Of recalls: the wait before the second attempt comes again until so many attempts were made as show an outage.

    An endpoint that is down is asked every few seconds while a recall waits. Where a recall is all that there is to
    tell, its own bad answers are what it is found down by: by the schedule of notices the fifth comes after hours.
    """
    return (*schedule[:1], *tuple(schedule[1:2]) * (OUTAGE - 1), *schedule[2:])


def next_attempt(
    schedule: Sequence[float], attempts: int, now: datetime, planned: datetime, jitter: float, *, repeat: bool = False
) -> datetime | None:
    """When the attempt after ``attempts`` made ones is due; None when the schedule is used up, unless its last wait is
    to be repeated (``repeat``).

    ``jitter`` >= 0 is the share that is added to the wait. Never before ``planned``, when the last one was due, plus
    the wait: a clock that was set back does not bring attempts forward.
    """
    if attempts >= len(schedule) and not repeat:
        return None
    wait = schedule[min(attempts, len(schedule) - 1)]
    return max(now, planned) + timedelta(seconds=wait * (1 + max(0.0, jitter)))
