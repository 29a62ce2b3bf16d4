"""What a service with failpoints is told to do: the other end of `failpoint_service`."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from verification.chaos.failpoints import Failpoint


class FailpointControl:
    """``path``: the file by which a process, or the next one of its name, is told to stop itself at a failpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._done = path.with_suffix(".done")

    def arm(self, failpoint: Failpoint | None, passes: int = 1, number: str = "SIGKILL") -> None:
        """What to do at a failpoint; None takes that back."""
        self._done.unlink(missing_ok=True)
        order = {"failpoint": failpoint.name, "passes": passes, "signal": number} if failpoint else {}
        half = self.path.with_suffix(".half")
        half.write_text(json.dumps(order))
        half.replace(self.path)

    def done_at(self) -> float | None:
        """When it stopped itself (seconds since 1970); None when it did not."""
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            return float(json.loads(self._done.read_text())["at"])
        return None
