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

from clients.ieum.api_client import Hub, Key, NotAllowed, RefusedByHub

TRIES, PAUSE = 100, 0.3  # a key counts within a second of being registered


def rotate(file: Path, old: Key, key_id: str | None, grace_days: int, hub: Callable[[Key], Hub]) -> Key:
    """The key that is in the file now. Raises what the hub raises, and ValueError when one of another name is half
    done."""
    beside = file.with_name(file.name + ".new")
    new = _begun(beside, old, key_id, hub)
    with hub(new) as as_new:
        if not _works(as_new):
            with hub(old) as as_old:
                try:
                    as_old.add_key(new)
                except RefusedByHub:  # it is not registered and never will be: the next one may have another name
                    beside.unlink()
                    raise
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


def last_day(hub: Hub) -> str | None:
    """Of the key that asks, where it has one."""
    found = hub.keys()
    return next((one.get("until") for one in found if one.get("calling")), None)


def _begun(beside: Path, old: Key, key_id: str | None, hub: Callable[[Key], Hub]) -> Key:
    """The key that lies beside the old one, or a new one where none does, or one of another name that does not work.
    One that works is never thrown away: it may be the only one."""
    if beside.exists():
        begun = Key.parse(beside.read_text())
        if key_id in (None, begun.key_id):
            return begun
        with hub(begun) as as_begun, hub(old) as as_old:
            if _works(as_begun) or not _works(as_old):
                raise ValueError(f"{beside} holds {begun.key_id}, which is half done: finish it without --key-id first")
        beside.unlink()
    new = Key.new(key_id or next_id(old.key_id))
    write_key(beside, new)
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
