"""The kinds of broker that `KAFKA=` may name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deploy.apache.broker import ApacheBroker
from deploy.embedded.broker import Broker, EmbeddedBroker
from deploy.embedded.errors import StartError

BROKERS: dict[str, Callable[[int, Path], Broker]] = {"embedded": EmbeddedBroker, "apache": ApacheBroker}
"""Each made from a port and a folder for its log and data, without users."""


def broker_of(kind: str, port: int, folder: Path, *, users: bool = False) -> Broker:
    """A broker of that kind, not started. ``users``: with users and their rights, if the kind knows any. Raises
    StartError for a kind that this version does not bring."""
    if users and kind == ApacheBroker.kind:
        return ApacheBroker(port, folder, users=True)
    if kind not in BROKERS:
        raise StartError(f"no broker of kind {kind!r} comes with this version", f"KAFKA={' or '.join(BROKERS)}")
    return BROKERS[kind](port, folder)
