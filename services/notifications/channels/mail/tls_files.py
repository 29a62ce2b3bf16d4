"""Certificates and authorities in files that somebody renews while we run: read again when they have changed.

Looked at for each new connection, by time, size and inode, so a file that is put in the place of another is seen, too.
What cannot be used keeps the old one in use, and says so until it can: a certificate is put there before its key, and a
rotation that went wrong must end no mail while the old one is good.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Sequence

from services.notifications import metrics
from shared.kit.base.logs import logger

_log = logger("mail")
_Seen = tuple[tuple[int, int, int] | None, ...]


class TlsFiles:
    """``name``: of their setting. ``make`` reads them now, and raises OSError (an SSLError is one) or ValueError.
    Without ``files`` it is called once."""

    def __init__(self, name: str, files: Sequence[str], make: Callable[[], ssl.SSLContext]) -> None:
        self._name = name
        self._files = tuple(files)
        self._make = make
        self._tried = self._look()  # before they are read: what changes meanwhile is seen the next time
        self._context = make()
        self._reading: asyncio.Task[None] | None = None
        self._show(usable=True)

    async def context(self) -> ssl.SSLContext:
        """By what the files say now, or said when they could be used last."""
        if (self._reading is None or self._reading.done()) and self._look() != self._tried:
            self._reading = asyncio.create_task(self._read(), name="tls-files")
        if self._reading is not None and not self._reading.done():
            await asyncio.shield(self._reading)  # whoever asked may hang up: what was read is for the others, too
        return self._context

    async def _read(self) -> None:
        seen = self._look()
        try:
            self._context = await asyncio.to_thread(self._make)
        except (OSError, ValueError):
            self._show(usable=False)
            _log.error("tls_files_not_taken", missing=self._name)
        else:
            self._show(usable=True)
            _log.info("tls_files_taken", part=self._name)
        self._tried = seen  # only now: a reading that was ended has tried nothing

    def _look(self) -> _Seen:
        return tuple(_look_at(file) for file in self._files)

    def _show(self, *, usable: bool) -> None:
        if self._files:
            metrics.tls_files_not_taken.of(kind=self._name).set(not usable)


def _look_at(file: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
