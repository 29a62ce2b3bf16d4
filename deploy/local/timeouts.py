"""How long is waited before something counts as failed, and the one variable that stretches all of it.

TIMEOUT_SCALE=3 waits three times as long, for a machine that is slow or busy: for servers to start and stop, for a
scenario to become quiet, in benchmarks and tests. What is measured, or promised, is not stretched. A server that has
ended is noticed at once whatever the limit. Standard library only.
"""

from __future__ import annotations

import math
import os

from deploy.local.errors import StartError

VARIABLE = "TIMEOUT_SCALE"


def scaled(seconds: float) -> float:
    """That limit on this machine. Raises StartError when the variable is no number above 0."""
    text = os.environ.get(VARIABLE) or "1"
    try:
        scale = float(text)
    except ValueError:
        scale = math.nan
    if not 0 < scale < math.inf:
        raise StartError(f"{VARIABLE}={text} is not a number above 0", f"{VARIABLE}=3 waits three times as long")
    return seconds * scale
