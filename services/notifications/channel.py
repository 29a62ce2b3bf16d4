"""What a way to a partner must be able to do. On one kind the partner comes to us (`Channel`), on the other we call the
partner (`PushChannel`). Permission, order, retries, attempts and outcomes are the same for all and stand elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.notifications import metrics
from services.notifications.documents import (
    DUE,
    WAITING,
    ChannelName,
    DeliveryDocument,
    SecretEntry,
    SubscriptionDocument,
)
from services.notifications.domain.attempt_verdict import Verdict
from shared.kit.store.unit_of_work import Need, UnitOfWork

# this delivery may be sent from its ``due`` on, by this channel
Due = Callable[[UnitOfWork, DeliveryDocument, ChannelName], None]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a new subscription keeps of its channel, sealed. ``secret`` is shown once and never again."""

    target: bytes | None = None
    secrets: list[SecretEntry] = field(default_factory=list)
    secret: str | None = field(default=None, repr=False)


class Channel(ABC):
    """A way to a partner, as far as subscribing and fan-out go."""

    name: ChannelName

    @abstractmethod
    async def configure(self, subscription: str, agency: str, url: str | None) -> Configuration:
        """Check what a new subscription says. Raises a 422 problem with field, rule and remedy."""

    def place(self, target: str | None) -> object:
        """Where a target leads: equal for all ways to write the same. Of what `configure` has taken."""
        return target

    def needs(self, recipient: str) -> Iterable[Need]:
        """What `accept` reads."""
        return ()

    @property
    def longest(self) -> timedelta:
        """How long an attempt of ours may take: what one hands over later could come behind its own recall. None where
        the partner comes to us."""
        return timedelta(0)

    @abstractmethod
    def accept(self, work: UnitOfWork, delivery: DeliveryDocument, first: bool) -> None:
        """Take a new delivery in (or one whose turn has come): set its state. ``first``: it need not wait for an
        earlier one."""


class PushChannel(Channel):
    """A channel on which we call the partner. ``on_due`` tells the dispatcher that there is something to send;
    ``spread``: deliveries wait a share of it (each its own), so that times at two partners tell less. ``most_asked``:
    how often, and within which time, an agency may have an endpoint of this channel asked or tested; whose it is we do
    not know before."""

    most_asked: tuple[int, timedelta] = (20, timedelta(minutes=10))

    def __init__(self, on_due: Due, spread: timedelta = timedelta(0)) -> None:
        self._on_due = on_due
        self._spread = spread

    def accept(self, work: UnitOfWork, delivery: DeliveryDocument, first: bool) -> None:
        """Due at once when it need not wait for another, else waiting for its turn. When that has come, it is due since
        it was said: among all others it keeps its place."""
        share = int(delivery["_id"][:8], 16) / 2**32
        said = delivery.get("due") if delivery["state"] == WAITING else None
        due = said or work.now + self._spread * share
        delivery.update({"state": DUE if first else WAITING, "due": due})
        delivery.setdefault("since", due)
        if first:
            self._on_due(work, delivery, self.name)

    async def send(self, endpoint: SubscriptionDocument, notice: str, body: bytes, now: datetime) -> Verdict:
        """One attempt, counted by what came of it at once: not only when it is written down, or given up after days."""
        verdict = await self.attempt(endpoint, notice, body, now)
        metrics.attempts.of(channel=self.name, outcome=verdict.counted_as(), reason=verdict.reason or "none").inc()
        return verdict

    @property
    @abstractmethod
    def longest(self) -> timedelta:
        """More than none."""

    @abstractmethod
    async def attempt(self, endpoint: SubscriptionDocument, notice: str, body: bytes, now: datetime) -> Verdict:
        """One attempt, bounded in time and memory. Never raises for anything the partner does. ``body``: the structured
        CloudEvent, the same bytes at every attempt."""

    async def permitted(self, endpoint: SubscriptionDocument) -> bool:
        """Whether the endpoint says in a handshake of its protocol that it wants our events. Never raises for anything
        the partner does."""
        return False

    async def close(self) -> None:
        """Let go of connections."""
        return
