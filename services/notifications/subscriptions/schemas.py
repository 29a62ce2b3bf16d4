"""What partners say of their subscriptions and are answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints

from services.notifications.documents import ChannelName, DeliveryDocument, SubscriptionDocument, SubscriptionState
from services.notifications.domain.attempt_phase import Phase, phase_of
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.schemas import Schema
from services.notifications.subscriptions import subscription_options

Url = Annotated[str, StringConstraints(min_length=8, max_length=500)]
Secret = Annotated[str, StringConstraints(max_length=100)]
PerSecond = Annotated[float, Field(ge=0.1, le=1_000, allow_inf_nan=False)]
Headers = Annotated[dict[str, str], Field(max_length=20)]


class SubscriptionChanges(Schema):
    """What is named is changed; null is as if it had never been said. ``headers`` are replaced as a whole."""

    url: Url | None = None
    headers: Headers | None = Field(default=None, repr=False)
    filter: dict[str, Any] | None = None
    recalls_only: bool | None = None
    per_second: PerSecond | None = None

    def wishes(self, secret: str | None = None) -> subscription_options.Wishes:
        """Checked. Raises a 422 problem."""
        return subscription_options.Wishes(
            url=self.url,
            secret=subscription_options.secret_of(secret),
            headers=subscription_options.headers_of(self.headers or {}),
            filter=subscription_options.filter_of(self.filter),
            recalls_only=bool(self.recalls_only),
            per_second=self.per_second,
        )


class SubscriptionWanted(SubscriptionChanges):
    """``url`` and all that follows for a webhook only, but for ``filter`` and ``recalls_only``. With a ``secret`` of
    your own it begins at once; else it begins with ``resume``, once you have installed the one that is answered."""

    channel: ChannelName
    secret: Secret | None = Field(default=None, repr=False)


class SecretWanted(Schema):
    """Your own new secret; without one we make it."""

    secret: Secret | None = Field(default=None, repr=False)


class SubscriptionShown(Schema):
    """``state``: active; unconfirmed (begins with ``resume``); paused; disabled, with the reason. ``failing``: bad
    answers in a row, counted up to 20, the first ``failing_since``; ``ends_at``: when the subscription is disabled if
    that goes on. ``headers``: names only."""

    subscription: str
    channel: ChannelName
    state: SubscriptionState
    reason: str | None = None
    url: str | None = None
    headers: list[str]
    filter: dict[str, Any] | None = None
    recalls_only: bool
    per_second: float | None = None
    failing: int
    failing_since: datetime | None = None
    ends_at: datetime | None = None
    held_until: datetime | None = None

    @classmethod
    def of(
        cls,
        document: SubscriptionDocument,
        url: str | None,
        headers: list[str],
        ends_at: datetime | None,
        **more: str | None,
    ) -> Self:
        """As it is stored, and its URL opened."""
        return cls(
            subscription=document["_id"],
            channel=document["channel"],
            state=document["state"],
            reason=document["reason"],
            url=url,
            headers=headers,
            filter=subscription_options.shown_filter(document),
            recalls_only=document.get("recalls_only", False),
            per_second=document.get("per_second"),
            failing=document["failures"],
            failing_since=document.get("failing_since"),
            ends_at=ends_at,
            held_until=document["held_until"],
            **more,
        )


class SubscriptionMade(SubscriptionShown):
    """With the webhook's secret if we made it, which is never shown again."""

    secret: str | None = None


class SubscriptionList(Schema):
    """All subscriptions of the caller."""

    subscriptions: list[SubscriptionShown]


class EndpointTested(Schema):
    """What came of a test event, as in the log of an attempt."""

    outcome: str
    reason: str | None
    phase: Phase | None

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """Nothing of the partner's own words."""
        return cls(outcome=verdict.outcome, reason=verdict.reason, phase=phase_of(verdict.reason))


class FilterTried(Schema):
    """A filter to be tried on what was sent."""

    filter: dict[str, Any]


class FilterTrial(Schema):
    """Of so many ``notices`` that were sent, a fair sample, so many are ``wanted`` by the filter; some of these."""

    notices: int
    wanted: int
    deliveries: list[str]

    @classmethod
    def of(cls, sent: int, wanted: list[DeliveryDocument]) -> Self:
        """The first few are named."""
        return cls(notices=sent, wanted=len(wanted), deliveries=[each["_id"] for each in wanted[:20]])
