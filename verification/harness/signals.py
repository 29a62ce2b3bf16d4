"""How a program of this folder is told to stop."""

from __future__ import annotations

import signal


def stop_on_sigterm() -> None:
    """SIGTERM stops like Ctrl-C: `asyncio.run` cancels what it runs, everything is stopped in order, KeyboardInterrupt
    comes out. Also where Ctrl-C was ignored, as in a shell's background.

    Not by raising from the handler itself: that would come out of whatever runs at the moment, and might be lost there.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
