"""A folder whose files are sent as they come, on the agency's own machine: Ieum sees only events.

A file is taken once it has rested: the same size and time of change at two looks. What is still being written under
another name (a dot in front, `.part`, `.tmp`), folders, links and devices are passed over. What became of it is told
beside it (`NAME.result.json`, findings in `NAME.report.csv`); then the file is removed, if it is still the one that was
sent. Killed anywhere, the file is there and is sent again, which is safe: its rows have the same ids.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from typing import Any, BinaryIO

from clients.ieum.api_client import Away
from clients.ieum.sending import Door, line_of, send
from shared.files import Converter, Line, Report, Unreadable
from shared.files.text_encoding import encoding_of
from shared.reference import Pack

ENDINGS = frozenset({".csv", ".tsv", ".txt", ".xlsx", ".json", ".jsonl", ".ndjson", ".xml"})
TOLD = (".report.csv", ".result.json")
REFUSED = ".refused"  # behind the name of a file of which something was not taken
LONGEST_NAME = 230  # bytes, so that there is room for what is told beside it
MOST_FILES = 1_000  # at one look
Make = Callable[[datetime], Converter]


@dataclass(frozen=True, slots=True)
class Seen:
    """Which file it is, and as of when."""

    device: int
    inode: int
    size: int
    changed: int

    @classmethod
    def of(cls, found: os.stat_result) -> Seen:
        """As the system tells."""
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a file. `settled`: all of it was decided, so that it is gone now."""

    name: str
    settled: bool
    result: dict[str, Any]


class Folder:
    """One folder, looked at again and again. One watcher at a time."""

    def __init__(self, path: Path, door: Door, make: Make, type: str | None, pack: Pack, language: str) -> None:
        """`make`: a converter for what was made at a moment; `type`: of its events, where no column says it."""
        self._path, self._door, self._make = path, door, make
        self._type, self._pack, self._language = type, pack, language
        self._resting: dict[str, Seen] = {}

    def look(self) -> list[Taken]:
        """Take what has rested since the look before, the oldest first. Raises what sending raises (Away): then the
        file stays, and those behind it."""
        found = self._there()
        rested = [name for name, seen in found.items() if self._resting.get(name) == seen]
        self._resting = found
        taken = []
        for name in sorted(rested, key=lambda name: (found[name].changed, name)):
            try:
                one = self._take(name, found[name])
            except OSError:  # no room, no right: this one waits, those behind it do not
                continue
            if one is not None:
                taken.append(one)
        return taken

    def _there(self) -> dict[str, Seen]:
        found: dict[str, Seen] = {}
        with os.scandir(self._path) as entries:
            for entry in entries:
                if len(found) >= MOST_FILES:
                    break
                if not _may_be_taken(entry.name):
                    continue
                with suppress(OSError):  # gone since
                    known = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(known.st_mode) and known.st_nlink == 1:
                        found[entry.name] = Seen.of(known)
        return found

    def _take(self, name: str, seen: Seen) -> Taken | None:
        path = self._path / name
        try:
            # never through a link, and never waiting for a pipe that took the name since
            opened = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        except OSError:
            return None
        with os.fdopen(opened, "rb") as stream:
            if Seen.of(os.fstat(opened)) != seen:
                return None
            encoding = "utf-8-sig" if stream.read(2) == b"PK" else encoding_of(stream)
            stream.seek(0)
            report = _Beside(path, encoding)
            try:
                rows = self._make(datetime.fromtimestamp(seen.changed / 1e9, UTC)).convert(stream, self._type)
                tally = send(rows, self._door, self._pack, self._language, report.tell, lambda _: None)
                result, settled, taken = tally.as_json(), not tally.statuses["failed"], tally.good
            except Unreadable as unreadable:
                line = line_of(unreadable, self._pack, self._language)
                report.tell(line)
                result, settled, taken = {"stopped": line.rule}, True, False
            finally:
                report.end()
        result = {"file": name, "settled": settled, "findings": report.count, **result}
        _write(path.with_name(name + TOLD[1]), json.dumps(result, ensure_ascii=False).encode())
        if settled:
            self._put_away(path, seen, taken)
        return Taken(name, settled, result)

    def _put_away(self, path: Path, seen: Seen, taken: bool) -> None:
        """Removed once all of it is taken; else under another name, so that nothing in it is lost."""
        with suppress(FileNotFoundError):
            if Seen.of(path.lstat()) != seen:  # it was written anew, and comes next
                return
            if taken:
                path.unlink()
            else:
                path.replace(path.with_name(path.name + REFUSED))


def watch(folder: Folder, rest: float, once: bool, tell: Callable[[dict[str, Any]], None]) -> list[Taken]:
    """Look, and look again when a file may have rested; for ever, or until what is there now was taken."""
    folder.look()
    while True:
        sleep(rest)
        try:
            taken = folder.look()
        except Away:
            if once:
                raise
            continue  # what was not answered is still there
        for one in taken:
            tell(one.result)
        if once:
            return taken


class _Beside:
    """The findings of a file, written beside it once it is done."""

    def __init__(self, path: Path, encoding: str) -> None:
        self.count = 0
        self._target = path.with_name(path.name + TOLD[0])
        self._half = path.with_name(f".{path.name}.half")
        self._encoding = encoding
        self._stream: BinaryIO | None = None
        self._report: Report | None = None

    def tell(self, line: Line) -> None:
        """One more."""
        if self._report is None:
            self._stream = _new(self._half)
            self._report = Report(self._stream, self._encoding)
        self.count += 1
        self._report.add(line)

    def end(self) -> None:
        """Put it in its place; nothing stays there of an earlier time."""
        if self._report is None or self._stream is None:
            self._target.unlink(missing_ok=True)
            return
        self._report.end()
        self._stream.close()
        self._half.replace(self._target)


def _may_be_taken(name: str) -> bool:
    if len(os.fsencode(name)) > LONGEST_NAME or name.startswith((".", "~")):
        return False
    return not name.endswith(TOLD) and Path(name).suffix.lower() in ENDINGS


def _new(path: Path) -> BinaryIO:
    """For the owner alone, and never through a link that lies in wait under that name."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _write(path: Path, content: bytes) -> None:
    half = path.with_name(f".{path.name}.half")
    with _new(half) as file:
        file.write(content)
    half.replace(path)
