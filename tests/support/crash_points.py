"""Points of the store and the relay at which a test's process kills itself, put there from outside."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

from shared.kit.store.outbox import Outbox
from shared.kit.store.outbox_relay import OutboxRelay
from shared.kit.store.store import Store
from shared.kit.store.transaction_attempt import TransactionAttempt

POINTS: dict[str, tuple[type[Any], str]] = {
    "in transaction": (TransactionAttempt, "write"),
    "before commit": (Store, "_commit"),
    "after commit": (Outbox, "hand_over"),
    "acknowledged, not marked": (OutboxRelay, "_mark_published"),
}


def crash_when(point: str, passed: Callable[[], bool]) -> None:
    """This process is gone at once, as with a power cut, when it comes to the point and ``passed`` says so."""
    owner, name = POINTS[point]
    method = getattr(owner, name)

    @wraps(method)
    def killing(*given: Any, **named: Any) -> Any:
        if passed():
            os.kill(os.getpid(), signal.SIGKILL)
        return method(*given, **named)

    setattr(owner, name, killing)


def crash_at(point: str, times: int) -> None:
    """kill -9 at the n-th passing of a point; "" is none."""
    count = Counter[str]()

    def passed() -> bool:
        count[point] += 1
        return count[point] == times

    if point:
        crash_when(point, passed)
