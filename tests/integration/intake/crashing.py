"""Intake that kills itself at a point of the store, once a file exists. Started as a script by `running.Process`."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

from services.intake.__main__ import main
from shared.kit.runtime import service_runtime
from shared.kit.store.store import Store


def crash(point: str) -> None:
    """Gone at once, as with a power cut."""
    if point == os.environ["CRASH_AT"] and Path(os.environ["TRIGGER"]).exists():
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    service_runtime.Store = partial(Store, crash=crash)  # type: ignore[assignment, misc]  # the point of this file
    main([])
