"""A service on a machine whose clock is wrong: ``python -m verification.chaos.clock_skew services.matching``.

It is the service as it is; only the one function that reads the wall clock is another. By how many seconds it is wrong
stands in the file $CLOCK_SKEW_FILE and may change while the service runs, as when somebody sets the clock. Monotonic
time passes as always.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared.kit.base import clock

POLL_SECONDS = 0.05


class SkewedClock:
    """The wall clock, and by how much it is wrong."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._wrong = timedelta(0)
        self.poll()

    def __call__(self) -> datetime:
        """What the machine believes."""
        return datetime.now(UTC) + self._wrong

    def poll(self) -> None:
        """Read the file again."""
        with contextlib.suppress(FileNotFoundError, ValueError):  # none yet, or half written
            self._wrong = timedelta(seconds=float(self._file.read_text()))

    def poll_forever(self) -> None:
        """In a thread of its own."""
        while True:
            time.sleep(POLL_SECONDS)
            self.poll()


def main(arguments: list[str]) -> None:
    """Run the service whose module is named."""
    (module,) = arguments
    wrong = SkewedClock(Path(os.environ["CLOCK_SKEW_FILE"]))
    clock.machine_time = wrong
    threading.Thread(target=wrong.poll_forever, name="wrong time", daemon=True).start()
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
