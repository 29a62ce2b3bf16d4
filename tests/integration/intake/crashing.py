"""Intake that kills itself at a point of the store, or between two pages of a job, once a file exists, or at the n-th
passing (CRASH_TIMES). Started as a script by `running.Process`. Its jobs and commands go through two things at a
time."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from services.intake import advert_expiry, consent_expiry
from services.intake.__main__ import main
from services.intake.repository import BEFORE_ALL, Repository
from services.intake.restoration import command, own_topics
from tests.support.crash_points import POINTS, crash_at, crash_when

PAGE = 2
# The queries of the jobs, and where each begins: asked for more, it has done a page.
PAGES = {"ended": BEFORE_ALL, "adverts_ended": BEFORE_ALL, "adverts_of": ""}


def crash_between_pages(query: str, passed: Callable[[], bool]) -> None:
    """This process is gone at once when a job, one page done, asks for the next."""
    asked = getattr(Repository, query)

    @wraps(asked)
    async def killing(repository: Repository, first: str, after: Any, limit: int) -> Any:
        if after != PAGES[query] and passed():
            os.kill(os.getpid(), signal.SIGKILL)
        return await asked(repository, first, after, limit)

    setattr(Repository, query, killing)


if __name__ == "__main__":
    advert_expiry.AT_ONCE = consent_expiry.AT_ONCE = command.AT_ONCE = own_topics.AT_ONCE = PAGE
    point, trigger = os.environ["CRASH_AT"], Path(os.environ["TRIGGER"])
    if times := os.environ.get("CRASH_TIMES"):
        crash_at(point, int(times))
    else:
        (crash_when if point in POINTS else crash_between_pages)(point, trigger.exists)
    sys.exit(main(sys.argv[1:]))
