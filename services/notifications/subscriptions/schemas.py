"""What partners say of their subscriptions and are answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, StringConstraints

from services.notifications.channels.client_tls import ClientTls, TlsSummary
from services.notifications.documents import (
    ChannelName,
    DeliveryDocument,
    Order,
    SubscriptionDocument,
    SubscriptionState,
)
from services.notifications.domain.attempt_phase import Phase, phase_of
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.schemas import Schema
from services.notifications.subscriptions import subscription_options
from shared.kit.web.json_types import WHOLE, Number
from shared.reference import Pack

Url = Annotated[str, StringConstraints(min_length=8, max_length=500)]
Secret = Annotated[str, StringConstraints(max_length=100)]
# strict, as events are: true is no number, and "yes" is nothing that we should guess at
PerSecond = Annotated[Number, Field(ge=0.1, le=1_000, allow_inf_nan=False)]
BlockedHeadSeconds = Annotated[int, Field(ge=60, le=30 * 86_400, strict=True), WHOLE]
RetryWait = Annotated[Number, Field(ge=1, le=86_400)]
RetryWaits = Annotated[tuple[RetryWait, ...], Field(min_length=1, max_length=20)]
RecallsOnly = Annotated[bool, Field(strict=True)]
AlertsTo = Annotated[str, StringConstraints(min_length=8, max_length=300)]


def _of_text(wanted: object) -> object:
    """Which header has no text is said as of one whose text is wrong: pydantic's own finding would not name it."""
    return subscription_options.headers_of(wanted) if isinstance(wanted, dict) and _not_text(wanted) else wanted


def _not_text(wanted: Mapping[object, object]) -> bool:
    return any(not isinstance(value, str) for value in wanted.values())


Headers = Annotated[dict[str, str], Field(max_length=20), BeforeValidator(_of_text)]


class TlsWanted(Schema):
    """PEM texts. ``certificate`` and its ``key``: by which we show who is calling (mTLS). ``ca``: the only authorities
    that your server's certificate may come from, in the place of those that everybody trusts."""

    certificate: Annotated[str, StringConstraints(max_length=12_000)] | None = None
    key: Annotated[str, StringConstraints(max_length=6_000)] | None = Field(default=None, repr=False)
    ca: Annotated[str, StringConstraints(max_length=24_000)] | None = None


class TlsShown(Schema):
    """Of ``tls``; nothing of the key."""

    certificate_sha256: str | None = None
    certificate_until: datetime | None = None
    own_ca: bool


class SubscriptionChanges(Schema):
    """What is named is changed; null is as if it had never been said. ``headers`` are replaced as a whole. ``order``:
    ``alias``: all that is told of one alias comes one after another, and one that is not taken by an endpoint that is
    well keeps the others waiting no longer than ``blocked_head_seconds``. ``retry_schedule``: waits before the second
    attempt and those after it, in seconds, in the place of ours. ``alerts_to``: ``mailto:`` and an address of e-mail
    that is told of trouble with this subscription, and when it is over."""

    url: Url | None = None
    headers: Headers | None = Field(default=None, repr=False)
    tls: TlsWanted | None = Field(default=None, repr=False)
    filter: dict[str, Any] | None = None
    recalls_only: RecallsOnly | None = None
    per_second: PerSecond | None = None
    order: Order | None = None
    blocked_head_seconds: BlockedHeadSeconds | None = None
    retry_schedule: RetryWaits | None = None
    alerts_to: AlertsTo | None = Field(default=None, repr=False)

    def wishes(
        self, pack: Pack, secret: str | None = None, kept_filter: str | None = None
    ) -> subscription_options.Wishes:
        """Checked. Raises a 422 problem, Refused."""
        return subscription_options.Wishes(
            url=self.url,
            secret=subscription_options.secret_of(secret),
            headers=subscription_options.headers_of(self.headers or {}),
            tls=ClientTls(**self.tls.model_dump()) if self.tls else None,
            filter=subscription_options.filter_of(self.filter, pack, kept_filter),
            recalls_only=bool(self.recalls_only),
            per_second=self.per_second,
            order=self.order,
            blocked_head_seconds=self.blocked_head_seconds,
            retry_waits=self.retry_schedule,
            alerts_to=subscription_options.alerts_to_of(self.alerts_to),
        )


class SubscriptionWanted(SubscriptionChanges):
    """``url`` and all that follows for a webhook only, but for ``filter``, ``recalls_only`` and ``alerts_to``. With a
    ``secret`` of your own it begins at once; else it begins with ``resume``, once you have installed the one that is
    answered."""

    channel: ChannelName
    secret: Secret | None = Field(default=None, repr=False)


class SecretWanted(Schema):
    """Your own new secret; without one we make it."""

    secret: Secret | None = Field(default=None, repr=False)


class SubscriptionShown(Schema):
    """``state``: active; unconfirmed (begins with ``resume``); paused; disabled, with the reason. ``failing``: bad
    answers in a row, counted up to 20, the first ``failing_since``; ``ends_at``: when the subscription is disabled if
    that goes on. ``bounced_at``, ``alerts_bounced_at``: when a mail to its mailbox, or to ``alerts_to``, last came back
    undelivered for good, which did not say that there is no such mailbox. ``headers``: names only."""

    subscription: str
    channel: ChannelName
    state: SubscriptionState
    reason: str | None = None
    url: str | None = None
    headers: list[str]
    tls: TlsShown | None = None
    filter: dict[str, Any] | None = None
    recalls_only: bool
    per_second: float | None = None
    order: Order | None = None
    blocked_head_seconds: int | None = None
    retry_schedule: list[float] | None = None
    alerts_to: str | None = None
    failing: int
    failing_since: datetime | None = None
    ends_at: datetime | None = None
    held_until: datetime | None = None
    bounced_at: datetime | None = None
    alerts_bounced_at: datetime | None = None

    @classmethod
    def of(
        cls,
        document: SubscriptionDocument,
        url: str | None,
        headers: list[str],
        ends_at: datetime | None,
        tls: TlsSummary | None = None,
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
            tls=None if tls is None else TlsShown(**asdict(tls)),
            filter=subscription_options.shown_filter(document),
            recalls_only=document.get("recalls_only", False),
            per_second=document.get("per_second"),
            order=document.get("order"),
            blocked_head_seconds=document.get("blocked_head_seconds"),
            retry_schedule=(document.get("retry_schedule") or [0.0])[1:] or None,
            failing=document["failures"],
            failing_since=document.get("failing_since"),
            ends_at=ends_at,
            held_until=document["held_until"],
            bounced_at=document.get("bounced_at"),
            alerts_bounced_at=document.get("alerts_bounced_at"),
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
