"""What every benchmark's command does: start a stack, measure, print one JSON object as the last line."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from deploy.local.errors import StartError
from deploy.local.stack import LocalStack


class InvalidTrial(Exception):
    """Something was lost, doubled, stuck, or not said: there is nothing to compare then."""


Measure = Callable[[LocalStack, int, int], Coroutine[Any, Any, dict[str, Any]]]


def command(measure: Measure, events: int) -> int:
    """``measure(stack, rounds, events)`` on a stack of its own. KAFKA=embedded|apache, ROUNDS= and EVENTS= choose.

    0 when it was measured, 1 when a trial was void, 2 when nothing could start.
    """
    rounds, count = int(os.environ.get("ROUNDS") or 5), int(os.environ.get("EVENTS") or events)
    with tempfile.TemporaryDirectory() as folder:
        stack = LocalStack(Path(folder) / "stack", kind=os.environ.get("KAFKA") or "embedded")
        try:
            stack.start()
        except StartError as reason:
            print(reason, file=sys.stderr)
            return 2
        try:
            found = uvloop.run(measure(stack, rounds, count))
        except InvalidTrial as reason:
            print(f"void: {reason}", file=sys.stderr)
            return 1
        finally:
            stack.kill()
    print(json.dumps({**found, "kafka": stack.broker.kind}))
    return 0
