"""A new key in place of the old one, so that at every moment there is a file with a key that works.

The new key lies beside the old one (`FILE.new`) before its hash is told; the old one gets its last day from the new
one, which so has shown that it works; then the new file takes the place of the old. Killed anywhere, the same again
goes on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from clients.ieum.hub import Hub, Key, NotAllowed, RefusedByHub

TRIES, PAUSE = 100, 0.3  # a key counts within a second of being registered


def rotate(file: Path, old: Key, key_id: str | None, grace_days: int, hub: Callable[[Key], Hub]) -> Key:
    """The key that is in the file now. Raises what the hub raises."""
    beside = file.with_name(file.name + ".new")
    if not beside.exists():
        write_key(beside, Key.new(key_id or next_id(old.key_id)))
    new = Key.parse(beside.read_text())
    with hub(new) as as_new:
        if not _works(as_new):
            with hub(old) as as_old:
                as_old.add_key(new)
            for _ in range(TRIES):
                if _works(as_new):
                    break
                as_new.pause(PAUSE)
            else:
                raise NotAllowed(401, {"detail": "the new key does not work yet; nothing has changed for the old one"})
        try:
            as_new.end_key(old.key_id, grace_days)
        except RefusedByHub as refused:
            if refused.status != 404:  # ended already, before it was killed
                raise
    beside.replace(file)
    return new


def next_id(key_id: str) -> str:
    """`gjf-1` is followed by `gjf-2`, `gjf` by `gjf-2`."""
    found = re.fullmatch(r"(.*?)-?(\d{1,6})", key_id)
    stem, number = (found[1], int(found[2])) if found and found[1] else (key_id, 1)
    return f"{stem[:33]}-{number + 1}"


def write_key(file: Path, key: Key) -> None:
    """For the owner's eyes only, whole or not at all. Raises FileExistsError."""
    half = file.with_name(f".{file.name}.half")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(key.token + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(half, file)
    finally:
        half.unlink()


def _works(hub: Hub) -> bool:
    try:
        hub.keys()
    except NotAllowed:
        return False
    return True
