"""The feed as files, for partners whom nobody can call: `<alias>/<opportunity>.json`, one for each that is proposed.

A recall removes what is held under its alias, and then says so. Killed anywhere, it goes on where it was: first the
files, then what is to be acknowledged, then the cursor, then the acknowledgement.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clients.ieum.api_client import Hub

_ID = re.compile(r"[0-9a-f]{32}")


class Folder:
    """What a partner holds. One reader at a time."""

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._cursor, self._told = path / ".cursor", path / ".unacknowledged"

    @property
    def cursor(self) -> str:
        """How far the feed was read."""
        return self._cursor.read_text() if self._cursor.exists() else ""

    @property
    def unacknowledged(self) -> list[str]:
        """What is dealt with, and not yet said."""
        return self._told.read_text().split() if self._told.exists() else []

    def take(self, events: list[dict[str, Any]], cursor: str) -> None:
        """A page of the feed. Raises ValueError for an event that is none of ours."""
        told = self.unacknowledged
        for event in events:
            data = event["data"]
            for name in ("notice", "alias", *(("opportunity",) if event["type"] == "notice" else ())):
                if not isinstance(data.get(name), str) or not _ID.fullmatch(data[name]):
                    raise ValueError("an entry of the feed without its ids")
            if event["type"] == "recall":
                self._recall(data["alias"], int(data["version"]))
            elif event["type"] == "notice":
                self._notice(data)
            told.append(data["notice"])
        _write(self._told, "\n".join(told))
        _write(self._cursor, cursor)

    def acknowledged(self) -> None:
        """It was said."""
        self._told.unlink(missing_ok=True)

    def _notice(self, data: dict[str, Any]) -> None:
        folder = self._path / data["alias"]
        target, version = folder / f"{data['opportunity']}.json", int(data["version"])
        if version <= max(_version(target), _version(folder / "recalled")):
            return
        folder.mkdir(mode=0o700, exist_ok=True)
        _write(target, json.dumps({name: value for name, value in data.items() if name != "padding"}))

    def _recall(self, alias: str, version: int) -> None:
        folder = self._path / alias
        folder.mkdir(mode=0o700, exist_ok=True)
        if version > _version(folder / "recalled"):
            _write(folder / "recalled", json.dumps({"version": version}))
        for held in folder.glob("*.json"):
            if _version(held) < version:
                held.unlink()


def pull(hub: Hub, folder: Folder, wait: float, go_on: Callable[[int], bool]) -> int:
    """Read the feed until `go_on` says no after a page (it is told how many entries it had); how many were read."""
    hub.subscribe_to_feed()
    count = 0
    while True:
        if (told := folder.unacknowledged) != []:
            hub.acknowledge(told)
            folder.acknowledged()
        events, cursor = hub.feed(folder.cursor, wait)
        folder.take(events, cursor)
        count += len(events)
        if not go_on(len(events)) and not folder.unacknowledged:
            return count


def _version(path: Path) -> int:
    return int(json.loads(path.read_text())["version"]) if path.exists() else 0


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and readable by nobody else."""
    half = path.with_name(f".{path.name}.half")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
