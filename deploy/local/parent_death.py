"""Runs a command that dies with its parent: `python parent_death.py PARENT COMMAND...`. Standard library only.

Linux sends PR_SET_PDEATHSIG to the child when the *thread* that started it ends, even if the parent was killed with
SIGKILL. It survives execv, so after this small step nothing of Python is left in the process. SIGKILL and not SIGTERM,
because a stopped (SIGSTOP) server would never take a SIGTERM; mongod's journal is made for that.
A step of its own and not `preexec_fn`, which may dead-lock in a parent with threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Tie this process to `parent` and become `command`. Ends at once if the parent is gone already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it died before the call above could see it
        os._exit(1)
    os.execv(command[0], command)  # noqa: S606  no shell is wanted here


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
