"""Where runs keep their data, and the folder that one stack works in. Standard library only."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path
from typing import IO

from deploy.local.errors import StartError

DATA = Path(".data")
STACK = "stack"
"""The folder of broker and database, in that of the run that it belongs to."""
LOCK = "lock"
KEYS = "keys.json"
OWNER_ONLY = 0o700
_MADE_HERE = {STACK, LOCK, KEYS}


def data_folder() -> Path:
    """Where runs keep their data: DATA=, else `.data`."""
    return Path(os.environ.get("DATA") or DATA)


def private(folder: Path) -> Path:
    """The folder, made if need be, for its owner alone: it holds keys and a database.

    One of an earlier run that others may enter is closed (0700). One that holds other things, or is somebody else's, is
    refused: it is not ours to close. Raises StartError; an OSError when it cannot be made.
    """
    folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    found = folder.stat()
    if stat.S_IMODE(found.st_mode) & 0o077:
        ours = found.st_uid == os.getuid() and not found.st_mode & stat.S_ISVTX
        if not ours or not (_MADE_HERE & (names := set(os.listdir(folder))) or not names):
            raise StartError(
                f"{folder} is open to other users of this machine",
                f"choose another folder (DATA=), or, if it is yours alone: chmod 700 {folder}",
            )
        folder.chmod(OWNER_ONLY)
    return folder


def lock(folder: Path) -> IO[str]:
    """Make the folder if need be and hold it until the returned file is closed or this process ends.

    Raises StartError when another process holds it, or when it cannot be made or written to.
    """
    try:
        private(folder)
        file = (folder / LOCK).open("a+")
    except OSError as error:
        raise StartError(f"{folder} cannot be written to: {error.strerror}", "choose another folder: DATA=") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise in_use(folder, holder_of(folder)) from None
    with contextlib.suppress(OSError):  # a full disk: the lock itself holds all the same
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
    return file


def holder_of(folder: Path) -> str | None:
    """The process that holds the folder, as its id ("unknown" if it did not write it); None when nobody does."""
    try:
        with (folder / LOCK).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return file.read().strip() or "unknown"
    except OSError:  # no such file: nobody has ever been here
        pass
    return None


def in_use(folder: Path, holder: str | None) -> StartError:
    """The refusal of a second stack on one folder."""
    return StartError(
        f"{folder} is in use by process {holder}",
        f"end that run first (Ctrl-C there, or `kill {holder}`), or choose another folder: DATA=",
    )
