"""How a program of this folder begins and ends on the command line: the codes of its ends, and how it is stopped."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from deploy.local.errors import StartError
from verification.harness.senders import HubUnavailable

COULD_NOT_RUN, STOPPED = 2, 130


@contextmanager
def running(lacking: Sequence[object] = ()) -> Iterator[None]:
    """For the work of a program. Ends the process in words: with `COULD_NOT_RUN` when something is ``lacking``, or a
    part did not start or the hub did not answer; with `STOPPED` by Ctrl-C or SIGTERM."""
    if lacking:
        _end(COULD_NOT_RUN, *lacking)
    stop_on_sigterm()
    try:
        yield
    except (StartError, HubUnavailable) as error:
        _end(COULD_NOT_RUN, error)
    except KeyboardInterrupt:
        _end(STOPPED, "stopped")


def stop_on_sigterm() -> None:
    """SIGTERM stops like Ctrl-C: `asyncio.run` cancels what it runs, everything is stopped in order, KeyboardInterrupt
    comes out. Also where Ctrl-C was ignored, as in a shell's background.

    Not by raising from the handler itself: that would come out of whatever runs at the moment, and might be lost there.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


def _end(code: int, *words: object) -> NoReturn:
    print(*words, sep="\n", file=sys.stderr)
    raise SystemExit(code) from None
