"""Intake that kills itself at a point of the store, once a file exists. Started as a script by `running.Process`."""

from __future__ import annotations

import os
from pathlib import Path

from services.intake.__main__ import main
from tests.support.crash_points import crash_when

if __name__ == "__main__":
    crash_when(os.environ["CRASH_AT"], Path(os.environ["TRIGGER"]).exists)
    main([])
