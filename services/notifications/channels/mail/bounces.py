"""What follows from a report that a mail could not be delivered (decision 70).

Whom it is about its envelope's recipient says, which only we can have written (return_path.py); the report only says
why (domain/bounce_report.py). A mailbox that does not exist ends its subscription, as it does when the mail server says
so at once. All else that is for good is shown, to its agency and to operators: a full mailbox or somebody's policy
passes, and attempts are not counted, for which of them the report is about nobody can tell. What is no such report says
nothing, and is counted.
"""

from __future__ import annotations

from typing import Literal

from services.notifications import metrics
from services.notifications.channels.credentials import Credentials
from services.notifications.channels.mail.return_path import ReturnPath, ReturnTag
from services.notifications.delivery.transitions import BounceOutcome, DeliveryTransitions
from services.notifications.documents import SubscriptionDocument
from services.notifications.domain.bounce_report import Failure, failures_of, said_of
from services.notifications.domain.mail_address_rules import address_of
from services.notifications.owner_troubles import MAILED
from shared.kit.store.store import Store


class Bounces:
    """Nothing of a report is kept or logged: only what became of it is counted."""

    def __init__(
        self, store: Store, credentials: Credentials, returns: ReturnPath, transitions: DeliveryTransitions
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._returns = returns
        self._transitions = transitions

    async def heard(self, tag: ReturnTag, content: bytes) -> None:
        """Returns once what follows is committed. Raises Unavailable when the database does not take it."""
        failures = failures_of(content)
        outcome = await self._follow(tag, failures) if failures else "soft"
        metrics.bounces.of(outcome=outcome).inc()

    async def _follow(self, tag: ReturnTag, failures: tuple[Failure, ...]) -> BounceOutcome:
        return await self._store.submit(
            self._transitions.bounced(tag.subscription, lambda endpoint: self._judged(endpoint, tag, failures))
        )

    def _judged(
        self, endpoint: SubscriptionDocument, tag: ReturnTag, failures: tuple[Failure, ...]
    ) -> Literal["gone", "bounced_at", "alerts_bounced_at"] | None:
        if self._returns.names(tag, endpoint.get("alerts_to")):
            return "alerts_bounced_at"  # it is told of trouble, and is none of what the subscription leads to
        if endpoint["channel"] not in MAILED or not self._returns.names(tag, endpoint["target"]):
            return None
        to = address_of(self._credentials.target_of(endpoint) or "")
        return "gone" if said_of(to, failures) == "gone" else "bounced_at"
