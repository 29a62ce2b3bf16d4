"""What every kind of broker does for the local stack, and the kinds that `KAFKA=` may name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from deploy.local.apache.broker import ApacheBroker
from deploy.local.embedded.broker import EmbeddedBroker
from deploy.local.errors import StartError
from deploy.rights.login import Login


class Broker(Protocol):
    """What the stack, the demo and the tests need of any kind of broker (process.Server says what a call promises)."""

    kind: str
    keeps_its_log: bool
    """Whether topics and records survive `restart`."""
    users: bool
    """Whether clients must show who they are, and may only do what is theirs."""
    idempotent_producer: bool
    """Whether it knows InitProducerId. A setting of the services, never guessed from the answer."""
    port: int
    variable: str
    """The environment variable that chooses the port."""
    debug: bool
    """Whether it logs all it can."""

    @property
    def address(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def restart(self) -> None: ...
    def answers(self) -> bool: ...
    def login(self, user: str) -> Login: ...


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
