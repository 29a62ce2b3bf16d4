"""A partner's own memory: a folder with what it received, how far it has read, and what it has acknowledged."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from samples.partners.held import Received


class PartnerStore:
    """Appends are flushed before they return: what was acknowledged is on disk. One writer per folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._received, self._acknowledged = folder / "received.jsonl", folder / "acknowledged.jsonl"
        self._cursor, self._secret, self._url = folder / "cursor", folder / "secret", folder / "url"

    def receive(self, event: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        """Write down a CloudEvent as it came, with the headers it came with."""
        notice = event["data"]["notice"]
        if notice not in self._done:
            self._open[notice] = None
        _append(self._received, {"at": time.time(), "event": event, "headers": dict(headers)})

    def received(self) -> list[Received]:
        """Everything that arrived, in the order of arrival."""
        return [Received(line["at"], line["event"]) for line in _lines(self._received)]

    def size(self) -> int:
        """Something that grows with everything that arrives or is acknowledged."""
        return sum(path.stat().st_size for path in (self._received, self._acknowledged) if path.exists())

    def acknowledge(self, notices: Iterable[str]) -> None:
        """Remember that these were acknowledged and that the hub has taken the acknowledgement."""
        told = list(notices)
        if told:
            _append(self._acknowledged, {"at": time.time(), "notices": told})
        self._done.update(told)
        for notice in told:
            self._open.pop(notice, None)

    def acknowledged(self) -> frozenset[str]:
        """Everything that was acknowledged."""
        return frozenset(notice for line in _lines(self._acknowledged) for notice in line["notices"])

    def unacknowledged(self) -> list[str]:
        """What arrived and was not acknowledged yet: after a restart it still has to be."""
        return list(self._open)

    @cached_property
    def _done(self) -> set[str]:
        return set(self.acknowledged())

    @cached_property
    def _open(self) -> dict[str, None]:
        return dict.fromkeys(one.notice for one in self.received() if one.notice not in self._done)

    @property
    def cursor(self) -> str:
        """How far the feed was read; empty at the beginning."""
        return self._cursor.read_text() if self._cursor.exists() else ""

    @cursor.setter
    def cursor(self, value: str) -> None:
        _replace(self._cursor, value)

    def secret_of(self, url: str) -> str | None:
        """The secret of the signatures at this address, told once at subscription; None: not subscribed with it."""
        known = self._url.exists() and self._secret.exists() and self._url.read_text() == url
        return self._secret.read_text() if known else None

    def keep_secret(self, url: str, secret: str) -> None:
        """Subscribed with this address: keep the secret."""
        _replace(self._secret, secret)
        _replace(self._url, url)


def _append(path: Path, line: Mapping[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Whole lines only: the last one may be in the middle of being written."""
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                yield json.loads(line)


def _replace(path: Path, text: str) -> None:
    half = path.with_name(f".{path.name}.half")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    half.replace(path)
