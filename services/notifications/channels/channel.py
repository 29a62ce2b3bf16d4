"""What a way to a partner must be able to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from services.notifications.documents import About, DeliveryDocument, SubscriptionDocument
from services.notifications.domain.verdict import Answer
from shared.kit.store.unit_of_work import Need, UnitOfWork

Wake = Callable[[str, About], None]  # the subscription, and whether a notice or a recall is due

# Errors of an `Answer` after which nothing can have reached the partner.
NOTHING_LEFT = frozenset({"no-connection", "tls", "url", "secret"})


class Channel(Protocol):
    """A way to a partner, as far as fan-out goes."""

    name: str

    def needs(self, recipient: str) -> Iterable[Need]:
        """What `accept` reads."""

    def accept(self, work: UnitOfWork, delivery: DeliveryDocument, first: bool) -> None:
        """Take a new delivery in (or one whose turn has come): set its state. ``first``: it need not wait for an
        earlier one."""


class Push(Channel, Protocol):
    """A channel on which we call the partner; the dispatcher does so."""

    async def send(self, endpoint: SubscriptionDocument, notice: str, body: bytes, now: datetime) -> Answer:
        """One attempt, bounded in time and memory. Never raises for anything the partner does."""
