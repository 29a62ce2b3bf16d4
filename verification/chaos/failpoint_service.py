"""A service that can be told to stop itself at a failpoint.

``python -m verification.chaos.failpoint_service services.matching``: the service as it is, with the functions of
`failpoints` wrapped. Orders come in the file $CHAOS_ORDERS, as JSON: the failpoint, at which pass of it, and the signal
(SIGKILL or SIGSTOP) that the process then sends to itself. An order is taken when its file is gone; an empty one takes
back what was armed. What was done is told in the file beside it, ``.done``.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from verification.chaos.failpoints import ALL, Failpoint

POLL_SECONDS = 0.02


class Trigger:
    """Counts passes of the one failpoint that is armed."""

    def __init__(self, orders: Path, send_signal: Callable[[signal.Signals], None]) -> None:
        self._orders = orders
        self._send_signal = send_signal
        self._failpoint: str | None = None
        self._left = 0
        self._signal = signal.SIGKILL

    def passed(self, failpoint: str) -> None:
        """The process is at this failpoint."""
        if failpoint != self._failpoint:
            return
        self._left -= 1
        if self._left > 0:
            return
        self._failpoint = None
        done = self._orders.with_suffix(".done")
        done.write_text(json.dumps({"failpoint": failpoint, "at": time.time()}))
        self._send_signal(self._signal)

    def poll(self) -> None:
        """Take a new order if there is one."""
        try:
            order: dict[str, Any] = json.loads(self._orders.read_text() or "{}")
        except (FileNotFoundError, json.JSONDecodeError):  # none, or half written
            return
        self._left = order.get("passes", 0)
        self._signal = signal.Signals[order.get("signal", "SIGKILL")]
        self._failpoint = order.get("failpoint")
        self._orders.unlink()

    def poll_forever(self) -> None:
        """In a thread of its own: the service's loop is not to be disturbed."""
        while True:
            self.poll()
            time.sleep(POLL_SECONDS)


def wrap(failpoint: Failpoint, trigger: Trigger) -> None:
    """Put the trigger before or after the failpoint's function. Raises AttributeError when it is not there any more."""
    module, _, path = failpoint.where.partition(":")
    *owners, name = path.split(".")
    owner: Any = functools.reduce(getattr, owners, importlib.import_module(module))
    setattr(owner, name, wrapped(getattr(owner, name), failpoint, trigger))


def wrapped(function: Callable[..., Any], failpoint: Failpoint, trigger: Trigger) -> Callable[..., Any]:
    """The function with the trigger at its beginning or end; a coroutine's end is when it has been awaited."""

    @functools.wraps(function)
    def passing(*arguments: Any, **named: Any) -> Any:
        if failpoint.when == "before":
            trigger.passed(failpoint.name)
            return function(*arguments, **named)
        result = function(*arguments, **named)
        if inspect.isawaitable(result):
            return _then(result, failpoint, trigger)
        trigger.passed(failpoint.name)
        return result

    return passing


async def _then(result: Awaitable[Any], failpoint: Failpoint, trigger: Trigger) -> Any:
    found = await result
    trigger.passed(failpoint.name)
    return found


def main(arguments: list[str]) -> None:
    """Run the service whose module is named."""
    (module,) = arguments
    trigger = Trigger(Path(os.environ["CHAOS_ORDERS"]), lambda number: os.kill(os.getpid(), number))
    service = module.rpartition(".")[2]
    trigger.poll()  # an order may be there already: for what happens only at the beginning
    for failpoint in ALL:
        if service in failpoint.services:
            wrap(failpoint, trigger)
    threading.Thread(target=trigger.poll_forever, name="orders", daemon=True).start()
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
